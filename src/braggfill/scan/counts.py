"""What a scan's arrays say: the counts, and where nothing was measured. The public door for data."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from braggfill.base.errors import InputError
from braggfill.base.limits import MOST_VOXELS, check_number
from braggfill.scan.choice import Negatives
from braggfill.scan.formats.contents import Scan, is_marked

INTEGER_MAXIMA = (2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
"""Values that detectors write for voxels not measured, also found in arrays converted to wider types."""
MOST_COUNTS = 1e12
"""Photons of a voxel: no detector counts so many, and the squares of more would leave float32."""
INVERTED_SHARE = 0.5
"""Share of the voxels above which a mask that covers them may be inverted."""
MOST_MARKS = 32
"""Different numbers above 0 that a mask may hold: a detector's bits, and what a few of them make together."""
MOST_UNITS = 1e24
"""The same of scaled data, in their units."""


def taken_apart(
    intensity: NDArray[Any], mask: NDArray[Any] | None, counts_per_unit: float | None, negatives: Negatives | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_], float]:
    """What a scan with gaps says, and the photons for one unit of it, or InputError where nothing can be filled.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Counts, or counts scaled by a factor.
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 = not measured.
    counts_per_unit : float, optional
        Photons for one unit; else the data must be whole counts.
    negatives : str, optional
        As for ``measured_values``.

    Returns
    -------
    measured : float32 array (frames, rows, columns)
        In units of the intensity, zero where not measured.
    missing : bool array (frames, rows, columns)
    counts_per_unit : float
    """
    measured, missing = measured_values(intensity, mask, negatives)
    check_missing(missing)
    check_counts(measured)
    return measured, missing, scale_of(measured, counts_per_unit)


def scale_of(measured: NDArray[np.float32], counts_per_unit: float | None) -> float:
    """The photons for one unit of measured values (of any shape), as given or told by them, or InputError."""
    if counts_per_unit is not None:
        check_number("counts_per_unit", counts_per_unit)
    scale = float(counts_per_unit or unit_of_counts(measured))
    largest = float(measured.max(initial=0))
    if largest > MOST_UNITS or largest * scale > MOST_COUNTS:
        raise InputError(
            f"intensity: got values up to {largest:.3g}, which are {largest * scale:.3g} photons, expected at most "
            f"{MOST_COUNTS:g} a voxel; mask what is no measurement, or give counts_per_unit for scaled data"
        )
    return scale


def check_scan(scan: Scan) -> None:
    """Raise InputError unless a scan's arrays are of one shape and of numbers, and its estimates finite and not negative."""
    shape = as_volume(scan.intensity).shape
    as_mask(scan.mask, shape)
    if scan.filled is None:
        return
    filled = as_mask(scan.filled, shape, "filled")
    if scan.std is not None:
        as_spread(scan.std, shape)
    estimates = np.asarray(scan.intensity)[filled]
    if not (np.isfinite(estimates) & (estimates >= 0)).all():
        raise InputError("filled: got estimates that are negative or not finite, expected counts; fill the scan again")


def as_spread(std: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard deviations as float32, before and after both (frames, rows, columns) like the scan, or InputError."""
    std = as_array(std, "std")
    if std.shape != shape or std.dtype.kind not in "iuf" or not ((std >= 0) & (std <= np.finfo(np.float32).max)).all():
        raise InputError(
            f"std: got {std.dtype} of shape {std.shape}, expected finite numbers of 0 or more, {shape} like the scan"
        )
    return std.astype(np.float32)


def as_array(values: Any, name: str) -> NDArray[Any]:
    """What a caller gave as an array, of any shape, or InputError for lists that are none."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise InputError(
            f"{name}: got {type(values).__name__} that makes no array, expected numbers in equal rows, a tensor without "
            "gradient or a dataset of an open file"
        ) from error


