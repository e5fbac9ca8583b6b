"""Which of several starts to believe: the one that tells best of counts that it never saw.

References
----------
V. Favre-Nicolin, S. Leake, Y. Chushkin, Sci. Rep. 10, 2664 (2020), https://doi.org/10.1038/s41598-020-57561-2
"""

import numpy as np
import torch
from jaxtyping import Bool, Inexact
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from torch import Tensor

from braggfill.base.metrics import poisson_deviance
from braggfill.retrieval.pattern import Pattern

HIDDEN_SHARE = 0.03
"""Share of the measured voxels that is kept from the iteration."""
ISLAND = 3
"""They lie in cubes so wide, so that their neighbours do not tell all of them."""
BRIGHTEST_HIDDEN = 0.01
"""Voxels brighter than this share of the peak are never hidden: without its central maximum an object cannot be found, ..."""
EVER_HIDDEN = 5.0
"""... but those with fewer counts than this always may be: of a faint pattern only empty ones would be left."""


def hide_voxels(rng: np.random.Generator, pattern: Pattern) -> Bool[NDArray[np.bool_], "frames rows columns"]:
    """Draw the measured voxels that a retrieval is judged by."""
    seeds = rng.random(pattern.counts.shape) < HIDDEN_SHARE / ISLAND**3
    islands: NDArray[np.bool_] = maximum_filter(seeds, ISLAND, mode="wrap")
    faint: NDArray[np.bool_] = pattern.counts < max(BRIGHTEST_HIDDEN * pattern.counts.max(), EVER_HIDDEN)
    return islands & pattern.measured & faint


def hidden_deviance(
    crystal: Inexact[Tensor, "frames rows columns"], pattern: Pattern, hidden: Bool[NDArray[np.bool_], "frames rows columns"]
) -> float:
    """Mean Poisson deviance of hidden counts from what an object scatters; of all counts, should none be hidden."""
    where = hidden if hidden.any() else pattern.measured
    expected = torch.fft.fftn(crystal).abs().square().cpu().numpy()
    return poisson_deviance(expected[where], pattern.counts[where])
