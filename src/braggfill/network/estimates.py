"""The learned fill: a network slid along the gaps, from kriging with each set of its constants."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braggfill.base.devices import find_device
from braggfill.base.tasks import Progress
from braggfill.classical.fringe_model import SHIPPED
from braggfill.classical.kriging import guessed, smoothed
from braggfill.network.sliding import network_predictor, slide
from braggfill.network.weights import Learned
from braggfill.scan.gapped import GappedScan


@dataclass(frozen=True)
class Sliding:
    """How a network is slid along the gaps."""

    skip: int | None = None
    """Voxels skipped between portions; None takes whole planes."""
    device: str = "auto"
    precision: str = "float32"
    mirrored: bool = False
    """Whether predictions are averaged over the eight mirror images."""


def estimated(
    learned: Learned, scan: GappedScan, sliding: Sliding, on_progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slide a network along the gaps; it starts from kriging, by each set of constants, and the fills are averaged.

    Returns
    -------
    mean, std : float64 arrays (voxels,)
        Expected counts and their standard deviation, in the order of ``array[scan.wanted]``.
    """
    device = find_device(sliding.device)
    predictor = network_predictor(learned.model, device, sliding.precision, sliding.mirrored)
    fills = []
    for fringes in learned.fringes:
        start = guessed(scan, device) if fringes == SHIPPED else scan.with_guess(smoothed(scan, device, fringes))
        fills.append(slide(start, predictor, sliding.skip, on_progress))
    mean, square = np.mean(fills, axis=0)
    return mean, np.sqrt(np.maximum(square - mean**2, 0))
