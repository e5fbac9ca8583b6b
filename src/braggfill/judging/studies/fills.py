"""The fills under study: from a scan with gaps to expected counts; classical fills are not asked for their spread.

All fills of a scan share one kriging.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from torch import nn

from braggfill.base.devices import find_device
from braggfill.classical import interpolate
from braggfill.classical.kriging import guessed, kriging
from braggfill.classical.ridge import ridge
from braggfill.classical.spread import LogFill, filled_counts
from braggfill.filling.methods import METHODS, of_logarithms
from braggfill.filling.terms import Estimate, FillOptions
from braggfill.network.gapnet import GapNet
from braggfill.network.sliding import network_predictor, slide
from braggfill.scan.gapped import GappedScan

Fill = Callable[[GappedScan], Estimate]


def network(scan: GappedScan) -> Estimate:
    """The program's default fill."""
    return METHODS["unet"].estimate(guessed(scan), FillOptions(device="cpu"), lambda *_: None, lambda *_: None)


def learned(model: nn.Module, skip: int | None = None) -> Fill:
    """A fill by another network, in one pass or by sliding portions."""
    predictor = network_predictor(cast(GapNet, model.eval()), find_device("cpu"))

    def fill(scan: GappedScan) -> Estimate:
        mean, square = slide(guessed(scan), predictor, skip)
        return Estimate(mean, np.sqrt(np.maximum(square - mean**2, 0)))

    return fill


def classical(fill: LogFill) -> Fill:
    """A fill of log(1 + counts), not asked for its spread (NaN)."""

    def estimate(scan: GappedScan) -> Estimate:
        mean = filled_counts(fill, scan)
        return Estimate(mean, np.full(mean.shape, np.nan))

    return estimate


FILLS: dict[str, Fill] = {
    "unet": network,
    "kriging": classical(kriging),
    "ridge": classical(of_logarithms(ridge)),
    "linear": classical(of_logarithms(interpolate.linear)),
    "cubic": classical(of_logarithms(interpolate.cubic)),
    "nearest": classical(of_logarithms(interpolate.nearest)),
    "idw": classical(of_logarithms(interpolate.idw)),
}
"""The default fill and its baselines; biharmonic takes minutes a gap and is left out."""


def filled(fills: dict[str, Fill], counts: np.ndarray, where: np.ndarray) -> dict[str, np.ndarray]:
    """Expected counts (voxels of ``where``,) by every fill; NaN where nothing is filled."""
    scan = guessed(GappedScan.blanked(counts, where))
    results = {}
    for name, fill in fills.items():
        volume = np.full(where.shape, np.nan)
        volume[scan.wanted] = fill(scan).mean
        results[name] = volume[where]
    return results
