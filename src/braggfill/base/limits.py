"""The door for numbers and choices: what each option may be at most, in one table, and whether its fields are what they say.

A limit stands for what a person would ever set: what lies beyond it is a slip of the keyboard, and would end in a hang or in
numbers that are not finite.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from braggfill.base.errors import InputError
from braggfill.base.text import LONGEST_WORD, shortened

LIMITS: Mapping[str, tuple[float, float]] = {
    # how a scan is read and filled
    "counts_per_unit": (1e-12, 1e12),
    "seed": (0, 2**62),
    "minutes": (1e-9, 10_080),
    "adapt_minutes": (1e-9, 10_080),
    "roi": (0, 100_000),
    "crop": (0, 100_000),
    "bin": (1, 1_000),
    "energy_kev": (0.1, 1_000),
    "distance_m": (1e-3, 1_000),
    "pixel_um": (1e-2, 1e5),
    # how the network descends and a scan is practised on
    "steps": (0, 10_000_000),
    "batch": (1, 65_536),
    "learning_rate": (1e-12, 10),
    "warmup_steps": (0, 10_000_000),
    "epsilon": (1e-30, 1),
    "gradient_limit": (1e-12, 1e12),
    "voxel_gradient_limit": (1e-12, 1e12),
    "plane": (8, 1_024),
    "judge_every": (1, 10_000_000),
    "timed_steps": (1, 10_000),
    "layouts": (1, 100),
    "block": (1, 10_000),
    "bright_counts": (0, 1e6),
    "fewest_voxels": (1, 1e9),
    "number": (0, 1_000),
    "largest": (1, 1e6),
    "clearance": (0, 1_000),
    "spacing": (0, 1_000),
    # constants of kriging, and the size of the network, which weights files hold
    "envelope_sigma": (0.1, 64),
    "departure": (0, 1_000),
    "taper_sigma": (0.1, 1_000),
    "reach": (1, 64),
    "context": (0, 64),
    "channels": (1, 2_048),
    # training
    "validate_every": (1, 10_000_000),
    "validation_portions": (1, 1e6),
    "validation_scans": (1, 10_000),
    "scan_size": (32, 1_024),
    "pool": (1, 10_000),
    "renew_steps": (1, 10_000_000),
    "devices": (1, 1_024),
    # phase retrieval and strain
    "starts": (1, 1_000),
    "keep": (1, 1_000),
    "iterations": (0, 100_000),
    "voxel_nm": (1e-3, 1e6),
    "q_inv_nm": (1e-6, 1e6),
    # many scans at a time, and simulated ones
    "n": (1, 1_000_000),
    "shape": (8, 2_048),
    "cross": (0, 1_024),
    "scans": (1, 100_000),
    "digits": (0, 20),
    "jobs": (1, 1_024),
    "slurm": (0, 10_000),
}
"""Least and largest value of a number by its name, a field's or an argument's; of a vector its largest part."""
MOST_VOXELS = 2**31 - 1
"""Of an array: their numbers must fit in 32 bits."""


def check_number(name: str, value: Any, whole: bool = False, limit: str | None = None) -> None:
    """Raise InputError unless a value is a finite number, a whole one if asked for, within the limits of its name."""
    least, largest = LIMITS.get(limit or name, (-math.inf, math.inf))
    fits = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    fits = fits and (isinstance(value, Integral) or math.isfinite(value))
    if not (fits and least <= value <= largest):
        kind = "whole number" if whole else "finite number"
        bounds = "" if math.isinf(least) else f" of {_said(least)} to {_said(largest)}"
        raise InputError(f"{name}: got {shown(value)}, expected a {kind}{bounds}; choose one")


def check_whole_numbers(name: str, values: Any, limit: str) -> None:
    """Raise InputError unless values are none, or some whole numbers within the limits of a name."""
    if values is None:
        return
    if not isinstance(values, tuple | list):
        raise InputError(f"{name}: got {shown(values)}, expected a few whole numbers")
    for value in values:
        check_number(name, value, whole=True, limit=limit)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise InputError unless a value is one of some words."""
    if not (isinstance(value, str) and value in choices):
        raise InputError(f"{name}: got {shown(value)}, expected one of {', '.join(choices)}")


def check_kind(name: str, value: Any, kind: type) -> None:
    """Raise InputError unless a value is of a kind."""
    if not isinstance(value, kind):
        raise InputError(f"{name}: got {shown(value)}, expected {_article(kind.__name__)}; make one first")


def check_fields(config: object) -> None:
    """Raise InputError unless every field of a dataclass is of the type that its annotation says, and within its limits."""
    kind: Any = type(config)
    for name, hint in _hints(kind).items():
        _check(name, getattr(config, name), hint)


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _check(name: str, value: Any, hint: Any) -> None:
    """Hold one value against one annotation."""
    kinds = get_args(hint) if NoneType in get_args(hint) or Path in get_args(hint) else (hint,)
    if value is None and NoneType in kinds:
        return
    kind = next(k for k in kinds if k is not NoneType)
    if get_origin(kind) is Literal:
        check_choice(name, value, get_args(kind))
    elif get_origin(kind) is tuple:
        _check_members(name, value, get_args(kind))
    elif kind in (int, float):
        check_number(name, value, whole=kind is int)
    elif kind is bool and not (isinstance(value, bool) or type(value).__name__ == "bool_" or type(value).__name__ == "bool"):
        raise InputError(f"{name}: got {shown(value)}, expected True or False")
    elif kind in (str, Path) and not (isinstance(value, str | os.PathLike) and "\0" not in os.fsdecode(value)):
        raise InputError(f"{name}: got {shown(value)}, expected a text without null characters")
    elif is_dataclass(kind) and isinstance(kind, type):
        check_kind(name, value, kind)


def _check_members(name: str, values: Any, kinds: tuple[Any, ...]) -> None:
    """A tuple, or a list, of as many values as are asked for, each of its kind."""
    alike = kinds[-1] is Ellipsis
    if not isinstance(values, tuple | list) or not (alike or len(values) == len(kinds)):
        number = "" if alike else f"{len(kinds)} "
        raise InputError(f"{name}: got {shown(values)}, expected a list of {number}values")
    for value, kind in zip(values, kinds[:1] * len(values) if alike else kinds, strict=True):
        _check(name, value, kind)


def shown(value: Any) -> str:
    """A value as a message may hold it: the value if it is short, else its type."""
    if isinstance(value, str):
        return f"'{shortened(value, LONGEST_WORD)}'"
    if isinstance(value, int) and abs(value) > 10**30:
        return "a number of more than 30 digits"
    simple = value is None or isinstance(value, bool | int | float | tuple | list | os.PathLike)
    return shortened(str(value), LONGEST_WORD) if simple or isinstance(value, Real) else _article(type(value).__name__)


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'AEIOUaeiou' else 'a'} {noun}"


def _said(number: float) -> str:
    """A limit as it is written."""
    return f"{number:,}".replace(",", " ") if isinstance(number, int) else f"{number:g}"
