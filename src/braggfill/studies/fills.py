"""The fills under study: from a scan with gaps to expected counts; classical fills are not asked for their spread.

All fills of a scan share one kriging.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from torch import nn

from braggfill import interpolate
from braggfill.fill import METHODS, FillOptions
from braggfill.gapped import GappedScan
from braggfill.gaps import find_slabs
from braggfill.model import GapNet, find_device
from braggfill.patches import GuessedScan
from braggfill.ridge import ridge
from braggfill.uncertainty import Fill as LogFill
from braggfill.uncertainty import filled_counts
from braggfill.unet import network_predictor, slide

Estimate = tuple[np.ndarray, np.ndarray]
"""Expected counts of ``scan.wanted`` and their standard deviation (NaN where not asked for), each (voxels,)."""
Fill = Callable[[GappedScan], Estimate]


def network(scan: GappedScan) -> Estimate:
    """The program's default fill."""
    mean, std, _ = METHODS["unet"].estimate(scan, FillOptions(device="cpu"), lambda done, total: None)
    return mean, std


def learned(model: nn.Module, skip: int | None = None) -> Fill:
    """A fill by another network, in one pass or by sliding portions."""
    predictor = network_predictor(cast(GapNet, model.eval()), find_device("cpu"))

    def fill(scan: GappedScan) -> Estimate:
        mean, square = slide(GuessedScan(scan.counts, scan.mask, scan.guess), scan.slabs, predictor, skip)
        return mean, np.sqrt(np.maximum(square - mean**2, 0))

    return fill


def without_spread(mean: np.ndarray) -> Estimate:
    """An estimate whose standard deviation is not asked for."""
    return mean, np.full(mean.shape, np.nan)


def kriged(scan: GappedScan) -> Estimate:
    """Kriging, the network's first guess."""
    return without_spread(np.expm1(scan.guess[scan.wanted].astype(float)))


def classical(fill: LogFill) -> Fill:
    """A fill of log(1 + counts)."""
    return lambda scan: without_spread(filled_counts(fill, scan.counts, scan.mask, scan.slabs))


FILLS: dict[str, Fill] = {
    "unet": network,
    "kriging": kriged,
    "ridge": classical(ridge),
    "linear": classical(interpolate.linear),
    "cubic": classical(interpolate.cubic),
    "nearest": classical(interpolate.nearest),
    "idw": classical(interpolate.idw),
}
"""The default fill and its baselines; biharmonic takes minutes a gap and is left out."""


def blanked(counts: np.ndarray, where: np.ndarray) -> GappedScan:
    """A scan (frames, rows, columns) of which ``where`` (bool, the same) was not measured."""
    return GappedScan(np.where(where, 0, counts).astype(np.float32), where, find_slabs(where))


def filled(fills: dict[str, Fill], counts: np.ndarray, where: np.ndarray) -> dict[str, np.ndarray]:
    """Expected counts (voxels of ``where``,) by every fill; NaN where nothing is filled."""
    scan = blanked(counts, where)
    results = {}
    for name, fill in fills.items():
        volume = np.full(where.shape, np.nan)
        volume[scan.wanted] = fill(scan)[0]
        results[name] = volume[where]
    return results
