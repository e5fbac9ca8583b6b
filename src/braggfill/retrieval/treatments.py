"""What phase retrieval may make of the voxels that were not measured: one table of treatments.

Every treatment is an interval for each voxel's amplitude. An amplitude inside is kept as the iteration gives it, one outside is
put on the nearer end; for a measured voxel the ends coincide.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.crystal.model.levels import BOUND_DEVIATIONS, CountsWithPrior
from braggfill.retrieval.options import TreatmentName
from braggfill.retrieval.pattern import Pattern, clear_box

STREAK_COUNTS = 1.0
"""Estimated counts above which a gap voxel belongs to a streak."""
Interval = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Least and largest counts, each (voxels,) or (frames, rows, columns)."""


@dataclass(frozen=True)
class Treatment:
    """One row of the table."""

    summary: str
    interval: Callable[[NDArray[np.float32], NDArray[np.float32]], Interval]
    """(mean, half width) of the estimates' intervals, (voxels,), to the counts that they may have."""
    needs_fill: bool = True
    fixed: bool = False
    """Whether voxels that no method could fill are zero too, instead of free."""


def _free(mean: NDArray[np.float32], width: NDArray[np.float32]) -> Interval:
    return np.zeros_like(mean), np.full_like(mean, np.inf)


def _free_streaks(mean: NDArray[np.float32], width: NDArray[np.float32]) -> Interval:
    return np.zeros_like(mean), np.where(mean >= STREAK_COUNTS, np.inf, 0).astype(mean.dtype)


def _zero(mean: NDArray[np.float32], width: NDArray[np.float32]) -> Interval:
    return np.zeros_like(mean), np.zeros_like(mean)


def _filled(mean: NDArray[np.float32], width: NDArray[np.float32]) -> Interval:
    return mean, mean


def _bounded(mean: NDArray[np.float32], width: NDArray[np.float32]) -> Interval:
    return np.maximum(mean - width, 0), mean + width


TREATMENTS: dict[TreatmentName, Treatment] = {
    "free": Treatment("not constrained: whatever the iteration gives", _free, needs_fill=False),
    "free-streaks": Treatment("free where a streak is estimated to cross the gap, zero elsewhere", _free_streaks),
    "zero": Treatment("taken as measured zeros", _zero, needs_fill=False, fixed=True),
    "filled": Treatment("estimates taken as measured", _filled),
    "bounded": Treatment("free within the uncertainty of the estimates", _bounded),
    "crop": Treatment("cut off: the largest box about the peak without gaps, at low resolution", _free, needs_fill=False),
}


@dataclass(frozen=True)
class Bounds:
    """Ends of the amplitudes' intervals, float32 tensors (frames, rows, columns), the peak at index 0."""

    low: torch.Tensor
    high: torch.Tensor


def usual_treatment(pattern: Pattern) -> TreatmentName:
    """The treatment that is taken unless another one is asked for."""
    return "bounded" if pattern.filled.any() else "free"


def check_treatment(name: TreatmentName, pattern: Pattern) -> None:
    """Raise InputError for a treatment that lacks estimates, or leaves too little of the pattern."""
    if name == "crop":
        clear_box(pattern)
    if TREATMENTS[name].needs_fill and pattern.missing.any() and not pattern.filled.any():
        raise InputError(
            f"filled: got a scan without estimates, expected a filled one for '{name}'; fill it first ('braggfill fill')"
        )
    if name == "bounded" and pattern.filled.any() and not pattern.std.any():
        raise InputError(
            "std: got none, expected the estimates' standard deviations for 'bounded'; fill the scan again, or use 'filled'"
        )


def amplitude_bounds(
    pattern: Pattern,
    treatment: TreatmentName,
    hidden: NDArray[np.bool_],
    deviations: float = BOUND_DEVIATIONS,
    device: torch.device | str = "cpu",
) -> Bounds:
    """The interval of every voxel's amplitude, the square root of counts.

    Parameters
    ----------
    pattern : Pattern
    treatment : TreatmentName
        A key of ``TREATMENTS``.
    hidden : bool array (frames, rows, columns)
        Measured voxels that are kept from the iteration, to judge it by; they are free.
    deviations : float
        Half width of the interval of ``bounded`` in standard deviations.
    device : torch device

    Returns
    -------
    Bounds
    """
    low, high = count_bounds(pattern, treatment, hidden, deviations)
    return Bounds(*(torch.from_numpy(np.sqrt(end)).to(device, torch.float32) for end in (low, high)))


def count_bounds(pattern: Pattern, treatment: TreatmentName, hidden: NDArray[np.bool_], deviations: float) -> Interval:
    """Least and largest counts of every voxel, (frames, rows, columns); arguments are as of ``amplitude_bounds``."""
    row = TREATMENTS[treatment]
    low, high = np.where(pattern.missing, 0, pattern.counts), pattern.counts.copy()
    low[hidden], high[hidden] = 0, np.inf
    at = pattern.filled
    high[pattern.missing & ~at] = 0 if row.fixed else np.inf
    low[at], high[at] = row.interval(pattern.counts[at], deviations * pattern.std[at])
    return low, high


def known_counts(pattern: Pattern, treatment: TreatmentName, hidden: NDArray[np.bool_]) -> CountsWithPrior:
    """What is taken as measured, and what is expected of the rest, in the scan's order.

    Parameters
    ----------
    pattern : Pattern
    treatment : TreatmentName
        A key of ``TREATMENTS``: counts whose interval is a single value are taken as measured, those that may be anything
        are not known, and of the others the estimate is the prior.
    hidden : bool array (frames, rows, columns)
        Measured voxels that are kept from the search.

    Returns
    -------
    CountsWithPrior
    """
    low, high = count_bounds(pattern, treatment, hidden, BOUND_DEVIATIONS)
    taken = low == high
    estimated = ~taken & np.isfinite(high)
    mean, std = (np.where(estimated, values, np.float32(np.nan)) for values in (pattern.counts, pattern.std))
    counts, gaps, mean, std = (np.roll(v, pattern.before, (0, 1, 2)) for v in (np.where(taken, low, 0), ~taken, mean, std))
    return CountsWithPrior(counts.astype(np.float32), gaps, mean, std, pattern.before, pattern.oversampling)
