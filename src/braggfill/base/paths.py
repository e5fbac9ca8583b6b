"""The door for paths: names of files as a caller may give them, and whether what is there is a file."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from braggfill.base.errors import InputError
from braggfill.base.text import printable

PathLike = str | os.PathLike[str]
"""How a caller may name a file."""


def as_path(given: PathLike, role: str) -> Path:
    """The path that was given as a text or a path, or InputError; ``role`` is the argument's name."""
    if not isinstance(given, str | os.PathLike):
        raise InputError(f"{role}: got {type(given).__name__}, expected the name of a file; give a text or a path")
    path = os.fsdecode(given)
    if "\0" in path:
        raise InputError(f"{role} {path}: got a name with a null character, expected one that a file can have; check the path")
    return Path(path)


def as_name(given: object, role: str) -> str:
    """A name that was given, such as a scan's, as it may be shown and kept anywhere; or InputError."""
    if not isinstance(given, str | os.PathLike):
        raise InputError(f"{role}: got {type(given).__name__}, expected a name; give a text")
    return printable(os.fsdecode(given))


def check_regular(path: Path, role: str) -> None:
    """Raise InputError unless there is a file, as opposed to a folder, a pipe or a device, that can be read to its end."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{role} {path}: cannot be reached ({reason}); expected an existing file; check the path") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise InputError(f"{role} {path}: got {kind}, expected a file; check the path")


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; an impossible name is none, and is told when it is read from or written to."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def last_change(paths: Iterable[Path]) -> int:
    """When the latest of the files at some paths was changed, in nanoseconds of their clock; 0 if none of them is there."""
    times = [0]
    for path in paths:
        with suppress(OSError, ValueError):
            times.append(path.stat().st_mtime_ns)
    return max(times)


def identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """What tells the files at some paths, by whatever names, from all others; nothing for those that are not there."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):  # a name too long, or links that go round, lead to nothing
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return found
