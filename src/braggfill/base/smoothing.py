"""Gaussian smoothing as one small matrix for each axis: exact at the borders, and quick on any device and for any width."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from braggfill.base.fourier import along_each_axis
from braggfill.base.randomness import normal_numbers, seeded

LINES_AT_ONCE = 16
"""Frames or rows that are smoothed together in place."""


def gaussian_matrix(length: int, sigma: float, wrap: bool = False) -> Float32[Tensor, "{length} {length}"]:
    """Matrix that smooths an axis with a Gaussian of ``sigma`` voxels; its rows sum to 1.

    Beyond the border the axis goes on round the other side (``wrap``) or is not there: the weights inside make up for it.
    """
    position = torch.arange(length, dtype=torch.float64)
    distance = (position[:, None] - position).abs()
    if wrap:
        distance = torch.minimum(distance, length - distance)
    weights = torch.exp(-0.5 * (distance / max(sigma, 1e-6)) ** 2)
    return (weights / weights.sum(1, keepdim=True)).to(torch.float32)


def gaussian_blur(
    field: Float32[Tensor, "*parts frames rows columns"], sigma: float | tuple[float, float, float], wrap: bool = False
) -> Float32[Tensor, "*parts frames rows columns"]:
    """Smooth the last three axes with Gaussians of ``sigma`` voxels."""
    widths = np.broadcast_to(sigma, 3)
    frames, rows, columns = (
        gaussian_matrix(n, float(s), wrap).to(field.device) for n, s in zip(field.shape[-3:], widths, strict=True)
    )
    return along_each_axis(field, frames, rows, columns)


def blur_in_place(field: Float32[Tensor, "frames rows columns"], sigma: float) -> None:
    """As ``gaussian_blur`` for one field, but in its own memory, a few frames or rows at a time."""
    frames, rows, columns = (gaussian_matrix(n, sigma).to(field.device) for n in field.shape)
    for some in field.split(LINES_AT_ONCE):
        some.copy_(rows @ (some @ columns.T))
    for some in field.split(LINES_AT_ONCE, 1):
        some.copy_((frames @ some.flatten(1)).unflatten(1, some.shape[1:]))


def correlated_field(
    rng: np.random.Generator, shape: Sequence[int], correlation: float, device: torch.device | str = "cpu"
) -> Float32[Tensor, "frames rows columns"]:
    """Gaussian random field, correlated over some voxels, of zero mean and unit variance."""
    white = normal_numbers(tuple(shape), seeded(int(rng.integers(2**62))), device)
    field = gaussian_blur(white, correlation, wrap=True)
    return (field - field.mean()) / field.std()
