"""Random numbers are drawn on the processor, so that a seed means the same ones wherever they are used."""

import torch
from jaxtyping import Float
from torch import Tensor


def poisson_counts(expected: Float[Tensor, "*voxels"], generator: torch.Generator) -> Float[Tensor, "*voxels"]:
    """Counts drawn from Poisson distributions with some expectations, on their device."""
    return torch.poisson(expected.cpu(), generator).to(expected.device)


def normal_numbers(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str) -> Float[Tensor, "*voxels"]:
    """Standard normal numbers, float32, on a device."""
    return torch.randn(shape, generator=generator).to(device)


def seeded(seed: int) -> torch.Generator:
    """A generator of the processor's."""
    return torch.Generator().manual_seed(seed)
