"""Gaussians of a voxel or so along the axes of a ring by a few shifted sums: a matrix an axis would cost the most of a fit."""

import math

import torch

from braggfill.crystal.model.frames import Ring, frames_at_once
from braggfill.crystal.model.shapes import PerAxis, Volume

REACH = 5.0
"""Standard deviations at which the Gaussian ends, at e^-12 of its middle."""
WIDEST = 3.0
"""Largest width in voxels."""
Weights = list[float]
"""Of a symmetrical kernel at lags 0, 1, 2, …"""


def gaussian(width: float, length: int) -> tuple[Weights, Weights]:
    """Kernel of a Gaussian of ``width`` voxels whose sum is 1, on a ring of ``length``, and its derivative by log width.

    Where a step of the fit led to no finite width both are NaN, and so is its loss, by which the step is not taken.
    """
    reach = min(max(math.floor(REACH * width), 1), furthest(length)) if math.isfinite(width) else 0
    squares = [(lag / width) ** 2 for lag in range(reach + 1)]
    heights = [math.exp(-0.5 * square) for square in squares]
    total = 2 * sum(heights) - heights[0]
    kernel = [height / total for height in heights]
    mean_square = 2 * sum(k * square for k, square in zip(kernel, squares, strict=True))
    return kernel, [k * (square - mean_square) for k, square in zip(kernel, squares, strict=True)]


def furthest(length: int) -> int:
    """Largest lag of a kernel on a ring of ``length``."""
    return min(math.ceil(REACH * WIDEST), (length - 1) // 2)


def extended(field: Volume, axis: int, weights: Weights) -> Volume:
    """A field (frames, rows, columns) and, at both ends of an axis, as many lines from the other as a kernel reaches."""
    reach, n = len(weights) - 1, field.shape[axis]
    return torch.cat((field.narrow(axis, n - reach, reach), field, field.narrow(axis, 0, reach)), axis)


def folded(wider: Volume, axis: int, weights: Weights) -> Volume:
    """An extended field folded with a symmetrical kernel along an axis: without the lines that were added to it.

    All of memory is shifted at once; what comes into the added lines by that is left out.
    """
    reach, n = len(weights) - 1, wider.shape[axis] - 2 * (len(weights) - 1)
    stride, flat = wider.stride(axis), wider.flatten()
    edge, length = reach * stride, flat.numel() - 2 * reach * stride
    result = torch.empty_like(wider)
    inside = torch.mul(flat.narrow(0, edge, length), weights[0], out=result.flatten().narrow(0, edge, length))
    for lag, weight in enumerate(weights[1:], 1):
        for shift in (-lag * stride, lag * stride):
            inside.add_(flat.narrow(0, edge + shift, length), alpha=weight)
    return result.narrow(axis, reach, n)


def along(field: Volume, axis: int, weights: Weights) -> Volume:
    """A field (frames, rows, columns) folded with a symmetrical kernel along one axis, which goes on round the border."""
    return folded(extended(field, axis, weights), axis, weights)


def blurred(intensity: Volume, widths: PerAxis) -> Volume:
    """Blur an intensity (frames, rows, columns), in place, with Gaussians of ``widths`` (3,) along its axes."""
    across, rows, columns = (gaussian(w, n)[0] for w, n in zip(widths.tolist(), intensity.shape, strict=True))
    by_row = Ring(intensity, len(across) - 1)
    for frames in frames_at_once(intensity):
        by_row.inside[frames] = along(along(intensity[frames], 2, columns), 1, rows)
    by_row.close()
    for frames in frames_at_once(intensity):
        intensity[frames] = folded(by_row.around(frames, len(across) - 1), 0, across)
    return intensity


class Blur:
    """The blur of an intensity (frames, rows, columns) along columns, rows and frames, and the way back of a gradient.

    Some frames are worked on at a time, so that what is made of them stays in the processor's cache: first ``planes`` for all,
    then ``light`` for all, then ``back`` for all.
    """

    def __init__(self, like: Volume) -> None:
        self.intensity, self.by_column = torch.empty_like(like), torch.empty_like(like)
        self.by_row, self.by_light = (Ring(like, furthest(len(like))) for _ in range(2))

    def begin(self, widths: PerAxis) -> None:
        """Take the Gaussians' widths (3,)."""
        shape = self.intensity.shape
        self.kernels, self.slopes = zip(*(gaussian(w, n) for w, n in zip(widths.tolist(), shape, strict=True)), strict=True)
        self.by_widths = self.intensity.new_zeros(3)

    def planes(self, frames: slice, intensity: Volume) -> None:
        """Blur some frames' intensity along columns and rows."""
        _, rows, columns = self.kernels
        self.intensity[frames] = intensity
        self.by_column[frames] = along(intensity, 2, columns)
        self.by_row.inside[frames] = along(self.by_column[frames], 1, rows)

    def light(self, frames: slice) -> Volume:
        """Some frames of what was blurred along columns and rows, blurred along frames as well."""
        across, _, _ = self.kernels
        return folded(self.by_row.around(frames, len(across) - 1), 0, across)

    def back(self, frames: slice) -> Volume:
        """Gradient by some frames' intensity from that by all light; that by the widths is taken in."""
        across, rows, columns = self.kernels
        by_light = self.by_light.inside[frames]
        by_row = folded(self.by_light.around(frames, len(across) - 1), 0, across)
        by_column = along(by_row, 1, rows)
        by_frame, by_line, by_place = self.slopes
        slopes = (
            (folded(self.by_row.around(frames, len(by_frame) - 1), 0, by_frame), by_light),
            (along(self.by_column[frames], 1, by_line), by_row),
            (along(self.intensity[frames], 2, by_place), by_column),
        )
        self.by_widths += torch.stack([torch.dot(slope.flatten(), by.flatten()) for slope, by in slopes])
        return along(by_column, 2, columns)
