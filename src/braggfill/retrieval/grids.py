"""Objects and supports on other grids of the same extent, and in the middle of their arrays."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Complex64
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.errors import InputError
from braggfill.base.frequencies import high_frequencies_added
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.windows import offsets
from braggfill.retrieval.pattern import Pattern
from braggfill.scan.boxes import bounding_box
from braggfill.scan.counts import as_numbers


def centred(
    crystal: Complex64[Tensor, "frames rows columns"], support: Bool[Tensor, "frames rows columns"]
) -> tuple[Complex64[Tensor, "frames rows columns"], Bool[Tensor, "frames rows columns"]]:
    """Move an object by whole voxels, so that its support's box is in the middle."""
    shifts = [n // 2 - (span.start + span.stop - 1) // 2 for span, n in zip(bounding_box(support), support.shape, strict=True)]
    return crystal.roll(shifts, (0, 1, 2)), support.roll(shifts, (0, 1, 2))


def given_support(
    support: NDArray[Any], allowed: tuple[tuple[int, ...], ...], shape: tuple[int, ...]
) -> Bool[Tensor, "frames rows columns"]:
    """A support of the user's (frames, rows, columns), of an ``allowed`` shape, on the grid of the pattern, of ``shape``.

    Raises
    ------
    InputError
        If it has another shape, is empty, or wider than half the array.
    """
    support = as_numbers(support, "support")
    if support.shape not in allowed:
        expected = " or ".join(str(one) for one in dict.fromkeys(allowed))
        raise InputError(f"support: got shape {support.shape}, expected {expected} like the scan or its object")
    if not (support > 0).any():
        raise InputError("support: got an array with nothing inside, expected voxels > 0 where the object may be")
    inside = torch.from_numpy(resampled(support > 0, shape))
    spans = [s.stop - s.start for s in bounding_box(inside)]
    if any(2 * span > n for span, n in zip(spans, shape, strict=True)):
        raise InputError(
            f"support: got {tuple(spans)} voxels in an array of {shape}, expected at most half of it along each axis, for "
            "a larger object is not determined by its pattern; give a tighter support, or measure in interpolated steps"
        )
    return inside


def resampled(
    support: Bool[NDArray[np.bool_], "old_frames old_rows old_columns"], shape: tuple[int, ...]
) -> Bool[NDArray[np.bool_], "frames rows columns"]:
    """A support on another grid of the same extent: the nearest voxel's."""
    for axis, (n, old) in enumerate(zip(shape, support.shape, strict=True)):
        places = np.rint((np.arange(n) - n // 2) * (old / n)).astype(int) + old // 2
        support = np.take(support, places.clip(0, old - 1), axis)
    return support


def interpolated(
    crystal: Complex64[NDArray[np.complex64], "coarse_frames coarse_rows coarse_columns"], shape: tuple[int, ...]
) -> Complex64[NDArray[np.complex64], "frames rows columns"]:
    """An object on a finer grid of the same extent; what was not measured at high frequencies is zero there."""
    spectrum = torch.fft.fftn(torch.fft.ifftshift(torch.from_numpy(crystal))).numpy()
    fine = torch.fft.ifftn(torch.from_numpy(high_frequencies_added(spectrum, shape)))
    moved: NDArray[np.complex64] = torch.fft.fftshift(fine).numpy()
    return moved


def without_taper(
    crystal: Complex64[Tensor, "level_frames level_rows level_columns"], level: Level, pattern: Pattern
) -> Complex64[Tensor, "frames rows columns"]:
    """The object whose transform has the intensities of a pattern, from one on the whole level, which is tapered and padded."""
    amplitude = torch.fft.fftn(crystal) * level.taper.rsqrt()
    lines = [offsets(-b, n) for b, n in zip(pattern.before, pattern.counts.shape, strict=True)]
    here, there = (np.ix_(*(k % n for k, n in zip(lines, shape, strict=True))) for shape in (level.shape, pattern.counts.shape))
    spectrum = amplitude.new_zeros(pattern.counts.shape)
    spectrum[there] = amplitude[here]
    untapered: Complex64[Tensor, "frames rows columns"] = torch.fft.ifftn(spectrum)
    return untapered
