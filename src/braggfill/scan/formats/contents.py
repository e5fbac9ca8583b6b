"""What a scan file holds, whatever its format, and how a file that cannot be read is put into one sentence."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.limits import check_number
from braggfill.base.paths import as_name, check_regular, is_folder
from braggfill.base.quiet import quiet
from braggfill.scan.formats.frames import Box, Frames
from braggfill.scan.formats.names import SUFFIXES

JOULES_PER_EV = 1.602176634e-19


@dataclass(frozen=True)
class Geometry:
    """How a scan was measured, as far as its file says; None where it does not."""

    energy_j: float | None = None
    """Photon energy in joules, as CXI files have it."""
    distance_m: float | None = None
    """From the sample to the detector."""
    pixel_size_m: tuple[float, float] | None = None
    """Of a row and of a column."""


def is_marked(marks: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a mask, or what tells estimates from counts (of any shape), marks a voxel: by a number > 0, or by none at all."""
    return np.asarray(~(marks <= 0))


ChooseBox = Callable[[Frames, Any], Box | None]
"""From the frames on disk and their mask, 2-D or 3-D or None, to the box that is read; None for all."""


@dataclass(frozen=True)
class Cut:
    """Which part of the frames on disk a scan is."""

    box: Box
    shape: tuple[int, ...]
    """Of all of them (frames, rows, columns)."""

    @classmethod
    def of(cls, box: Box | None, shape: tuple[int, ...]) -> "Cut | None":
        """A box of frames of some shape, or None for all of them."""
        return None if box is None else cls(box, tuple(shape))


@dataclass(frozen=True)
class Scan:
    """What a file holds: a scan, and if it was filled, what is estimated in it."""

    intensity: NDArray[Any]
    """Array as stored, of any type."""
    mask: NDArray[Any] | None
    """> 0 = not measured; None if the file has no mask."""
    name: str
    """File name, with the dataset's path for HDF5 where one was given."""
    filled: NDArray[Any] | None = None
    """> 0 = estimated; None if nothing was filled."""
    std: NDArray[Any] | None = None
    """Standard deviation of the expected intensity where estimated."""
    provenance: dict[str, Any] | None = None
    """How it was filled, JSON-ready."""
    geometry: Geometry = field(default_factory=Geometry)
    hidden: NDArray[Any] | None = None
    """Counts under the mask, zero elsewhere, where they are known: of simulated scans, or where a gap was cut out."""
    cut: Cut | None = None
    """Which part of the frames on disk it is; None for all of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", as_name(self.name, "name"))


def cut_out(scan: Scan, choose_box: ChooseBox | None) -> Scan:
    """The part of a scan that is chosen, of all its arrays."""
    box = choose_box(scan.intensity, scan.mask) if choose_box else None
    if box is None:
        return scan

    def part(array: NDArray[Any] | None) -> Any:
        return None if array is None else array[box[-array.ndim :]].copy()

    of_box = Scan(part(scan.intensity), part(scan.mask), scan.name, part(scan.filled), part(scan.std), scan.provenance)
    return replace(of_box, geometry=scan.geometry, hidden=part(scan.hidden), cut=Cut.of(box, scan.intensity.shape))


def read_json(text: Any) -> dict[str, Any] | None:
    """Provenance as this program writes it; None where another program keeps something else under that name."""
    try:
        stored = json.loads(str(text))
    except (ValueError, RecursionError):
        return None
    return stored if isinstance(stored, dict) else None


def given_geometry(stored: Geometry, energy_kev: float | None, distance_m: float | None, pixel_um: float | None) -> Geometry:
    """The geometry of a file with what a person knows better."""
    for name, value in (("energy_kev", energy_kev), ("distance_m", distance_m), ("pixel_um", pixel_um)):
        if value is not None:
            check_number(name, value)
    return Geometry(
        stored.energy_j if energy_kev is None else energy_kev * 1e3 * JOULES_PER_EV,
        stored.distance_m if distance_m is None else distance_m,
        stored.pixel_size_m if pixel_um is None else (pixel_um * 1e-6, pixel_um * 1e-6),
    )


def _check_file(path: Path, role: str) -> None:
    """Raise InputError unless there is a file with something in it."""
    check_regular(path, role)
    if path.stat().st_size == 0:
        raise InputError(f"{role} {path}: got an empty file, expected {path.suffix} data; was its writing interrupted?")


@contextmanager
def readable(path: Path, role: str) -> Iterator[None]:
    """Turn whatever a reading library raises into one sentence."""
    if not (path.name and is_folder(path)):
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(
                f"{role} {path}: got a file ending in '{path.suffix}', expected one of {', '.join(SUFFIXES)}, or a folder"
            )
        _check_file(path, role)
    try:
        with quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # each of four libraries raises its own kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in reason:  # numpy's advice to load it unsafely
            reason = "it holds no plain arrays"
        raise InputError(
            f"{role} {path}: cannot be read as {path.suffix or 'a folder'} ({reason}); expected an intact file of that format"
        ) from error


def choose(names: list[str], wanted: tuple[str, ...], role: str, path: Path) -> str:
    """The first wanted name that is there, else the only name."""
    for name in wanted:
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise InputError(
        f"{role} {path}: got arrays {', '.join(names) or 'none'}; expected one named {' or '.join(wanted)}, or a single array"
    )