def measured_values(
    intensity: NDArray[Any], mask: NDArray[Any] | None, negatives: Negatives | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What was measured, float32, zero elsewhere, and what was not, bool, both (frames, rows, columns), or InputError.

    Not measured is what the mask says, what a masked array hides, and what no detector counts (``unmeasured``). Negative values
    are marks of such voxels if they are whole numbers, and else noise about a background that was subtracted; who has such data
    must say which they are.
    """
    values = as_volume(intensity)
    missing = as_mask(mask, values.shape)
    if np.ma.isMaskedArray(intensity):
        missing = missing | np.ma.getmaskarray(intensity)
    if negatives is None:
        _check_negatives(values, missing)
    missing = missing | unmeasured(values, negatives)
    return np.where(missing, 0, values).astype(np.float32), missing


def as_volume(intensity: NDArray[Any]) -> NDArray[Any]:
    """The scan as an array of real numbers (frames, rows, columns), or InputError where it is not of that shape."""
    values = as_array(intensity, "intensity")
    if values.ndim == 0 and values.dtype.kind not in "iufb":
        raise InputError(
            f"intensity: got {type(intensity).__name__}, expected an array; give arrays: s = read_scan(path), then s.intensity "
            "and s.mask"
        )
    if values.ndim != 3:
        raise InputError(
            f"intensity: got {values.ndim} dimensions {values.shape}, expected 3 (frames, rows, columns); "
            "stack the frames of one rocking curve"
        )
    if values.size == 0:
        raise InputError(f"intensity: got an empty array {values.shape}, expected at least one voxel")
    if values.size > MOST_VOXELS:
        raise InputError(f"intensity: got {values.size} voxels {values.shape}, expected at most {MOST_VOXELS}; crop the scan")
    if values.dtype.kind not in "iufb":
        raise InputError(f"intensity: got values of type {values.dtype}, expected integers or real numbers (photon counts)")
    return values


def _check_negatives(values: NDArray[Any], masked: NDArray[np.bool_]) -> None:
    """Raise InputError where unmasked values (both of any shape) are negative and no whole numbers."""
    if values.dtype.kind != "f":
        return
    noise = (values < 0) & ~masked & np.isfinite(values)
    noise[noise] = values[noise] != np.rint(values[noise])
    if noise.any():
        raise InputError(
            f"intensity: got {np.count_nonzero(noise):,} negative values that are no whole numbers (such as "
            f"{values[noise][0]:g}), expected counts; was a background subtracted? then give the data as they were before, or "
            "say that such voxels are measured (--negatives measured, with --counts-per-unit) or gaps (--negatives missing)"
        )


def are_whole(measured: NDArray[np.float32]) -> bool:
    """Whether measured values (of any shape) are whole numbers, as counts are."""
    return bool((measured == np.rint(measured)).all())


def unit_of_counts(measured: NDArray[np.float32]) -> float:
    """One, if the measured values (of any shape) are whole counts, or InputError: their noise would not be known."""
    if are_whole(measured):
        return 1.0
    example = measured[measured != np.rint(measured)][0]
    raise InputError(
        f"intensity: got values that are no whole counts (such as {example:g}), expected counts, or scaled counts with their "
        "scale; give counts_per_unit, the photons for one unit of the data (1 if they are counts but for a small correction)"
    )


def as_mask(mask: NDArray[Any] | None, shape: tuple[int, ...], name: str = "mask") -> NDArray[np.bool_]:
    """The mask, of a frame (rows, columns) or of all, as bool (frames, rows, columns), True = not measured, or InputError."""
    if mask is None:
        return np.zeros(shape, bool)
    mask = as_numbers(mask, name)
    check_marks(mask, name)
    if mask.shape not in (shape, shape[1:]):
        raise InputError(f"{name}: got shape {mask.shape}, expected {shape} like the scan, or {shape[1:]} for every frame")
    return np.broadcast_to(is_marked(mask), shape)


def as_numbers(values: Any, name: str) -> NDArray[Any]:
    """An array, of any shape, that can be held against 0, or InputError."""
    numbers = as_array(values, name)
    if numbers.dtype.kind not in "iufb":
        raise InputError(f"{name}: got values of type {numbers.dtype}, expected numbers")
    return numbers


def as_mask_of_any(mask: Any) -> NDArray[Any]:
    """A mask of a scan that is not known yet, (frames, rows, columns) or (rows, columns), or InputError."""
    numbers = as_numbers(mask, "mask")
    if numbers.ndim not in (2, 3) or not 0 < numbers.size <= MOST_VOXELS:
        raise InputError(
            f"mask: got shape {numbers.shape}, expected (frames, rows, columns), or (rows, columns) for every frame"
        )
    check_marks(numbers, "mask")
    return numbers


def check_marks(numbers: NDArray[Any], name: str) -> None:
    """Raise InputError where numbers (of any shape) above 0 are so many different ones that they count and mark nothing."""
    if numbers.dtype.kind == "b":
        return
    left = numbers[numbers > 0]
    for _ in range(MOST_MARKS):
        if not left.size:
            return
        left = left[left != left[0]]
    if left.size:
        raise InputError(
            f"{name}: got more than {MOST_MARKS} different numbers above 0, expected 1 (marked) and 0, or a few of a "
            "detector's bits; are these the counts of a scan?"
        )


def unmeasured(values: NDArray[Any], negatives: Negatives | None = None) -> NDArray[np.bool_]:
    """Which values (of any shape) are no measurement, bool like them: NaN, infinite, negative, or the largest integer.

    Finite negative ones are not among them where they are said to be measured.
    """
    if values.dtype.kind == "b":
        return np.zeros(values.shape, bool)
    largest = np.finfo(np.float32).max if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    maxima = [m for m in INTEGER_MAXIMA if m <= largest and values.dtype.itemsize > 2]
    with np.errstate(invalid="ignore"):
        marked = np.isin(values, np.array(maxima, values.dtype))
        marked |= values < (-largest if negatives == "measured" else 0)
        return marked | (~(values <= largest) if values.dtype.kind == "f" else values == largest)


def check_missing(missing: NDArray[np.bool_]) -> None:
    """Raise InputError where nothing is missing (frames, rows, columns) that could be filled, or everything is."""
    if not missing.any():
        raise InputError("mask: got no voxel marked as not measured, expected a gap; give the mask, 1 = not measured")
    if missing.all():
        raise InputError(
            "mask: got every voxel marked as not measured, expected measured ones; the mask may be inverted (1 = not measured)"
        )


def check_counts(measured: NDArray[np.float32]) -> None:
    """Raise InputError where no measured value (of any shape, zero where not measured) is above zero."""
    if not (measured > 0).any():
        raise InputError(
            "intensity: got no count in any measured voxel, expected a Bragg peak; check that these are the data, and this the "
            "mask"
        )


def brightest_voxel(counts: NDArray[np.float32]) -> tuple[int, int, int]:
    """Where the Bragg peak of a scan (frames, rows, columns) is: the maximum of the counts blurred by one voxel."""
    blurred = gaussian_filter(counts.astype(np.float32, copy=False), 1)
    frame, row, column = np.unravel_index(int(blurred.argmax()), counts.shape)
    return int(frame), int(row), int(column)
