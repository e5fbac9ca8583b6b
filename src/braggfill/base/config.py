"""Configuration: frozen dataclasses, read from TOML; an unknown key is reported with the nearest known one.

pydantic holds values against the dataclasses' annotations, strictly: true is no number, and "3" is none.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from braggfill.base.errors import InputError
from braggfill.base.paths import check_regular

T = TypeVar("T")
PLAIN = {int: "a whole number", float: "a number", str: "a text", Path: "a text", bool: "true or false", Any: "a value"}
"""What stands in a file for a type."""


def read_config(path: Path, kind: type[T]) -> T:
    """Read a configuration of a kind from a TOML file; what the file leaves out keeps its default."""
    return build(kind, read_table(path), f"config {path}")


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is."""
    check_regular(path, "config")
    if path.suffix.lower() != ".toml":
        raise InputError(f"config {path}: got a file of another kind, expected a TOML file, whose name ends in .toml")
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"config {path}: cannot be read ({error.strerror}); expected a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"config {path}: got no valid TOML ({error}); expected lines like 'steps = 4000'") from error


def build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Make a dataclass from nested dictionaries, checking every key and type.

    Raises
    ------
    InputError
        If a key is unknown, a value is not of its type, or the dataclass refuses it.
    """
    from pydantic import TypeAdapter, ValidationError

    _check_keys(kind, values, where)
    try:  # as JSON, in which lists stand for tuples and texts for paths, as in TOML
        return TypeAdapter(kind).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        refused = first.get("ctx", {}).get("error")
        raise (refused if isinstance(refused, InputError) else _mistake(kind, values, first["loc"], where)) from error


def build_each(kinds: dict[str, type], values: dict[str, Any], where: str) -> dict[str, Any]:
    """Make several dataclasses from one flat dictionary, each from the keys that are its own."""
    check_known(values, [f.name for kind in kinds.values() for f in fields(kind)], where)
    own = {name: {f.name for f in fields(kind)} & set(values) for name, kind in kinds.items()}
    return {name: build(kind, {key: values[key] for key in own[name]}, where) for name, kind in kinds.items()}


def check_known(keys: Iterable[str], known: list[str], where: str) -> None:
    """Raise InputError for a key that is not known, with the nearest one that is."""
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.0)
            raise InputError(f"{where}: got unknown key '{key}'; did you mean '{near[0]}'?")


def _check_keys(kind: type, values: dict[str, Any], where: str) -> None:
    """The keys of a table, and of the tables and lists of tables in it; a list has at least one value."""
    hints = get_type_hints(kind)
    check_known(values, [f.name for f in fields(kind)], where)
    for key, value in values.items():
        if value == []:
            raise _mistake(kind, values, (key,), where)
        inner = _dataclass_in(hints[key])
        tables = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]
        for table in tables if inner else []:
            _check_keys(inner, table, f"{where}, key '{key}'")


def _dataclass_in(hint: Any) -> Any:
    """The dataclass that an annotation asks for, alone, in a tuple or beside None; else None."""
    return next((kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)), None)


def _mistake(kind: Any, value: Any, place: tuple[str | int, ...], where: str) -> InputError:
    """What was got at a place, and what its field's annotation expects."""
    for part in place:
        inner = _dataclass_in(kind)
        if inner is None or not isinstance(value, dict) or part not in value:
            break
        kind, value, where = get_type_hints(inner)[str(part)], value[str(part)], f"{where}, key '{part}'"
    return InputError(f"{where}: got {value!r}, expected {in_words(kind)}")


def in_words(hint: Any) -> str:
    """What an annotation allows, as a person says it who writes TOML."""
    parts = [part for part in get_args(hint) if part not in (NoneType, Ellipsis)]
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, parts))}"
    each = list(dict.fromkeys(map(in_words, parts)))
    if get_origin(hint) is tuple:
        size = "" if Ellipsis in get_args(hint) else f" of {len(parts)}"
        return f"a list{size}, each {each[0]}" if len(each) == 1 else f"a list{size}: {' and '.join(each)}"
    return " or ".join(each) or ("a table" if is_dataclass(hint) else PLAIN[hint])
