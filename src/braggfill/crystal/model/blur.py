"""Gaussians of a voxel or so along the axes of a ring: products of small banded matrices: of whole ones it would cost most."""

import math
from functools import cache

import torch

from braggfill.crystal.model.frames import Ring, frames_at_once
from braggfill.crystal.model.shapes import Band, Line, PerAxis, Volume

REACH = 5.0
"""Standard deviations at which the Gaussian ends, at e^-12 of its middle."""
WIDEST = 3.0
"""Largest width in voxels."""
BLOCK = 16
"""So many lines, or about, come out of one product: with fewer it mostly takes lines in again, with more it adds zeros."""
Lags = list[float]
"""Of a symmetrical kernel at lags 0, 1, 2, …"""


def gaussian(width: float, length: int) -> tuple[Lags, Lags]:
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


@cache
def lines_at_once(length: int) -> int:
    """Lines of a block of which an axis of ``length`` holds a whole number: as near to ``BLOCK`` as its factors allow."""
    factors = (n for n in range(1, length + 1) if length % n == 0)
    return min(factors, key=lambda n: abs(math.log(n / BLOCK)))


class Kernel:
    """A symmetrical kernel, as the matrices that make some lines of an axis of those and of what reaches in from both sides."""

    def __init__(self, weights: Lags, like: Volume) -> None:
        self.reach = len(weights) - 1
        self.weights: Line = like.new_tensor([*weights[:0:-1], *weights])
        self.bands: dict[int, Band] = {}

    def band(self, lines: int) -> Band:
        """The matrix (lines, wider) that makes so many lines of as many and twice the reach."""
        if lines not in self.bands:
            padded = torch.nn.functional.pad(self.weights, (lines - 1, lines - 1))
            self.bands[lines] = padded.unfold(0, lines + 2 * self.reach, 1).flip(0)
        return self.bands[lines]

    def fold(self, wider: Volume, axis: int) -> Volume:
        """Fold a field (frames, rows, columns), extended along an axis: without the lines that were added to it."""
        length = wider.shape[axis] - 2 * self.reach
        lines = lines_at_once(length)
        band = self.band(lines)
        shape = *wider.shape[:axis], length, *wider.shape[axis + 1 :]
        blocks = (wider.flatten(1) if axis == 0 else wider).unfold(axis, band.shape[1], lines)
        if axis == 2:
            return (blocks.reshape(-1, band.shape[1]) @ band.T).view(shape)
        return (band @ blocks.transpose(-1, -2)).view(shape)

    def extend(self, field: Volume, axis: int) -> Volume:
        """A field (frames, rows, columns) and, at both ends of an axis, as many lines from the other as the kernel reaches."""
        last = field.narrow(axis, field.shape[axis] - self.reach, self.reach)
        return torch.cat((last, field, field.narrow(axis, 0, self.reach)), axis)

    def along(self, field: Volume, axis: int) -> Volume:
        """A field (frames, rows, columns) folded along one axis, which goes on round the border."""
        return self.fold(self.extend(field, axis), axis)


def kernels(widths: PerAxis, like: Volume) -> tuple[list[Kernel], list[Kernel]]:
    """The kernels of Gaussians of ``widths`` (3,) voxels along the axes of a field, and their derivatives by log widths."""
    pairs = [gaussian(w, n) for w, n in zip(widths.tolist(), like.shape, strict=True)]
    return [Kernel(kernel, like) for kernel, _ in pairs], [Kernel(slope, like) for _, slope in pairs]


def blurred(intensity: Volume, widths: PerAxis) -> Volume:
    """Blur an intensity (frames, rows, columns), in place, with Gaussians of ``widths`` (3,) along its axes."""
    (across, rows, columns), _ = kernels(widths, intensity)
    by_row = Ring(intensity, across.reach)
    for frames in frames_at_once(intensity):
        by_row.inside[frames] = rows.along(columns.along(intensity[frames], 2), 1)
    by_row.close()
    for frames in frames_at_once(intensity):
        intensity[frames] = across.fold(by_row.around(frames, across.reach), 0)
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
        self.kernels, self.slopes = kernels(widths, self.intensity)
        self.by_widths = self.intensity.new_zeros(3)

    def planes(self, frames: slice, intensity: Volume) -> None:
        """Blur some frames' intensity along columns and rows."""
        _, rows, columns = self.kernels
        self.intensity[frames] = intensity
        self.by_column[frames] = columns.along(self.intensity[frames], 2)
        self.by_row.inside[frames] = rows.along(self.by_column[frames], 1)

    def light(self, frames: slice) -> Volume:
        """Some frames of what was blurred along columns and rows, blurred along frames as well."""
        across, _, _ = self.kernels
        return across.fold(self.by_row.around(frames, across.reach), 0)

    def back(self, frames: slice) -> Volume:
        """Gradient by some frames' intensity from that by all light; that by the widths is taken in.

        Kernels are symmetrical: a slope folded with the gradient tells as much as with what was blurred.
        """
        across, rows, columns = self.kernels
        wider = self.by_light.around(frames, across.reach)
        self._learn(0, wider, self.by_row.inside[frames])
        wider = rows.extend(across.fold(wider, 0), 1)
        self._learn(1, wider, self.by_column[frames])
        wider = columns.extend(rows.fold(wider, 1), 2)
        self._learn(2, wider, self.intensity[frames])
        return columns.fold(wider, 2)

    def _learn(self, axis: int, wider: Volume, before: Volume) -> None:
        """Take in the gradient by an axis' width from that by light, extended along it, and what it blurs along it."""
        self.by_widths[axis] += torch.dot(self.slopes[axis].fold(wider, axis).flatten(), before.flatten())
