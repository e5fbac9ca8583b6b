"""How far off a classical fill is, measured on the scan itself: the gaps are displaced to where the counts are known."""

from collections.abc import Callable

import numpy as np

from braggfill.gaps import Gap, find_gaps

Fill = Callable[[np.ndarray, np.ndarray, list[Gap]], np.ndarray]
CLEARANCE = 16
"""Voxels between a gap and its displaced copies."""
FEWEST_VOXELS = 200
"""With fewer displaced voxels in a brightness bin than this nothing is measured and the spread is taken as 100 %."""
BINS = 12
"""Most bins of brightness."""
SPREAD_LIMITS = (1e-4, 9.0)
"""Smallest and largest relative variance that is reported."""
FAINT_COUNTS = 0.5
"""Added to the estimate before it is multiplied by the relative spread: an estimate of zero counts is not certain."""


def displaced(gaps: list[Gap], mask: np.ndarray) -> np.ndarray:
    """Copies of the fillable gaps moved to both sides along their normals, where measured: bool (frames, rows, columns)."""
    copies = np.zeros_like(mask)
    for gap in gaps:
        step = gap.width + CLEARANCE
        for first in (gap.first - step, gap.first + step):
            if gap.fillable and first > 0 and first + gap.width < mask.shape[gap.axis]:
                place = tuple(slice(first, first + gap.width) if a == gap.axis else s for a, s in enumerate(gap.bounds))
                copies[place] |= gap.voxels
    return copies & ~mask


def standard_deviation(fill: Fill, counts: np.ndarray, mask: np.ndarray, gaps: list[Gap], mean: np.ndarray) -> np.ndarray:
    """Standard deviation of a fill's expected counts, by brightness.

    Parameters
    ----------
    fill : callable
        A fill in log(1 + counts).
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    gaps : list of Gap
    mean : array (voxels,)
        The expected counts whose spread is asked for.

    Returns
    -------
    array (voxels,)
        From the mean squared error of the displaced gaps' fill beyond counting noise.
    """
    trial = displaced(gaps, mask)
    if np.count_nonzero(trial) < FEWEST_VOXELS:
        return mean + FAINT_COUNTS
    both = mask | trial
    filled = np.expm1(fill(np.log1p(np.where(both, 0, counts)), both, find_gaps(both)))[trial]
    order = np.argsort(filled)
    filled, measured = filled[order].astype(float), counts[trial][order].astype(float)
    bins = np.array_split(np.arange(filled.size), min(BINS, filled.size // FEWEST_VOXELS))
    excess = np.array([np.mean((measured[b] - filled[b]) ** 2 - filled[b]) for b in bins])
    square = np.array([np.mean((filled[b] + FAINT_COUNTS) ** 2) for b in bins])
    spread = np.sqrt(np.clip(excess / square, *SPREAD_LIMITS))
    brightness = np.log1p([np.median(filled[b]) for b in bins])
    return (mean + FAINT_COUNTS) * np.exp(np.interp(np.log1p(mean), brightness, np.log(spread)))
