"""What a study has computed so far, a file a part: a run that was cut short goes on where it ended.

A part says which program made it: one of another program is computed again. A study's own module is not part of that, so that
its pictures may change without its figures being computed again; a part's name tells what was ``asked``.
"""

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.writing import whole_or_nothing

DECIDING_ROOMS = ("base", "scan", "classical", "simulation", "crystal", "network", "filling")
"""Whose files, weights and crystals among them, decide what a study finds, ..."""
SHARED_MODULES = ("borders", "contenders", "crystals", "gaps", "groups", "last_fits", "protocol")
"""... and what studies share beside their own modules."""
Row = dict[str, Any]
"""Numbers and words by the names of a table's columns."""


@dataclass(frozen=True)
class Part:
    """A piece of a study's work."""

    rows: list[Row]
    """Of its tables; JSON-ready."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """What is drawn or averaged later, of any shape, by name."""


@dataclass(frozen=True)
class Kept:
    """The parts of a study in a folder; without one nothing is kept."""

    folder: Path | None = None

    def part(self, name: str, compute: Callable[[], Part]) -> Part:
        """The part of a name, computed unless this program has computed it before."""
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}.npz"
        found = read_part(path)
        if found is None:
            found = compute()
            write_part(path, found)
        return found


def read_part(path: Path) -> Part | None:
    """A part that this program has written, else None."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = dict(file)
        head = json.loads(arrays.pop("head").tobytes())
    except (OSError, ValueError, KeyError, BadZipFile, EOFError):
        return None
    return Part(head["rows"], arrays) if head["program"] == program() else None


def write_part(path: Path, part: Part) -> None:
    """Write a part; its folder is made if it is not there."""
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"out {path.parent}: cannot be made ({error.strerror}), expected a folder; choose another") from error
    head = json.dumps({"program": program(), "rows": part.rows}, default=float).encode()
    with whole_or_nothing(path) as file:
        np.savez_compressed(file, head=np.frombuffer(head, np.uint8), **part.arrays)  # type: ignore[arg-type]


def asked(*what: object) -> str:
    """A short name of what decides a part beside the program: the same for the same, for the parts' names."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:8]


@cache
def program() -> str:
    """SHA-256 of what decides the figures, as 64 hexadecimal digits."""
    root, digest = Path(__file__).parents[2], hashlib.sha256()
    files = [p for room in DECIDING_ROOMS for p in (root / room).rglob("*") if p.is_file() and p.suffix != ".pyc"]
    for path in sorted([*files, *(Path(__file__).with_name(f"{name}.py") for name in SHARED_MODULES)]):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def read_rows(path: Path) -> list[Row]:
    """A table that a study has written, its numbers as numbers.

    Raises
    ------
    InputError
        If it is not there or cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise InputError(
            f"table {path}: cannot be read ({reason}), expected what the study has written; carry it out without --draw first"
        ) from error


def _value(text: str | None) -> object:
    for kind in (int, float):
        try:
            return kind(text or "")
        except ValueError:
            continue
    return text if text else float("nan")
