"""The network and the ridge regression together: the mean of their logarithms.

The network knows crystals in general, the regression this scan's own fringes; their errors differ, so that equal shares of
both are better than either. (Shares fitted on displaced copies of the gaps were tried and did worse: beside the copies the
regression has fewer places left to learn from than it has in use.)
"""

from collections.abc import Callable

import numpy as np

from braggfill.gaps import Slab
from braggfill.patches import Predictor
from braggfill.ridge import ridge
from braggfill.uncertainty import filled_counts
from braggfill.unet import slide

RARE = 3000
"""A voxel brighter than all but so many measured ones is left to the network: the regression has hardly seen its like."""
FAINT_COUNTS = 0.05
"""Added to expected counts before their logarithm is taken."""


def blend(
    counts: np.ndarray,
    mask: np.ndarray,
    slabs: list[Slab],
    predictor: Predictor,
    skip: int | None,
    on_progress: Callable[[int, int], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Fill every slab by network and regression in equal shares, the brightest voxels by the network alone.

    Parameters
    ----------
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab
    predictor : callable
        The network, from portions to expected counts and mean squares.
    skip : int, optional
        Voxels skipped between the network's portions; None takes whole planes.
    on_progress : callable
        Called with the work done and its total.

    Returns
    -------
    mean, std : arrays (voxels,)
        Expected counts and their standard deviation, in the order of ``voxels_to_fill(slabs, mask.shape)``. The
        standard deviation is the network's, scaled up where the mean is larger than its estimate.
    """
    on_progress(0, 2)
    network, square = slide(counts, mask, slabs, predictor, skip)
    on_progress(1, 2)
    regression = filled_counts(ridge, counts, mask, slabs)
    on_progress(2, 2)
    mixed = np.sqrt((network + FAINT_COUNTS) * (regression + FAINT_COUNTS)) - FAINT_COUNTS
    measured = counts[~mask]
    rare = np.partition(measured, -RARE)[-RARE] if measured.size > RARE else 0
    mean = np.where(network > rare, network, mixed)
    spread = np.sqrt(np.maximum(square - network**2, 0))
    return mean, spread * (np.maximum(mean, network) + FAINT_COUNTS) / (network + FAINT_COUNTS)
