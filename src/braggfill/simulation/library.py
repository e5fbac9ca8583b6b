"""The library of relaxed crystals: one HDF5 file, one group a crystal, with all it takes to make it again.

Displacements are kept in steps of 5 mÅ (0.01 rad of a {111} reflection's phase), atoms as the occupied sites of the lattice.
"""

import fcntl
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from braggfill.base.errors import InputError
from braggfill.base.paths import PathLike, as_path, check_regular
from braggfill.base.tasks import Workers, spread
from braggfill.base.writing import whole_or_nothing
from braggfill.simulation.dislocation import Dislocation
from braggfill.simulation.particle import Particle, ParticleRanges
from braggfill.simulation.relaxation import Relaxed, relax_random

SHIPPED_LIBRARY = Path(__file__).parent / "crystals" / "relaxed.h5"
"""The relaxed crystals that the package carries."""
STEP_ANGSTROM = 0.005
NAME = re.compile(r"crystal_(\d+)")
"""Names of crystals: what their group is called."""
Split = Literal["train", "validation", "test"]
SPLITS: dict[int, Split] = {8: "validation", 9: "test"}
"""By the last digit of a crystal's number; all others are for training."""
COMPRESSED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


def add_to_library(path: Path, name: str, relaxed: Relaxed, origin: dict[str, Any]) -> None:
    """Add one relaxed crystal to a library, which is made if it is not there.

    Parameters
    ----------
    path : Path
        The library; it is replaced as a whole, so that an interruption harms nothing.
    name : str
        Name of the crystal's group; one that is there already is kept.
    relaxed : Relaxed
    origin : dict
        Seed, ranges and versions, JSON-ready.
    """
    with _locked(path):
        library = io.BytesIO(path.read_bytes() if path.exists() else b"")
        with h5py.File(library, "a") as file:
            if name in file:
                return
            _write_crystal(file.create_group(name), relaxed, origin)
        with whole_or_nothing(path) as file:
            file.write(library.getbuffer())


def build_library(
    path: Path, n: int, seed: int, ranges: ParticleRanges, workers: Workers, on_progress: Callable[[int, int], None]
) -> None:
    """Relax random particles until a library holds crystals 0 … n - 1 of a seed; those it holds already are kept.

    Parameters
    ----------
    path : Path
        The library, made or added to.
    n : int
        Number of crystals.
    seed : int
        Crystal ``i`` depends on the seed, ``i`` and the ranges alone.
    ranges : ParticleRanges
    workers : Workers
        Where to relax; the library is written here.
    on_progress : callable
        Called with the crystals there and their total.

    Raises
    ------
    InputError
        If LAMMPS is missing, or the library was made with another seed or other ranges.
    """
    origin = {"seed": seed, "ranges": asdict(ranges), "versions": {k: version(k) for k in ("braggfill", "lammps", "numpy")}}
    there = crystal_names(path)
    if path.exists():
        _check_origin(path, origin)
    names = {f"crystal_{index:05d}": index for index in range(n)}
    missing = [(name, seed, index, ranges) for name, index in names.items() if name not in there]
    on_progress(n - len(missing), n)
    for done, (name, relaxed) in enumerate(spread(_relax_named, missing, workers), n - len(missing) + 1):
        add_to_library(path, name, relaxed, origin)
        on_progress(done, n)


def _relax_named(task: tuple[str, int, int, ParticleRanges]) -> tuple[str, Relaxed]:
    name, seed, index, ranges = task
    return name, relax_random(seed, index, ranges)


def _check_origin(path: Path, origin: dict[str, Any]) -> None:
    """Raise InputError if a file holds anything but crystals drawn as is asked for now."""
    with _opened(path) as library:
        foreign = [name for name in library if not NAME.fullmatch(name)]
        if foreign or not len(library):
            raise InputError(
                f"library {path}: holds {foreign or 'nothing'}, expected relaxed crystals only; choose another file"
            )
        before = json.loads(library[min(library)].attrs["origin"])
    for key in ("seed", "ranges"):
        if before[key] != json.loads(json.dumps(origin[key])):
            raise InputError(f"library {path}: was made with {key} {before[key]}, got {origin[key]}; choose another file")


def crystal_names(path: Path) -> list[str]:
    """Names of the crystals in a library, sorted; none where there is no file."""
    if not path.exists():
        return []
    with _opened(path) as library:
        return sorted(name for name in library if NAME.fullmatch(name))


