"""Gaussians of a voxel or so along the axes of a ring by a few shifted sums: a matrix an axis would cost the most of a fit."""

import math

import torch
from torch import Tensor

from braggfill.crystal.shapes import PerAxis, Volume, Volumes

REACH = 4.5
"""Standard deviations at which the Gaussian ends, at e^-10 of its middle."""
Weights = list[float]
"""Of a symmetrical kernel at lags 0, 1, 2, …"""


def gaussian(width: float, length: int) -> tuple[Weights, Weights]:
    """Kernel of a Gaussian of ``width`` voxels whose sum is 1, on a ring of ``length``, and its derivative by log width.

    Where a step of the fit led to no finite width both are NaN, and so is its loss, by which the step is not taken.
    """
    reach = min(max(math.ceil(REACH * width), 1), (length - 1) // 2) if math.isfinite(width) else 0
    squares = [(lag / width) ** 2 for lag in range(reach + 1)]
    heights = [math.exp(-0.5 * square) for square in squares]
    total = 2 * sum(heights) - heights[0]
    kernel = [height / total for height in heights]
    mean_square = 2 * sum(k * square for k, square in zip(kernel, squares, strict=True))
    return kernel, [k * (square - mean_square) for k, square in zip(kernel, squares, strict=True)]


def along(field: Volume, axis: int, weights: Weights, out: Volume | None = None) -> Volume:
    """A field (frames, rows, columns) folded with a symmetrical kernel along one axis, which goes on round the border."""
    folded = torch.mul(field, weights[0], out=out)
    n = field.shape[axis]
    for lag, weight in enumerate(weights[1:], 1):
        for to, since, length in ((lag, 0, n - lag), (0, lag, n - lag), (0, n - lag, lag), (n - lag, 0, lag)):
            folded.narrow(axis, to, length).add_(field.narrow(axis, since, length), alpha=weight)
    return folded


def blurred(intensity: Volumes, widths: PerAxis) -> Volumes:
    """Blur intensities (starts, frames, rows, columns) with Gaussians of ``widths`` (starts, 3)."""
    return torch.stack([Blur(field).forth(field, width) for field, width in zip(intensity, widths, strict=True)])


class Blur:
    """The blur of an intensity (frames, rows, columns) along columns, rows and frames, and the way back of a gradient."""

    def __init__(self, like: Volume) -> None:
        self.by_column, self.by_row, self.light, self.spare = (torch.empty_like(like) for _ in range(4))

    def forth(self, intensity: Volume, widths: Tensor) -> Volume:
        """The intensity blurred by Gaussians of ``widths`` (3,)."""
        self.intensity = intensity
        self.kernels = [gaussian(w, n) for w, n in zip(widths.tolist(), intensity.shape, strict=True)]
        along(intensity, 2, self.kernels[2][0], self.by_column)
        along(self.by_column, 1, self.kernels[1][0], self.by_row)
        return along(self.by_row, 0, self.kernels[0][0], self.light)

    def back(self, by_blurred: Volume) -> tuple[Volume, Tensor]:
        """Gradients by the intensity (frames, rows, columns) and by the three log widths (3,), from that by the blurred one."""
        by_widths = []
        for axis, before in enumerate((self.by_row, self.by_column, self.intensity)):
            kernel, slope = self.kernels[axis]
            by_widths.append(torch.dot(along(before, axis, slope, self.spare).flatten(), by_blurred.flatten()))
            by_blurred = along(by_blurred, axis, kernel, before)
        return by_blurred, torch.stack(by_widths)
