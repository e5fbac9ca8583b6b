"""The table of methods. A new way of filling is a row at the end of this module, and its name in ``options.MethodName``."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
from numpy.typing import NDArray

from braggfill.base.progress import OnStep, Progress
from braggfill.classical import interpolate
from braggfill.classical.ridge import ridge
from braggfill.classical.spread import LogFill, filled_counts, standard_deviation
from braggfill.filling.options import FillOptions, MethodName
from braggfill.filling.plausible import plausible
from braggfill.filling.terms import Estimate, Method
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import WIDEST_MODULE_GAP, Slab


def classical(fill: LogFill, summary: str) -> Method:
    """A method that fills log(1 + counts), with its spread measured on copies of the gaps."""

    def estimate(scan: GappedScan, options: FillOptions, on_progress: Progress, on_adapt: OnStep) -> Estimate:
        return with_spread(fill, scan, on_progress)

    return Method("log(1 + counts)", summary, estimate)


def with_spread(fill: LogFill, scan: GappedScan, on_progress: Progress) -> Estimate:
    """What a classical fill estimates, and its spread on copies of the gaps."""
    on_progress(0, 2)
    mean = filled_counts(fill, scan)
    on_progress(1, 2)
    std = standard_deviation(fill, scan, mean)
    on_progress(2, 2)
    return Estimate(mean, std)


def of_logarithms(fill: Callable[[NDArray[np.float32], NDArray[np.bool_], list[Slab]], NDArray[np.float32]]) -> LogFill:
    """A fill of a scan by one of any values: it is given log(1 + counts)."""
    return lambda scan: fill(np.log1p(scan.counts), scan.mask, scan.slabs)


def kriging(scan: GappedScan, options: FillOptions, on_progress: Progress, on_adapt: OnStep) -> Estimate:
    """Kriging, whose import takes seconds (torch) that the other classical fills do not need."""
    from braggfill.base.devices import find_device
    from braggfill.classical.kriging import kriging as fill

    return with_spread(partial(fill, device=find_device(options.device)), scan, on_progress)


def unet(scan: GappedScan, options: FillOptions, on_progress: Progress, on_adapt: OnStep) -> Estimate:
    """The network, whose import takes seconds (torch); adapted to the scan first if that is asked for."""
    from braggfill.network.estimates import Sliding, estimated
    from braggfill.network.weights import Learned

    learned, lesson = Learned.read(options.weights), None
    if options.adapt:
        from braggfill.network.adaptation import adapt

        start = learned.on(options.device)
        learned, lesson = adapt(start, scan, options.adapt_minutes, options.seed, on_adapt, options.adaptation)
    sliding = Sliding(options.skip, options.device, options.precision, options.tta)
    mean, std, calibration = estimated(learned, scan, sliding, on_progress, options.calibrate)
    if calibration is None:
        return Estimate(mean, std, learned.sha256, lesson)
    return Estimate(mean, std, learned.sha256, lesson, calibration.in_words, {"calibration": asdict(calibration)})


def retrieval(scan: GappedScan, options: FillOptions, on_progress: Progress, on_adapt: OnStep) -> Estimate:
    """Phase retrieval, with the network as its prior and where it does no better; its import takes seconds (torch)."""
    from braggfill.filling.by_crystal import by_crystal

    network = METHODS["unet"].estimate
    return by_crystal(scan, options, lambda some: network(some, options, lambda *_: None, on_adapt), on_progress)


ROWS: dict[MethodName, Method] = {
    "unet": Method("counts", "the network, which corrects what kriging says about this scan", unet, guessed=True),
    "retrieval": Method(
        "counts", "the crystal that explains the counts, if hidden ones say so; else unet", retrieval, WIDEST_MODULE_GAP, True
    ),
    "kriging": Method("log(1 + counts)", "best linear estimate from the scan's own autocovariance", kriging, guessed=True),
    "ridge": classical(of_logarithms(ridge), "regression from both banks, fitted on the rest of the same scan"),
    "linear": classical(of_logarithms(interpolate.linear), "straight line between the banks"),
    "cubic": classical(of_logarithms(interpolate.cubic), "cubic spline through three voxels of each bank"),
    "nearest": classical(of_logarithms(interpolate.nearest), "nearest measured voxel"),
    "idw": classical(
        of_logarithms(interpolate.idw), "inverse-distance mean, weights 1/d² within ±8 voxels (PyNX mask_interp=8,2)"
    ),
    "biharmonic": classical(of_logarithms(interpolate.biharmonic), "biharmonic equation, slice by slice (scikit-image)"),
}
METHODS = {name: plausible(name, ROWS) for name in ROWS}
"""The ways of filling; what no scan can hold is replaced by what a simpler one says."""
