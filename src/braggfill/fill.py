"""Filling: from a scan and its mask to estimates for every gap a method can see across.

The measured voxels pass through untouched; every estimate is marked and carries its standard deviation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from braggfill import interpolate
from braggfill.counts import taken_apart
from braggfill.errors import InputError
from braggfill.gapped import GappedScan
from braggfill.gaps import Gap, Slab, find_gaps, find_slabs, voxels_to_fill
from braggfill.glance import Glance
from braggfill.patches import PORTION
from braggfill.ridge import ridge
from braggfill.uncertainty import Fill, filled_counts, standard_deviation

if TYPE_CHECKING:
    from braggfill.adaptation import Lesson, OnStep

PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class FillOptions:
    """How to fill: what a method may need to know beside the scan."""

    method: str = "unet"
    skip: int | None = None
    """Voxels skipped between two portions; None fills a gap's whole plane in one pass (the network)."""
    device: str = "auto"
    """``auto``, ``cpu`` or ``cuda`` (the network)."""
    precision: str = "float32"
    """Arithmetic of the network."""
    tta: bool = False
    """Average the network's predictions over the eight mirror images of every portion."""
    counts_per_unit: float | None = None
    """Photons for one unit of the data; None for data that are counts."""
    weights: Path | None = None
    """A weights file in place of the shipped one (the network)."""
    adapt: bool = False
    """Let the fill learn from the rest of the scan first (the network)."""
    adapt_minutes: float = 2.0
    """Most minutes that this may take."""
    seed: int = 0
    """Of every random choice in it."""


@dataclass(frozen=True)
class FillResult(Glance):
    """A filled scan; all arrays are (frames, rows, columns)."""

    intensity: np.ndarray
    """float32: measured voxels as they came, estimates in the gaps, zero where still missing."""
    filled: np.ndarray
    """bool: True = estimated."""
    std: np.ndarray
    """float32: standard deviation of the expected intensity where estimated, else zero."""
    mask: np.ndarray
    """bool: True = still missing."""
    gaps: list[Gap]
    """What the mask consists of."""
    options: FillOptions
    weights_sha256: str | None
    """SHA-256 of the weights file, None for a classical method."""
    lesson: "Lesson | None" = None
    """What was learned from this scan before it was filled."""


Progress = Callable[[int, int], None]
Estimate = tuple[np.ndarray, np.ndarray, str | None]
"""Expected counts (voxels,), their standard deviation (voxels,), and the SHA-256 of the weights used."""
Estimator = Callable[[GappedScan, FillOptions, Progress], Estimate]


@dataclass(frozen=True)
class Method:
    """A way of filling, one row of the table that the command line, the evaluation and the docs share."""

    scale: str
    """The scale in which it works."""
    summary: str
    estimate: Estimator
    """(scan, options, on_progress) to the estimates of ``scan.wanted``."""


def _classical(fill: Fill, summary: str) -> Method:
    """A method that fills log(1 + counts), with its spread measured on displaced copies of the gaps."""

    def estimate(scan: GappedScan, options: FillOptions, on_progress: Progress) -> Estimate:
        on_progress(0, 2)
        if fill is _kriging:
            mean = np.expm1(scan.guess[scan.wanted].astype(float))
        else:
            mean = filled_counts(fill, scan.counts, scan.mask, scan.slabs)
        on_progress(1, 2)
        std = standard_deviation(fill, scan.counts, scan.mask, scan.slabs, mean)
        on_progress(2, 2)
        return mean, std, None

    return Method("log(1 + counts)", summary, estimate)


def _kriging(values: np.ndarray, mask: np.ndarray, slabs: list[Slab]) -> np.ndarray:
    """Kriging, whose import takes seconds (torch) that the other classical fills do not need."""
    from braggfill.kriging import kriging

    return kriging(values, mask, slabs)


def _network(scan: GappedScan, options: FillOptions, on_progress: Progress) -> Estimate:
    """The network, whose import takes seconds (torch)."""
    from braggfill.network import by_network

    return by_network(scan, options, on_progress)


METHODS = {
    "unet": Method("counts", "the network, which corrects what kriging says about this scan", _network),
    "kriging": _classical(_kriging, "best linear estimate from the scan's own autocovariance"),
    "ridge": _classical(ridge, "regression from both banks, fitted on the rest of the same scan"),
    "linear": _classical(interpolate.linear, "straight line between the banks"),
    "cubic": _classical(interpolate.cubic, "cubic spline through three voxels of each bank"),
    "nearest": _classical(interpolate.nearest, "nearest measured voxel"),
    "idw": _classical(interpolate.idw, "inverse-distance mean, weights 1/d² within ±8 voxels (PyNX mask_interp=8,2)"),
    "biharmonic": _classical(interpolate.biharmonic, "biharmonic equation, slice by slice (scikit-image)"),
}


