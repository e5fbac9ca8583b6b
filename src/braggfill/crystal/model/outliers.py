"""Voxels whose counts the crystal that was found does not explain: light of another one."""

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

SURELY = 30.0
"""Counts of a voxel that are no chance."""
BEYOND, WITHIN = 5.0, 7
"""A voxel is not the crystal's if it has so many times the counts that this expects anywhere in a cube of so many voxels."""
MOST_OUTLIERS = 0.02
"""Share of a scan's counts above which it is the object that is wrong."""

Counts = Float32[NDArray[np.float32], "frames rows columns"]
Voxels = Bool[NDArray[np.bool_], "frames rows columns"]


def aliens(expected: Counts, counts: Counts, measured: Voxels) -> Voxels:
    """Measured voxels that are bright where a retrieved crystal is dark all about; none if they hold too much of the counts.

    Arrays go on round their borders, as those of the Fourier transform do.
    """
    about = maximum_filter(expected, WITHIN, mode="wrap")
    found = measured & (counts > BEYOND * about + SURELY)
    share = counts[found].sum(dtype=float) / counts[measured].sum(dtype=float)
    return found if share < MOST_OUTLIERS else np.zeros_like(found)
