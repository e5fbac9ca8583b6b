"""Faulty pixels: those that count by themselves, and those that never count."""

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

TOO_BRIGHT, STEADY = 3.0, 0.5
"""A hot pixel has so many times the counts of every neighbour in the darker half of the frames, and this share at least of its
own counts in the brighter half: a fringe may outshine its neighbours, but not in dark frames as in bright ones."""
SURELY = 30.0
"""Counts in several frames that are no chance."""
DEAD_AMID = 300.0
"""Counts in all frames of every neighbour amid which a pixel without one is dead: a dark fringe may have no count amid tens."""
NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
Counts = Float32[NDArray[np.float32], "frames rows columns"]
Voxels = Bool[NDArray[np.bool_], "frames rows columns"]


def faulty_pixels(counts: Counts, mask: Voxels) -> Bool[NDArray[np.bool_], "rows columns"]:
    """Pixels that count by themselves, in dark frames as in bright ones, and those that never count amid counting ones.

    Parameters
    ----------
    counts : float32 array (frames, rows, columns)
    mask : bool array (frames, rows, columns)
        True = not measured; pixels that are not measured in all frames are neither judged nor judges. A frame that was lost
        as a whole does not count as one.
    """
    kept = ~mask.all((1, 2))
    counts, mask = counts[kept], mask[kept]
    sound = np.asarray(~mask.any(0))
    order = np.argsort(np.where(mask, 0, counts).sum((1, 2), dtype=float))
    dark, light = (counts[some].sum(0, dtype=float) for some in np.array_split(order, 2))
    brightest = maximum_filter(np.where(sound, dark, 0), footprint=NEIGHBOURS, mode="constant")
    hot = (dark > TOO_BRIGHT * brightest + SURELY) & (dark > STEADY * light)
    total = np.where(sound, dark + light, np.inf)
    darkest = minimum_filter(total, footprint=NEIGHBOURS, mode="constant", cval=np.inf)
    dead = (total == 0) & (darkest > DEAD_AMID)
    return np.asarray(sound & np.isfinite(darkest) & (hot | dead))
