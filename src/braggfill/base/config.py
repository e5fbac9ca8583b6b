"""Configuration: frozen dataclasses, read from TOML; an unknown key is reported with the nearest known one."""

import difflib
import tomllib
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from braggfill.base.errors import InputError

T = TypeVar("T")


def read_config(path: Path, kind: type[T]) -> T:
    """Read a configuration of a kind from a TOML file; what the file leaves out keeps its default."""
    return build(kind, read_table(path), f"config {path}")


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"config {path}: cannot be read ({error.strerror}); expected a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"config {path}: got no valid TOML ({error}); expected lines like 'steps = 4000'") from error


def build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Make a dataclass from nested dictionaries, checking every key and type."""
    types_by_name = typing.get_type_hints(kind)
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.0)
            raise InputError(f"{where}: got unknown key '{key}'; did you mean '{near[0]}'?")
    return kind(**{key: _convert(types_by_name[key], value, f"{where}, key '{key}'") for key, value in values.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    """One value as its annotated type, or an error that states both."""
    if is_dataclass(kind) and isinstance(value, dict):
        return build(typing.cast(type, kind), value, where)
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union) and type(None) in options:
        return _convert(next(k for k in options if k is not type(None)), value, where)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if origin is Literal and value in options:
        return value
    if origin is tuple and isinstance(value, list) and options[-1] is Ellipsis and value:
        return tuple(_convert(options[0], v, where) for v in value)
    if origin is tuple and isinstance(value, list) and len(value) == len(options):
        return tuple(_convert(k, v, where) for k, v in zip(options, value, strict=True))
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str, bool) and type(value) is kind:
        return value
    expected = kind if isinstance(kind, types.GenericAlias) or origin else getattr(kind, "__name__", kind)
    raise InputError(f"{where}: got {value!r}, expected {expected}")
