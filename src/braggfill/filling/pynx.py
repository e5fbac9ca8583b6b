"""Handing a filled scan to PyNX: estimates as measured values (hard), or as intervals that phase retrieval must respect (soft).

PyNX codes a voxel in the sign and size of its float32 intensity: at most -1e38 is masked and free; from there to -1e19 is an
estimate I stored as -(I + 1)·1e19, whose calculated intensity is moved into [minimum, maximum]·I with one pair of factors for
the whole scan. Its command-line scripts set negative numbers to zero, so that only Python can use soft estimates; from files it
is always the hard form. Read in PyNX 2022.1; https://doi.org/10.1107/S1600576720010985
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.limits import check_choice, check_kind
from braggfill.filling.result import FillResult

ESTIMATE_UNIT = -1e19
"""An estimate I is stored as (I + 1) of these."""
MASKED = np.float32(-1.05e38)
"""Stored where there is neither a measurement nor an estimate."""
NINETY_PERCENT = 1.645
"""Half width of a 90 % interval in standard deviations."""
SHARE = 0.8
"""Share of the estimated counts whose voxels are bounded in the soft form."""


@dataclass(frozen=True)
class PynxInput:
    """Arguments for PyNX; arrays have their centre at the corner, as ``CDI`` wants them."""

    iobs: NDArray[np.float32]
    """(frames, rows, columns)."""
    mask: NDArray[np.int8] | None
    """(frames, rows, columns): 1 = not measured and free; None in the soft form, where ``iobs`` says it."""
    bounds: dict[str, float]
    """Keyword arguments for ``ER``, ``HIO``, ``RAAR``; empty in the hard form."""


def to_pynx(result: FillResult, mode: Literal["hard", "soft"] = "hard") -> PynxInput:
    """Make the arguments with which PyNX reconstructs a filled scan.

    Parameters
    ----------
    result : FillResult
    mode : str
        ``hard``: estimates stand for measurements. ``soft``: the calculated intensity may move within ±1.645 relative
        standard deviations of an estimate, one factor for all: that of the least certain among the surest voxels which
        together hold ``SHARE`` of the estimated counts; voxels less certain than these are left free.

    Returns
    -------
    PynxInput
        Trimmed at the ends, not resampled, to sizes that PyNX transforms: multiples of 4 without a prime factor above 7.

    Raises
    ------
    InputError
        If the mode is unknown or an axis has fewer than 4 voxels.

    Examples
    --------
    >>> import numpy as np
    >>> from braggfill import fill_gaps, to_pynx
    >>> counts = np.random.default_rng(0).poisson(20.0, (16, 40, 41))
    >>> mask = np.zeros((40, 41), bool)
    >>> mask[:, 18:24] = True
    >>> given = to_pynx(fill_gaps(counts, mask, method="linear"), mode="soft")
    >>> given.iobs.shape, sorted(given.bounds)[0]
    ((16, 40, 40), 'confidence_interval_factor_mask_max')
    """
    check_kind("result", result, FillResult)
    check_choice("mode", mode, ("hard", "soft"))
    inside = trimmed(result.intensity.shape)
    intensity, filled, missing = (v[inside] for v in (result.intensity, result.filled, result.mask))
    intensity = np.maximum(intensity, 0)  # a negative number is a code there, not the rest of a subtracted background
    if mode == "hard":
        return PynxInput(np.fft.fftshift(intensity), np.fft.fftshift(missing).astype(np.int8), {})
    estimate, relative = intensity[filled].astype(float), result.relative_std[inside][filled]
    largest = bounded_spread(estimate, relative)
    coded = np.where(missing, MASKED, intensity)
    coded[filled] = np.where(relative <= largest, (estimate + 1) * ESTIMATE_UNIT, MASKED)
    half = NINETY_PERCENT * largest
    factors = {
        "confidence_interval_factor_mask_min": max(1 - half, 0.0),
        "confidence_interval_factor_mask_max": 1 + half,
    }
    return PynxInput(np.fft.fftshift(coded), None, factors)


def bounded_spread(estimate: NDArray[np.float64], relative: NDArray[np.float32]) -> float:
    """Largest relative standard deviation among the surest voxels that together hold ``SHARE`` of the estimated counts.

    Estimates and their relative standard deviations are both (voxels,).
    """
    if not estimate.size:
        return 0.0
    order = np.argsort(relative)
    held = np.cumsum(estimate[order])
    return float(relative[order][np.searchsorted(held, SHARE * held[-1])])


def trimmed(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The largest part of an array that PyNX transforms, with the same centre."""
    parts = []
    for n in shape:
        size = next((m for m in range(n - n % 4, 0, -4) if _smooth(m)), 0)
        if not size:
            raise InputError(f"intensity: got {n} voxels along an axis, expected at least 4")
        parts.append(slice(n // 2 - size // 2, n // 2 - size // 2 + size))
    return tuple(parts)


def _smooth(number: int) -> bool:
    """Whether a number has no prime factor above 7."""
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1
