"""Filling: from a scan and its mask to estimates for every gap a method can see across.

The measured voxels pass through untouched; every estimate is marked and carries its standard deviation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from braggfill import interpolate
from braggfill.errors import InputError
from braggfill.gaps import Gap, find_gaps, voxels_to_fill
from braggfill.ridge import ridge
from braggfill.uncertainty import Fill, standard_deviation

INTEGER_MAXIMA = (2**31 - 1, 2**32 - 1)
"""Values that detectors write for voxels not measured, also found in arrays converted to float."""


@dataclass(frozen=True)
class FillOptions:
    """How to fill: what a method may need to know beside the scan."""

    method: str = "unet"
    skip: int | None = None
    """Voxels skipped between two portions; None fills a gap's whole plane in one pass (``unet`` only)."""
    device: str = "auto"
    """``auto``, ``cpu`` or ``cuda`` (``unet`` only)."""
    counts_per_unit: float = 1.0
    """Photons for one unit of the data."""
    weights: Path | None = None
    """A weights file in place of the shipped one (``unet`` only)."""


@dataclass(frozen=True)
class FillResult:
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
    """What the mask consisted of."""
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
    estimate: Callable[[np.ndarray, np.ndarray, list[Gap], FillOptions, Progress], Estimate]
    """(counts, mask, gaps, options, on_progress) to the estimates of ``voxels_to_fill``."""


def _classical(fill: Fill, summary: str) -> Method:
    """A method that fills log(1 + counts), with its spread measured on displaced copies of the gaps."""

    def estimate(
        counts: np.ndarray, mask: np.ndarray, gaps: list[Gap], options: FillOptions, on_progress: Progress
    ) -> Estimate:
        on_progress(0, 2)
        mean = np.expm1(fill(np.log1p(counts), mask, gaps)[voxels_to_fill(gaps, mask.shape)].astype(float))
        on_progress(1, 2)
        std = standard_deviation(fill, counts, mask, gaps, mean)
        on_progress(2, 2)
        return mean, std, None

    return Method("log(1 + counts)", summary, estimate)


def _network(counts: np.ndarray, mask: np.ndarray, gaps: list[Gap], options: FillOptions, on_progress: Progress) -> Estimate:
    """Expected counts and spread from the network."""
    from braggfill.checkpoint import SHIPPED_WEIGHTS, read_weights, sha256
    from braggfill.model import find_device
    from braggfill.unet import network_predictor, slide

    path = options.weights or SHIPPED_WEIGHTS
    model, _ = read_weights(path)
    predictor = network_predictor(model, find_device(options.device))
    mean, square = slide(counts, mask, gaps, predictor, options.skip, on_progress)
    return mean, np.sqrt(np.maximum(square - mean**2, 0)), sha256(path)


METHODS = {
    "unet": Method("counts", "the network: expected count and spread from a 32-voxel portion around the gap", _network),
    "ridge": _classical(ridge, "regression from both banks, fitted on the rest of the same scan"),
    "linear": _classical(interpolate.linear, "straight line between the banks"),
    "cubic": _classical(interpolate.cubic, "cubic spline through three voxels of each bank"),
    "nearest": _classical(interpolate.nearest, "nearest measured voxel"),
    "idw": _classical(interpolate.idw, "inverse-distance mean, weights 1/d² within ±8 voxels (PyNX mask_interp=8,2)"),
    "biharmonic": _classical(interpolate.biharmonic, "biharmonic equation, slice by slice (scikit-image)"),
}


def fill_gaps(
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    method: str = "unet",
    skip: int | None = None,
    device: str = "auto",
    counts_per_unit: float = 1.0,
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
    counts_per_unit : float
        Photons for one unit of ``intensity``; the network knows the noise of counts.
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
        If an argument does not fit, nothing or everything is masked, or a gap spans the whole array.

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
    options = FillOptions(method, skip, device, counts_per_unit, Path(weights) if weights else None)
    check_options(options)
    values = as_volume(intensity)
    missing = unmeasured(values) | as_mask(mask, values.shape)
    check_missing(missing)
    measured = np.where(missing, 0, values).astype(np.float32)
    gaps = find_gaps(missing)
    wanted = voxels_to_fill(gaps, missing.shape)
    std, weights_sha256 = np.zeros(measured.shape, np.float32), None
    if wanted.any():
        scale = np.float32(counts_per_unit)
        counts = measured if scale == 1 else measured * scale
        mean, spread, weights_sha256 = METHODS[method].estimate(counts, missing, gaps, options, on_progress)
        measured[wanted], std[wanted] = mean / counts_per_unit, spread / counts_per_unit
    return FillResult(measured, wanted, std, missing & ~wanted, gaps, options, weights_sha256)


def check_options(options: FillOptions) -> None:
    """Raise InputError for options that no method understands."""
    if options.method not in METHODS:
        raise InputError(f"method: got '{options.method}', expected one of {', '.join(METHODS)}")
    if options.skip is not None and not 0 <= options.skip <= 31:
        raise InputError(
            f"skip: got {options.skip}, expected 0 to 31 (portions are 32 voxels wide and must not leave a voxel out)"
        )
    if not (np.isfinite(options.counts_per_unit) and options.counts_per_unit > 0):
        raise InputError(f"counts_per_unit: got {options.counts_per_unit}, expected a positive number of photons")


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
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            marked = np.isin(values, np.array(INTEGER_MAXIMA, values.dtype)) if values.dtype.itemsize > 2 else False
            return ~(values <= np.finfo(np.float32).max) | (values < 0) | marked
    return (values < 0) | (values == np.iinfo(values.dtype).max)


def check_missing(missing: np.ndarray) -> None:
    """Raise InputError where there is nothing to fill, or nothing to fill it from."""
    if not missing.any():
        raise InputError("mask: got no voxel marked as not measured, expected a gap; give the mask, 1 = not measured")
    if missing.all():
        raise InputError(
            "mask: got every voxel marked as not measured, expected measured ones; the mask may be inverted (1 = not measured)"
        )