def fill_gaps(  # noqa: PLR0913 - one argument an option
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    method: str = "unet",
    skip: int | None = None,
    device: str = "auto",
    precision: str = "float32",
    tta: bool = False,
    counts_per_unit: float | None = None,
    weights: str | Path | None = None,
    adapt: bool = False,
    adapt_minutes: float = 2.0,
    seed: int = 0,
    on_progress: Progress = lambda done, total: None,
    on_adapt: "OnStep" = lambda step, steps, skill: None,
) -> FillResult:
    """Estimate the intensities that a detector's gaps have swallowed.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Photon counts, or counts scaled by a factor. NaN, infinite, negative and integer-maximum voxels count as not measured.
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 (True) = not measured; a 2-D mask holds for every frame.
    method : str
        A key of ``METHODS``.
    skip : int, optional
        Voxels skipped between two portions of 32 × 32 × 32 that slide along a gap; by default the network sees
        a gap's whole plane at once, which is faster and has no inner borders.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    precision : str
        Arithmetic of the network: ``float32``, or on a GPU ``bfloat16`` or ``float16``.
    tta : bool
        Average the network's predictions over the eight mirror images of every portion (test-time augmentation).
    counts_per_unit : float, optional
        Photons for one unit of ``intensity``; needed unless the data are whole counts, whose noise is known.
    weights : path, optional
        A weights file made by ``train`` or ``finetune`` in place of the shipped one.
    adapt : bool
        Learn from copies of the gaps, laid where the scan's counts are known, before it is filled.
    adapt_minutes : float
        Most minutes that this may take.
    seed : int
        Of every random choice in it.
    on_progress, on_adapt : callables
        Called with the work done and its total; with the steps made, their total, and the best held-out skill so far.

    Returns
    -------
    FillResult
        Measured voxels keep their value to the bit (as float32).

    Raises
    ------
    InputError
        If an argument does not fit, nothing or everything is masked, or scaled data come without their scale.

    Examples
    --------
    >>> import numpy as np
    >>> from braggfill import fill_gaps
    >>> counts = np.random.default_rng(0).poisson(20.0, (16, 40, 40))
    >>> mask = np.zeros((40, 40), bool)
    >>> mask[:, 18:24] = True
    >>> result = fill_gaps(counts, mask, method="linear")
    >>> int(result.filled.sum()), bool(result.mask.any())
    (3840, False)
    """
    weights = Path(weights) if weights else None
    options = FillOptions(method, skip, device, precision, tta, counts_per_unit, weights, adapt, adapt_minutes, seed)
    check_options(options)
    measured, missing, scale = taken_apart(intensity, mask, options.counts_per_unit)
    slabs = find_slabs(missing)
    wanted = voxels_to_fill(slabs, missing.shape)
    std, weights_sha256, lesson = np.zeros(measured.shape, np.float32), None, None
    if slabs:
        counts = measured if scale == 1 else measured * np.float32(scale)
        scan = GappedScan(counts, missing, slabs, device)
        estimate = METHODS[method].estimate
        if adapt:
            from braggfill.network import adapted

            estimate, lesson = adapted(scan, options, on_adapt)
        mean, spread, weights_sha256 = estimate(scan, options, on_progress)
        measured[wanted], std[wanted] = mean / scale, spread / scale
    return FillResult(measured, wanted, std, missing & ~wanted, find_gaps(missing, wanted), options, weights_sha256, lesson)


def check_options(options: FillOptions) -> None:
    """Raise InputError for options that no method understands."""
    if options.method not in METHODS:
        raise InputError(f"method: got '{options.method}', expected one of {', '.join(METHODS)}")
    if options.skip is not None and (not isinstance(options.skip, Integral) or options.skip not in range(PORTION)):
        raise InputError(
            f"skip: got {options.skip}, expected a whole number 0 to {PORTION - 1}: portions are {PORTION} voxels wide "
            "and must not leave a voxel out"
        )
    if options.precision not in PRECISIONS:
        raise InputError(f"precision: got '{options.precision}', expected one of {', '.join(PRECISIONS)}")
    if options.adapt and options.method != "unet":
        raise InputError(f"adapt: got method '{options.method}', expected 'unet', the only one that is trained")
    if not (0 < options.adapt_minutes < np.inf and options.seed >= 0):
        got = f"{options.adapt_minutes} minutes and {options.seed}"
        raise InputError(f"adapt_minutes, seed: got {got}, expected a finite number above 0, and 0 or more")
    scale = options.counts_per_unit
    if scale is not None and not (isinstance(scale, Real) and 0 < scale < np.inf):
        raise InputError(f"counts_per_unit: got {scale!r}, expected a positive number of photons")
