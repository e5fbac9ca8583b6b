"""Files that are written appear whole or not at all, and never in the place of an input."""

import csv
import hashlib
import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from braggfill.base.errors import InputError
from braggfill.base.paths import identities
from braggfill.base.stopping import UNDER_WAY


def check_output(path: Path, inputs: list[Path], overwrite: bool, suffix: str = ".npz") -> None:
    """Raise InputError if a result must not or cannot be written to ``path``; called before the work, not after it.

    ``inputs`` are the files that the work reads, among them those that no one named, such as the mask beside a scan.
    """
    if path.suffix.lower() != suffix:
        raise InputError(f"output {path}: got a name ending in '{path.suffix}', expected '{suffix}'")
    try:
        exists, is_input = path.exists(), bool(identities([path]) & identities(inputs))
        fits = path.parent.is_dir() and os.access(path.parent, os.W_OK) and (path.is_file() or not exists)
    except (OSError, ValueError) as error:  # such as a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"output {path}: cannot be reached ({reason}); expected a name in a writable folder") from error
    if is_input:
        raise InputError(
            f"output {path}: is the input itself or belongs to one, which is never overwritten; choose another name"
        )
    if exists and not overwrite:
        raise InputError(f"output {path}: exists already; choose another name or allow it with --overwrite")
    if not fits:
        raise InputError(f"output {path}: cannot be written there; expected a name in a folder that exists and is writable")


@contextmanager
def whole_or_nothing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its name when all is written, and vanishes when anything fails."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    UNDER_WAY.add(temporary)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"output {path}: could not be written ({reason}); nothing was left there; free space or choose another place"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        UNDER_WAY.discard(temporary)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left of their attempts to write a file that is there by now."""
    for leftover in path.parent.glob(f".{path.name}.*.part"):
        leftover.unlink(missing_ok=True)


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows with the same keys as CSV, numbers to four digits after the point or four significant ones."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows({name: rounded(value) for name, value in row.items()} for row in rows)
    with whole_or_nothing(path) as file:
        file.write(text.getvalue().encode())


def rounded(value: object) -> object:
    """A float with as many digits as a table needs, anything else as it is."""
    if not isinstance(value, float):
        return value
    return round(float(value), 4) if abs(value) >= 0.1 else float(f"{value:.4g}")


def sha256(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finite_or_null(values: Any) -> Any:
    """What JSON can hold: None, which it calls null, for every number in dictionaries and lists that is not finite."""
    if isinstance(values, dict):
        return {name: finite_or_null(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [finite_or_null(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values
