"""Ranges that random numbers are drawn from: how a draw is made, and what makes a range impossible."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from braggfill.base.errors import InputError
from braggfill.base.limits import check_fields

if TYPE_CHECKING:
    from numpy.random import Generator

LARGEST = 1e9
"""No count, length or number of a configuration is larger."""


def log_uniform(rng: "Generator", low_high: tuple[float, float]) -> float:
    """Draw a number whose logarithm is uniform in the given range."""
    low, high = low_high
    return float(low * (high / low) ** rng.random())


def require_positive(config: object, *names: str) -> None:
    """Raise InputError unless the named values of a configuration are at least 1."""
    for name in names:
        if getattr(config, name) < 1:
            raise InputError(f"{name}: got {getattr(config, name)}, expected at least 1")


def check_ranges(
    config: Any, above_zero: tuple[str, ...] = (), limits: Mapping[str, tuple[float, float]] | None = None
) -> None:
    """Raise InputError unless every pair of numbers in a configuration is in order and every ``…_share`` is 0 to 1.

    ``above_zero`` names the pairs that must not hold zero or less: those whose logarithm is drawn, and sizes. ``limits`` gives
    the least and largest value for some; elsewhere numbers are at most ``LARGEST``.
    """
    check_fields(config)
    for name in (f.name for f in fields(config)):
        value = getattr(config, name)
        if name.endswith("_share") and not 0 <= value <= 1:
            raise InputError(f"{name}: got {value}, expected a share of 0 to 1")
        if not (isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int | float) for v in value)):
            continue
        low, high = value
        if not low <= high or not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"{name}: got {list(value)}, expected two finite numbers, the smaller first")
        if name in above_zero and low <= 0:
            raise InputError(f"{name}: got {list(value)}, expected numbers above 0")
        least, largest = (limits or {}).get(name, (-LARGEST, LARGEST))
        if low < least or high > largest:
            raise InputError(f"{name}: got {list(value)}, expected numbers from {least:g} to {largest:g}")
