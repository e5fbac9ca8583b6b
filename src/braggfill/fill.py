"""Filling: from a scan and its mask to estimates for every gap a method can see across.

The measured voxels pass through untouched; every estimate is marked and carries its standard deviation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from braggfill import interpolate
from braggfill.errors import InputError
from braggfill.gaps import Gap, Slab, find_gaps, find_slabs, voxels_to_fill
from braggfill.glance import Glance
from braggfill.patches import PORTION
from braggfill.ridge import ridge
from braggfill.uncertainty import Fill, filled_counts, standard_deviation

PRECISIONS = ("float32", "bfloat16", "float16")
INTEGER_MAXIMA = (2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
"""Values that detectors write for voxels not measured, also found in arrays converted to wider types."""


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


Progress = Callable[[int, int], None]
Estimate = tuple[np.ndarray, np.ndarray, str | None]
"""Expected counts (voxels,), their standard deviation (voxels,), and the SHA-256 of the weights used."""


@dataclass(frozen=True)
class Method:
    """A way of filling, one row of the table that the command line, the evaluation and the docs share."""

    scale: str
    """The scale in which it works."""
    summary: str
    estimate: Callable[[np.ndarray, np.ndarray, list[Slab], FillOptions, Progress], Estimate]
    """(counts, mask, slabs, options, on_progress) to the estimates of ``voxels_to_fill``."""


def _classical(fill: Fill, summary: str) -> Method:
    """A method that fills log(1 + counts), with its spread measured on displaced copies of the gaps."""

    def estimate(
        counts: np.ndarray, mask: np.ndarray, slabs: list[Slab], options: FillOptions, on_progress: Progress
    ) -> Estimate:
        on_progress(0, 2)
        mean = filled_counts(fill, counts, mask, slabs)
        on_progress(1, 2)
        std = standard_deviation(fill, counts, mask, slabs, mean)
        on_progress(2, 2)
        return mean, std, None

    return Method("log(1 + counts)", summary, estimate)


def _kriging(values: np.ndarray, mask: np.ndarray, slabs: list[Slab]) -> np.ndarray:
    """Kriging, whose import takes seconds (torch) that the other classical fills do not need."""
    from braggfill.kriging import kriging

    return kriging(values, mask, slabs)


def _network(counts: np.ndarray, mask: np.ndarray, slabs: list[Slab], options: FillOptions, on_progress: Progress) -> Estimate:
    """The network, slid along the gaps; it starts from kriging."""
    from braggfill.checkpoint import SHIPPED_WEIGHTS, read_weights, sha256
    from braggfill.kriging import smoothed_counts
    from braggfill.model import find_device
    from braggfill.patches import GuessedScan
    from braggfill.unet import network_predictor, slide

    path = options.weights or SHIPPED_WEIGHTS
    model, _ = read_weights(path)
    device = find_device(options.device)
    predictor = network_predictor(model, device, options.precision, options.tta)
    scan = GuessedScan(counts, mask, smoothed_counts(counts, mask, slabs, device))
    mean, square = slide(scan, slabs, predictor, options.skip, on_progress)
    return mean, np.sqrt(np.maximum(square - mean**2, 0)), sha256(path)


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
    on_progress: Progress = lambda done, total: None,
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
        A weights file made by ``train`` in place of the shipped one.
    on_progress : callable
        Called with the work done and its total.

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
    options = FillOptions(method, skip, device, precision, tta, counts_per_unit, Path(weights) if weights else None)
    check_options(options)
    measured, missing, scale = taken_apart(intensity, mask, options.counts_per_unit)
    slabs = find_slabs(missing)
    wanted = voxels_to_fill(slabs, missing.shape)
    std, weights_sha256 = np.zeros(measured.shape, np.float32), None
    if slabs:
        counts = measured if scale == 1 else measured * np.float32(scale)
        mean, spread, weights_sha256 = METHODS[method].estimate(counts, missing, slabs, options, on_progress)
        measured[wanted], std[wanted] = mean / scale, spread / scale
    return FillResult(measured, wanted, std, missing & ~wanted, find_gaps(missing, wanted), options, weights_sha256)


def taken_apart(
    intensity: np.ndarray, mask: np.ndarray | None, counts_per_unit: float | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """What was measured (float32, zero elsewhere), what was not (bool), and the photons for one unit, or InputError."""
    values = as_volume(intensity)
    missing = unmeasured(values) | np.ma.getmaskarray(intensity) | as_mask(mask, values.shape)
    check_missing(missing)
    measured = np.where(missing, 0, values).astype(np.float32)
    return measured, missing, counts_per_unit or unit_of_counts(measured)


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
    scale = options.counts_per_unit
    if scale is not None and not (isinstance(scale, Real) and 0 < scale < np.inf):
        raise InputError(f"counts_per_unit: got {scale!r}, expected a positive number of photons")


def as_volume(intensity: np.ndarray) -> np.ndarray:
    """The scan as a real 3-D array, or InputError."""
    values = np.asarray(intensity)
    if values.ndim != 3:
        raise InputError(
            f"intensity: got {values.ndim} dimensions {values.shape}, expected 3 (frames, rows, columns); "
            "stack the frames of one rocking curve"
        )
    if values.size == 0:
        raise InputError(f"intensity: got an empty array {values.shape}, expected at least one voxel")
    if values.dtype.kind not in "iufb":
        raise InputError(f"intensity: got values of type {values.dtype}, expected integers or real numbers (photon counts)")
    return values


def unit_of_counts(measured: np.ndarray) -> float:
    """One, if the measured values are whole counts, or InputError: their noise would not be known."""
    if (measured == np.rint(measured)).all():
        return 1.0
    example = measured[measured != np.rint(measured)][0]
    raise InputError(
        f"intensity: got values that are no whole counts (such as {example:g}), expected counts, or scaled counts with their "
        "scale; give counts_per_unit, the photons for one unit of the data (1 if they are counts but for a small correction)"
    )


def as_mask(mask: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """The mask as bool (frames, rows, columns), True = not measured, or InputError."""
    if mask is None:
        return np.zeros(shape, bool)
    mask = np.asarray(mask)
    if mask.dtype.kind not in "iufb":
        raise InputError(f"mask: got values of type {mask.dtype}, expected numbers (> 0 = not measured)")
    if mask.shape not in (shape, shape[1:]):
        raise InputError(f"mask: got shape {mask.shape}, expected {shape} like the scan, or {shape[1:]} for every frame")
    return np.broadcast_to(~(mask <= 0), shape)


def unmeasured(values: np.ndarray) -> np.ndarray:
    """Voxels that carry no measurement by their value: NaN, infinite, negative, or the largest integer."""
    if values.dtype.kind == "b":
        return np.zeros(values.shape, bool)
    largest = np.finfo(np.float32).max if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    maxima = [m for m in INTEGER_MAXIMA if m <= largest and values.dtype.itemsize > 2]
    with np.errstate(invalid="ignore"):
        marked = np.isin(values, np.array(maxima, values.dtype)) | (values < 0)
        return marked | (~(values <= largest) if values.dtype.kind == "f" else values == largest)


def check_missing(missing: np.ndarray) -> None:
    """Raise InputError where there is nothing to fill, or nothing to fill it from."""
    if not missing.any():
        raise InputError("mask: got no voxel marked as not measured, expected a gap; give the mask, 1 = not measured")
    if missing.all():
        raise InputError(
            "mask: got every voxel marked as not measured, expected measured ones; the mask may be inverted (1 = not measured)"
        )
