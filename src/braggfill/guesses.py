"""What the scan itself says about its gaps, before any network: two classical fills that are fitted to the scan at hand."""

import numpy as np
import torch

from braggfill.gaps import Slab, voxels_to_fill
from braggfill.kriging import smoothed
from braggfill.ridge import ridge

GUESSES = 2
"""Kriging, from the scan's autocovariance; ridge, by regression from bank to gap. Both work in log(1 + counts)."""
FEWEST_VOXELS = 2000
"""Slabs with fewer voxels than this are not worth a regression of their own."""


def first_guesses(
    counts: np.ndarray,
    mask: np.ndarray,
    slabs: list[Slab],
    *,
    regressed: bool = True,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Guess log(1 + counts) in the gaps of a scan.

    Parameters
    ----------
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab
    regressed : bool
        Whether to ask ridge, which takes longer than the rest.
    device : torch device
        Where kriging is computed; ridge stays on the processor.

    Returns
    -------
    float32 array (guesses, frames, rows, columns)
        log(1 + expected counts): kriging in and around the gaps, ridge in the gaps; NaN elsewhere.
    """
    values = np.log1p(counts)
    guesses = np.full((GUESSES, *mask.shape), np.nan, np.float32)
    guesses[0] = smoothed(values, mask, slabs, device)
    if regressed:
        large = [slab for slab in slabs if np.count_nonzero(slab.target) >= FEWEST_VOXELS]
        where = voxels_to_fill(large, mask.shape)
        guesses[1][where] = ridge(values, mask, large)[where]
    return guesses