def read_relaxed(path: Path, name: str) -> Relaxed:
    """Read one relaxed crystal from a library; InputError says what is wrong with the file or the name."""
    with _opened(path) as library:
        if name not in library:
            raise InputError(f"library {path}: got no crystal '{name}', expected one of the {len(library)} in it")
        return replace(_read_crystal(library[name]), name=name)


class Library(Sequence[Relaxed]):
    """The crystals of a library, or of one split of it, read when they are asked for.

    Parameters
    ----------
    path : text or path, optional
        The library; by default the one that comes with the package.
    split : 'train', 'validation' or 'test', optional
        Only the crystals of this split.

    Raises
    ------
    InputError
        If the file cannot be read or holds no such crystal.
    """

    def __init__(self, path: PathLike | None = None, split: Split | None = None) -> None:
        self.path = as_path(SHIPPED_LIBRARY if path is None else path, "library")
        with _opened(self.path) as library:
            self.names = sorted(name for name in library if NAME.fullmatch(name) and split in (None, split_of(name)))
        if not self.names:
            raise InputError(
                f"library {self.path}: got no crystal of split '{split or 'any'}', expected some; relax more crystals"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Relaxed:  # type: ignore[override]
        return read_relaxed(self.path, self.names[index])


def split_of_number(number: int) -> Split:
    """The split of crystal ``number``: 8 of 10 for training, 1 for validation, 1 for test."""
    return SPLITS.get(number % 10, "train")


def split_of(name: str) -> Split:
    """The split of a crystal by its name."""
    return split_of_number(int(name.removeprefix("crystal_")))


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a library to read; whatever is wrong with the file is one sentence."""
    check_regular(path, "library")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # whatever HDF5, JSON and numpy say of what is no crystal
        raise InputError(
            f"library {path}: cannot be read ({error}), expected an HDF5 file of relaxed crystals; make one with 'relax'"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes of this machine from changing files in the library's folder meanwhile."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write_crystal(group: h5py.Group, relaxed: Relaxed, origin: dict[str, Any]) -> None:
    particle = relaxed.particle
    low = particle.sites.min(0)
    occupied = np.zeros(particle.sites.max(0) - low + 1, bool)
    occupied[tuple((particle.sites - low).T)] = True
    steps = np.rint(relaxed.displacement_angstrom.T / STEP_ANGSTROM).astype(np.int16)
    group.create_dataset("occupied_bits", data=np.packbits(occupied), **COMPRESSED)
    group.create_dataset("displacement_steps", data=np.diff(steps, axis=1, prepend=np.int16(0)), **COMPRESSED)
    group.create_dataset("normals", data=particle.normals)
    group.create_dataset("distances_angstrom", data=particle.distances_angstrom)
    group.attrs.update(
        metal=particle.metal,
        shape=particle.shape,
        atoms=len(particle.sites),
        first_site=low,
        extent_sites=occupied.shape,
        step_angstrom=STEP_ANGSTROM,
        energy_ev=relaxed.energy_ev,
        largest_force_ev_per_angstrom=relaxed.largest_force_ev_per_angstrom,
        minimisation_steps=relaxed.steps,
        left_their_sites=relaxed.left_their_sites,
        dislocation=json.dumps(asdict(particle.dislocation) if particle.dislocation else None),
        origin=json.dumps(origin),
    )


def _read_crystal(group: h5py.Group) -> Relaxed:
    attributes = dict(group.attrs)
    extent = tuple(attributes["extent_sites"])
    occupied = np.unpackbits(group["occupied_bits"][:], count=int(np.prod(extent))).reshape(extent)
    sites = (np.argwhere(occupied) + attributes["first_site"]).astype(np.int16)
    steps = np.cumsum(group["displacement_steps"][:], axis=1, dtype=np.int16)
    drawn = json.loads(attributes["dislocation"])
    particle = Particle(
        attributes["metal"],
        attributes["shape"],
        sites,
        group["normals"][:],
        group["distances_angstrom"][:],
        Dislocation(drawn.pop("kind"), **{name: tuple(vector) for name, vector in drawn.items()}) if drawn else None,
    )
    return Relaxed(
        particle,
        steps.T.astype(np.float64) * float(attributes["step_angstrom"]),
        float(attributes["energy_ev"]),
        float(attributes["largest_force_ev_per_angstrom"]),
        int(attributes["minimisation_steps"]),
        int(attributes["left_their_sites"]),
    )
