"""The pattern that phase retrieval starts from: what was measured, what was filled, what is not known.

Arrays are (frames, rows, columns) in the order of the Fourier transform, the Bragg peak at index 0: a pattern rolled by whole
voxels is that of the same object with a phase ramp less, whatever wraps round the border, so that nothing need be cut off to
centre it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from scipy.fft import prev_fast_len

from braggfill.base.errors import InputError
from braggfill.base.frequencies import Kind, low_frequencies
from braggfill.crystal.model.autocorrelation import oversampling_of
from braggfill.scan.choice import Negatives
from braggfill.scan.counts import as_mask, as_spread, brightest_voxel, check_counts, measured_values, scale_of
from braggfill.scan.faulty import faulty_pixels

LEAST_AXIS = 16
"""Shortest axis, in voxels, on which an object can be told from its surroundings."""


@dataclass(frozen=True)
class Pattern:
    """Counts of a scan for phase retrieval, the peak at index 0."""

    counts: Float32[NDArray[np.float32], "frames rows columns"]
    """Measured counts, estimates where filled, 0 elsewhere."""
    missing: Bool[NDArray[np.bool_], "frames rows columns"]
    """Not measured, whether filled or not, and pixels that count by themselves or never."""
    filled: Bool[NDArray[np.bool_], "frames rows columns"]
    """Of these, estimated."""
    std: Float32[NDArray[np.float32], "frames rows columns"]
    """Standard deviation of the estimates in counts, else 0."""
    peak: tuple[int, int, int]
    """Index of the Bragg peak in the scan, as ``brightest_voxel`` has it."""
    before: tuple[int, int, int]
    """Voxels before it along each axis that the pattern still has, in the scan's order."""

    @cached_property
    def oversampling(self) -> tuple[float, float, float]:
        """Voxels a fringe along each axis."""
        return oversampling_of(torch.from_numpy(self.counts))

    @property
    def measured(self) -> Bool[NDArray[np.bool_], "frames rows columns"]:
        """Voxels with a count."""
        return ~self.missing


def prepare_pattern(
    intensity: NDArray[Any],
    mask: NDArray[Any] | None = None,
    filled: NDArray[Any] | None = None,
    std: NDArray[Any] | None = None,
    counts_per_unit: float | None = None,
    negatives: Negatives | None = None,
) -> Pattern:
    """Check a scan, trim it to sizes that transform quickly, and roll its Bragg peak to index 0.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        As for ``fill_gaps``.
    mask : array (frames, rows, columns) or (rows, columns), optional
        As for ``fill_gaps``; here a scan may be complete. Estimates under it are not used.
    filled : array like the intensity, optional
        > 0 where the intensity is an estimate.
    std : array like the intensity, optional
        Standard deviation of the estimates, in units of the intensity.
    counts_per_unit : float, optional
        Photons for one unit of the intensity.
    negatives : str, optional
        As for ``fill_gaps``.

    Returns
    -------
    Pattern

    Raises
    ------
    InputError
        If nothing was measured, the mask covers every estimate, or the arrays do not fit together.
    """
    known, unknown = measured_values(intensity, mask, negatives)
    if min(known.shape) < LEAST_AXIS:
        raise InputError(f"intensity: got shape {known.shape}, expected at least {LEAST_AXIS} voxels along each axis")
    said = as_mask(filled, known.shape, "filled")
    estimated = said & ~unknown
    measured = np.where(estimated, 0, known)
    check_counts(measured)
    if said.any() and not estimated.any():
        raise InputError(
            f"mask: got one that covers all {np.count_nonzero(said):,} estimates of a filled scan, expected what is still "
            "missing of it; leave the mask out (--mask, --detector)"
        )
    scale = scale_of(measured, counts_per_unit)
    spread = np.zeros_like(known) if std is None else as_spread(std, known.shape)
    counts, std = np.maximum(known, 0) * np.float32(scale), spread * np.float32(scale)
    missing = unknown | estimated
    faulty = faulty_pixels(counts, missing)
    counts = np.where(faulty, 0, counts)
    return _centred(Pattern(counts, missing | faulty, estimated, std, (0, 0, 0), (0, 0, 0)))


def _centred(pattern: Pattern) -> Pattern:
    """Trim every axis on the side farther from the peak, and roll the peak to index 0."""
    peak = brightest_voxel(pattern.counts)
    lengths = [prev_fast_len(n) for n in pattern.counts.shape]
    firsts = [n - m if 2 * p >= n else 0 for n, m, p in zip(pattern.counts.shape, lengths, peak, strict=True)]
    keep = tuple(slice(first, first + length) for first, length in zip(firsts, lengths, strict=True))
    f, r, c = (p - first for first, p in zip(firsts, peak, strict=True))

    def rolled(array: NDArray[Kind]) -> NDArray[Kind]:
        return np.roll(array[keep], (-f, -r, -c), (0, 1, 2))

    return Pattern(
        rolled(pattern.counts),
        rolled(pattern.missing),
        rolled(pattern.filled),
        rolled(pattern.std),
        peak,
        (f, r, c),
    )


def clear_box(pattern: Pattern) -> Pattern:
    """Cut the largest box about the peak in which next to nothing is missing: the low-resolution reference.

    Returns
    -------
    Pattern
        Smaller, still with the peak at index 0.

    Raises
    ------
    InputError
        If less than ``LEAST_AXIS`` voxels are left along an axis.
    """
    # gaps that are as wide as the scan decide; single bad voxels stay unknown
    reaches = [_reach(pattern, axis) for axis in range(3)]
    lengths = [n if reach is None else prev_fast_len(2 * reach) for reach, n in zip(reaches, pattern.counts.shape, strict=True)]
    if min(lengths) < LEAST_AXIS:
        raise InputError(
            f"treatment: 'crop' would leave {tuple(lengths)} voxels about the peak, expected at least {LEAST_AXIS} along each "
            "axis; choose another treatment"
        )
    counts, std = (low_frequencies(array, lengths) for array in (pattern.counts, pattern.std))
    missing, filled = (low_frequencies(array, lengths) for array in (pattern.missing, pattern.filled))
    f, r, c = (b if m == n else m // 2 for b, m, n in zip(pattern.before, lengths, pattern.counts.shape, strict=True))
    return Pattern(counts, missing, filled, std, pattern.peak, (f, r, c))


def _reach(pattern: Pattern, axis: int) -> int | None:
    """Half the length of the longest box about the peak without a plane that is mostly missing; None if there is no such plane.

    The box lies inside the scan: it ends at its nearer border, beyond which the pattern has the other one's counts.
    """
    gone = np.flatnonzero(pattern.missing.mean(tuple({0, 1, 2} - {axis})) > 0.5)
    if not gone.size:
        return None
    length, before = pattern.missing.shape[axis], pattern.before[axis]
    after = length - before
    return int(min((length - 1 - gone[gone >= after]).min(initial=before), gone[gone < after].min(initial=after)))
