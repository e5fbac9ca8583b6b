"""Random numbers are drawn on the processor, so that a seed means the same ones wherever they are used."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

STARTS = 2
"""Branch of the seed that random starts of phase retrieval are drawn from."""


def poisson_counts(expected: Float[Tensor, "*voxels"], generator: torch.Generator) -> Float[Tensor, "*voxels"]:
    """Counts drawn from Poisson distributions with some expectations, on their device."""
    return torch.poisson(expected.cpu(), generator).to(expected.device)


def normal_numbers(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str) -> Float[Tensor, "*voxels"]:
    """Standard normal numbers, float32, on a device."""
    return torch.randn(shape, generator=generator).to(device)


def seeded(seed: int) -> torch.Generator:
    """A generator of the processor's."""
    return torch.Generator().manual_seed(seed)


def start_generator(seed: int, start: int) -> np.random.Generator:
    """Random numbers of one start, whatever the others are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STARTS, start)))
