"""The contenders of the studies: ways from a scan with gaps to expected counts; classical ones are not asked for their spread.

All contenders for a scan's gaps share one kriging.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from braggfill.base.devices import find_device
from braggfill.classical import interpolate
from braggfill.classical.kriging import guessed, kriging
from braggfill.classical.ridge import ridge
from braggfill.classical.spread import LogFill, filled_counts
from braggfill.filling.methods import METHODS, of_logarithms
from braggfill.filling.options import Effort, FillOptions
from braggfill.filling.terms import Estimate
from braggfill.network.gapnet import GapNet
from braggfill.network.sliding import network_predictor, slide
from braggfill.scan.gapped import GappedScan

Contender = Callable[[GappedScan], Estimate]
"""From a scan with its first guess to the estimates of its wanted voxels."""


def unet(scan: GappedScan) -> Estimate:
    """The network's fill of whole planes."""
    return METHODS["unet"].estimate(guessed(scan), FillOptions(device="cpu"), lambda *_: None, lambda *_: None)


def by_crystal(effort: Effort) -> Contender:
    """Phase retrieval, which takes minutes, where hidden counts say that it is better than the network."""

    def estimate(scan: GappedScan) -> Estimate:
        options = FillOptions("retrieval", device="cpu", effort=effort)
        return METHODS["retrieval"].estimate(replace(scan, guess=None), options, lambda *_: None, lambda *_: None)

    return estimate


def by_network(model: nn.Module, skip: int | None = None) -> Contender:
    """Another network, in one pass or by sliding portions."""
    predictor = network_predictor(cast(GapNet, model.eval()), find_device("cpu"))

    def estimate(scan: GappedScan) -> Estimate:
        mean, square = slide(guessed(scan), predictor, skip)
        return Estimate(mean, np.sqrt(np.maximum(square - mean**2, 0)))

    return estimate


def classical(fill: LogFill) -> Contender:
    """A fill of log(1 + counts), not asked for its spread (NaN)."""

    def estimate(scan: GappedScan) -> Estimate:
        mean = filled_counts(fill, scan)
        return Estimate(mean, np.full(mean.shape, np.nan))

    return estimate


CONTENDERS: dict[str, Contender] = {
    "unet": unet,
    "kriging": classical(kriging),
    "ridge": classical(of_logarithms(ridge)),
    "linear": classical(of_logarithms(interpolate.linear)),
    "cubic": classical(of_logarithms(interpolate.cubic)),
    "nearest": classical(of_logarithms(interpolate.nearest)),
    "idw": classical(of_logarithms(interpolate.idw)),
}
"""The network and its baselines; biharmonic and the crystal, which take minutes a gap, are left out."""


def expected_in(
    gap: NDArray[np.bool_],
    counts: NDArray[np.float32],
    contenders: Mapping[str, Contender],
    mask: NDArray[np.bool_] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Expected counts (voxels of the gap,) by every contender; NaN where nothing is filled.

    Parameters
    ----------
    gap : bool array (frames, rows, columns)
        What is forgotten.
    counts : array (frames, rows, columns)
    contenders : mapping
        By name.
    mask : bool array (frames, rows, columns), optional
        True = not measured anyway.
    """
    scan = guessed(GappedScan.blanked(counts, gap if mask is None else gap | mask))
    found = {}
    for name, contender in contenders.items():
        volume = np.full(gap.shape, np.nan)
        volume[scan.wanted] = contender(scan).mean
        found[name] = volume[gap]
    return found
