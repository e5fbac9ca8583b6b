"""Windows of reciprocal space about the Bragg peak, on a ring as the Fourier transform has it: the peak is at index 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from braggfill.crystal.model.shapes import Object, Volume

LARGEST_GAIN = 5.0
"""Most that an amplitude is raised by where the taper is taken off again."""
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Window:
    """Where a window lies, and how objects are tapered in it."""

    first: Triple
    """Offset of the first voxel from the peak."""
    taper: Volume
    """float32: |FFT(object)|² over it is compared with the counts."""

    @property
    def shape(self) -> Triple:
        """(frames, rows, columns)."""
        frames, rows, columns = self.taper.shape
        return frames, rows, columns

    @cached_property
    def tapered(self) -> bool:
        """Whether there is a taper."""
        return not bool((self.taper == 1).all())

    @cached_property
    def distances(self) -> tuple[Tensor, Tensor, Tensor]:
        """Voxels from the peak along each axis, float32 (frames,), (rows,), (columns,), in the order of the ring."""
        f, r, c = (on_ring(first, n).to(self.taper.device) for first, n in zip(self.first, self.shape, strict=True))
        return f, r, c


def on_ring(first: int, length: int) -> Tensor:
    """Distances (length,) from the peak of the lines of an axis, float32, from the peak on and then those before it."""
    return torch.roll(torch.from_numpy(offsets(first, length)), first).float()


def offsets(first: int, length: int) -> NDArray[np.int64]:
    """Distances (length,) from the peak of the lines of an axis of a window, in the scan's order."""
    return np.arange(first, first + length)


def gaussian_taper(first: Triple, shape: Sequence[int], border: float) -> Volume:
    """A Gaussian about index 0, 1 there and ``border`` in the middle of each face of a window, float32.

    It is as wide on each side of the peak as the window: where an object's transform ends, not at half the array's length, it
    has to be low.
    """
    axes = []
    for start, length in zip(first, shape, strict=True):
        offset = on_ring(start, length)
        reach = torch.where(offset < 0, float(max(-start, 1)), float(max(start + length - 1, 1)))
        axes.append(torch.exp(np.log(border) * (offset / reach).square()))
    return axes[0][:, None, None] * axes[1][:, None] * axes[2]


def on_larger_window(crystal: Object, coarse: Window, fine: Window) -> Object:
    """An object (frames, rows, columns) on the grid of a larger window: its transform, zeros beyond its own.

    The coarse window's taper is taken off, as far as ``LARGEST_GAIN`` goes, and the larger one's laid on.
    """
    amplitude = torch.fft.fftn(crystal) * coarse.taper.rsqrt().clamp(max=LARGEST_GAIN)
    larger = amplitude.new_zeros(fine.shape)
    places = [offsets(first, n) for first, n in zip(coarse.first, coarse.shape, strict=True)]
    there = [torch.from_numpy(k % n).to(crystal.device) for k, n in zip(places, fine.shape, strict=True)]
    here = [torch.from_numpy(k % n).to(crystal.device) for k, n in zip(places, coarse.shape, strict=True)]
    ordered = amplitude[here[0][:, None, None], here[1][:, None], here[2]]
    larger[there[0][:, None, None], there[1][:, None], there[2]] = ordered
    raised: Object = torch.fft.ifftn(larger * fine.taper.sqrt())
    return raised
