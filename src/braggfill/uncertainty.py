"""How far off a classical fill is, measured on the scan itself: the gaps are displaced to where counts are known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from braggfill.gaps import Slab, find_slabs, voxels_to_fill

Fill = Callable[[np.ndarray, np.ndarray, list[Slab]], np.ndarray]
CLEARANCES = (16, 24, 34, 10)
"""Voxels between a gap and its displaced copies: the first that leaves copies enough clear of other gaps is taken."""
FEWEST_VOXELS = 200
"""With fewer displaced voxels in a brightness bin than this nothing is measured and the spread is taken as 100 %."""
BINS = 12
"""Most bins of brightness."""
SPREAD_LIMITS = (1e-4, 9.0)
"""Smallest and largest relative variance that is reported."""
FAINT_COUNTS = 0.5
"""Added to the estimate before it is multiplied by the relative spread: an estimate of zero counts is not certain."""


def filled_counts(fill: Fill, counts: np.ndarray, mask: np.ndarray, slabs: list[Slab]) -> np.ndarray:
    """Expected counts (voxels,) by a fill in log(1 + counts), in the order of ``voxels_to_fill(slabs, mask.shape)``."""
    return np.expm1(fill(np.log1p(counts), mask, slabs)[voxels_to_fill(slabs, mask.shape)].astype(float))


def displaced(slabs: list[Slab], mask: np.ndarray, clearance: int) -> np.ndarray:
    """Copies of the slabs moved to both sides along their normals, where measured: bool (frames, rows, columns)."""
    copies = np.zeros_like(mask)
    for slab in slabs:
        view, width = np.moveaxis(copies, slab.axis, 0), len(slab.target)
        for first in (slab.first - width - clearance, slab.first + width + clearance):
            if first > 0 and first + width < len(view):
                view[first : first + width] |= slab.target
    return copies & ~mask


@dataclass(frozen=True)
class Trial:
    """The gaps of a scan together with their displaced copies, to be filled and scored where the copies lie."""

    mask: np.ndarray
    """Bool (frames, rows, columns): not measured, or made so for the trial."""
    slabs: list[Slab]
    """What can be filled in that mask."""
    scored: np.ndarray
    """Bool (frames, rows, columns): voxels of the copies that are filled, whose counts are known."""

    @classmethod
    def of(cls, slabs: list[Slab], mask: np.ndarray) -> "Trial":
        """Displace the slabs of a mask, so far that half as many voxels can be scored as are filled, if that can be."""
        trials = []
        for clearance in CLEARANCES:
            copies = displaced(slabs, mask, clearance)
            trials.append(cls.with_copies(mask, copies))
            if 2 * np.count_nonzero(trials[-1].scored) >= sum(int(s.target.sum()) for s in slabs):
                break
        return max(trials, key=lambda t: int(np.count_nonzero(t.scored)))

    @classmethod
    def with_copies(cls, mask: np.ndarray, copies: np.ndarray) -> "Trial":
        """Blank measured voxels ``copies`` beside what a mask already lacks."""
        both = mask | copies
        slabs = find_slabs(both)
        return cls(both, slabs, copies & voxels_to_fill(slabs, mask.shape))

    @property
    def enough(self) -> bool:
        """Whether there are voxels enough to measure anything."""
        return int(np.count_nonzero(self.scored)) >= FEWEST_VOXELS


def standard_deviation(fill: Fill, counts: np.ndarray, mask: np.ndarray, slabs: list[Slab], mean: np.ndarray) -> np.ndarray:
    """Standard deviation of a fill's expected counts, by brightness.

    Parameters
    ----------
    fill : callable
        A fill in log(1 + counts).
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab
    mean : array (voxels,)
        The expected counts whose spread is asked for.

    Returns
    -------
    array (voxels,)
        From the mean squared error of the displaced gaps' fill beyond counting noise.
    """
    trial = Trial.of(slabs, mask)
    if not trial.enough:
        return mean + FAINT_COUNTS
    filled = np.expm1(fill(np.log1p(np.where(trial.mask, 0, counts)), trial.mask, trial.slabs))[trial.scored]
    return spread_by_brightness(filled, counts[trial.scored], mean)


def spread_by_brightness(filled: np.ndarray, known: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Standard deviation of expected counts ``mean``, from a trial's ``filled`` and ``known`` counts (trial voxels,)."""
    order = np.argsort(filled)
    filled, known = filled[order].astype(float), known[order].astype(float)
    bins = np.array_split(np.arange(filled.size), min(BINS, filled.size // FEWEST_VOXELS))
    excess = np.array([np.mean((known[b] - filled[b]) ** 2 - filled[b]) for b in bins])
    square = np.array([np.mean((filled[b] + FAINT_COUNTS) ** 2) for b in bins])
    spread = np.sqrt(np.clip(excess / square, *SPREAD_LIMITS))
    brightness = np.log1p([np.median(filled[b]) for b in bins])
    return (mean + FAINT_COUNTS) * np.exp(np.interp(np.log1p(mean), brightness, np.log(spread)))
