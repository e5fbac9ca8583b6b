"""What a layout of HDF5 files says: where the frames are, and what else is told of them.

A module a family of layouts finds it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import h5py

from braggfill.base.errors import InputError
from braggfill.scan.formats.hdf5_access import reached


@dataclass(frozen=True)
class Layout:
    """Places in a file, from its root; of each kind the first that is there counts, and the frames are all taken."""

    frames: tuple[str, ...]
    """Datasets whose frames follow one another."""
    masks: tuple[str, ...] = ()
    """> 0 = not measured."""
    energies: tuple[str, ...] = ()
    """Photon energies, in the unit that their attribute or else their size tells."""
    detectors: tuple[str, ...] = ()
    """Groups with ``distance`` (or ``detector_distance``), ``y_pixel_size`` and ``x_pixel_size``."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for in a file."""

    file: str
    """Its name."""
    place: str | None = None
    """The dataset that a person named."""

    def choose(self, places: list[str]) -> str | None:
        """Of the places with frames the one that was named, else the only one; None if there is none, InputError if many."""
        if self.place is not None:
            return next((p for p in places if p == self.place), None)
        if len(places) > 1:
            more = ", …" if len(places) > 4 else ""
            raise InputError(
                f"scan {self.file}: got {len(places)} stacks of frames ({', '.join(places[:4])}{more}), expected the name of "
                f"one; give it as '{self.file}:/{places[0]}'"
            )
        return places[0] if places else None


Finder = Callable[[h5py.Group, Wanted], Layout | None]
"""From a group to the layout of what is wanted in it; None if it has another one."""


def inside(group: h5py.Group, *names: str) -> str:
    """A place in a group, from the root of its file."""
    return "/".join([group.name.strip("/"), *names]).strip("/")


def volumes_in(group: h5py.Group, place: str) -> list[str]:
    """Places, from the root of the file, of the three-dimensional datasets right in a group, which may be links elsewhere."""
    home = reached(group, place)
    there = {name: reached(home, name) for name in home} if isinstance(home, h5py.Group) else {}
    return [inside(group, place, name) for name, item in there.items() if isinstance(item, h5py.Dataset) and item.ndim == 3]


def groups_in(group: h5py.Group) -> list[h5py.Group]:
    """A group and those right in it."""
    return [group, *(member for name in group if isinstance(member := reached(group, name), h5py.Group))]
