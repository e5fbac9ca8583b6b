"""What the scan itself says about its gaps, before any network: two classical fills that are fitted to the scan at hand."""

import numpy as np

from braggfill.gaps import Slab, voxels_to_fill
from braggfill.kriging import smoothed
from braggfill.ridge import ridge

GUESSES = 2
"""Kriging, from the scan's autocovariance; ridge, by regression from bank to gap. Both work in log(1 + counts)."""
FEWEST_VOXELS = 2000
"""Slabs with fewer voxels than this are not worth a regression of their own."""


def first_guesses(counts: np.ndarray, mask: np.ndarray, slabs: list[Slab]) -> np.ndarray:
    """Guess log(1 + counts) in the gaps of a scan.

    Parameters
    ----------
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab

    Returns
    -------
    float32 array (guesses, frames, rows, columns)
        log(1 + expected counts): kriging in and around the gaps, ridge in the gaps; NaN elsewhere.
    """
    values = np.log1p(counts)
    large = [slab for slab in slabs if np.count_nonzero(slab.target) >= FEWEST_VOXELS]
    regression = np.where(voxels_to_fill(large, mask.shape), ridge(values, mask, large), np.nan)
    return np.stack([smoothed(values, mask, slabs), regression]).astype(np.float32)


def no_guesses(shape: tuple[int, ...]) -> np.ndarray:
    """What stands for the guesses where none are made: NaN, float32 (guesses, frames, rows, columns)."""
    return np.broadcast_to(np.float32(np.nan), (GUESSES, *shape))
