"""How far off a classical fill is, measured on the scan itself: in copies of its gaps, laid where counts are known."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from braggfill.scan.copies import FEWEST_VOXELS, Trial
from braggfill.scan.gapped import GappedScan

LogFill = Callable[[GappedScan], NDArray[np.float32]]
"""A scan to log(1 + expected counts), float32 (frames, rows, columns)."""
BINS = 12
"""Most bins of brightness."""
SPREAD_LIMITS = (1e-4, 9.0)
"""Smallest and largest relative variance that is reported."""
FAINT_COUNTS = 0.5
"""Added to the estimate before it is multiplied by the relative spread: an estimate of zero counts is not certain."""


def filled_counts(fill: LogFill, scan: GappedScan) -> NDArray[np.float64]:
    """Expected counts (voxels,) by a fill in log(1 + counts), in the order of ``array[scan.wanted]``."""
    counts: NDArray[np.float64] = np.expm1(fill(scan)[scan.wanted].astype(float))
    return counts


def standard_deviation(fill: LogFill, scan: GappedScan, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of a fill's expected counts, by brightness.

    Parameters
    ----------
    fill : callable
        A fill in log(1 + counts).
    scan : GappedScan
    mean : array (voxels,)
        The expected counts whose spread is asked for.

    Returns
    -------
    array (voxels,)
        From the mean squared error of the copies' fill beyond counting noise.
    """
    trial = Trial.of(scan)
    if np.count_nonzero(trial.scored) < FEWEST_VOXELS:
        return mean + FAINT_COUNTS
    return spread_by_brightness(np.expm1(fill(trial.scan))[trial.scored], scan.counts[trial.scored], mean)


def spread_by_brightness(
    filled: NDArray[np.float32], known: NDArray[np.float32], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standard deviation of expected counts ``mean``, both (voxels,), from what was filled and is known in a trial.

    ``filled`` and ``known`` are counts (trial voxels,).
    """
    order = np.argsort(filled)
    filled, known = filled[order].astype(float), known[order].astype(float)
    bins = np.array_split(np.arange(filled.size), min(BINS, filled.size // FEWEST_VOXELS))
    excess = np.array([np.mean((known[b] - filled[b]) ** 2 - filled[b]) for b in bins])
    square = np.array([np.mean((filled[b] + FAINT_COUNTS) ** 2) for b in bins])
    spread = np.sqrt(np.clip(excess / square, *SPREAD_LIMITS))
    brightness = np.log1p([np.median(filled[b]) for b in bins])
    std: NDArray[np.float64] = (mean + FAINT_COUNTS) * np.exp(np.interp(np.log1p(mean), brightness, np.log(spread)))
    return std
