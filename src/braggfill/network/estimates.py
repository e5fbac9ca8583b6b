"""The learned fill: a network slid along the gaps, from kriging with each set of its constants; calibrated by the scan."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braggfill.base.devices import find_device
from braggfill.base.progress import Progress, part_of
from braggfill.classical.fringe_model import SHIPPED
from braggfill.classical.kriging import guessed, smoothed
from braggfill.network.calibration import Calibration, calibrate
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
    learned: Learned, scan: GappedScan, sliding: Sliding, on_progress: Progress, calibrated: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], Calibration | None]:
    """Slide a network along the gaps, and along hidden copies of them to calibrate what it says.

    Returns
    -------
    mean, std : float64 arrays (voxels,)
        Expected counts and their standard deviation, in the order of ``array[scan.wanted]``.
    calibration : Calibration or None
        By what factors both were changed.
    """
    if not calibrated:
        return *slid(learned, scan, sliding, on_progress), None
    on_copies, on_gaps = (part_of(on_progress, number, 2) for number in range(2))
    calibration = calibrate(scan, lambda blank: slid(learned, blank, sliding, on_copies))
    return *calibration.applied(*slid(learned, scan, sliding, on_gaps)), calibration


def slid(
    learned: Learned, scan: GappedScan, sliding: Sliding, on_progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the network says as it is: it starts from kriging, by each set of constants, and the fills are averaged.

    Returns
    -------
    mean, std : float64 arrays (voxels,)
    """
    device = find_device(sliding.device)
    predictor = network_predictor(learned.model, device, sliding.precision, sliding.mirrored)
    fills = []
    for fringes in learned.fringes:
        start = guessed(scan, device) if fringes == SHIPPED else scan.with_guess(smoothed(scan, device, fringes))
        fills.append(slide(start, predictor, sliding.skip, on_progress))
    mean, square = np.mean(fills, axis=0)
    return mean, np.sqrt(np.maximum(square - mean**2, 0))
