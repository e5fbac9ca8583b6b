"""HDF5 files as PyNX, cdiutils, silx, acquisition programs and beamlines write them.

A dataset is given by its path (``file.h5:/path/to/data``), a scan of many by its group (``file.h5:/12.1``), or both are looked
for.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.paths import check_regular
from braggfill.base.quiet import quiet
from braggfill.scan.formats.bliss import find_bliss
from braggfill.scan.formats.contents import ChooseBox, Cut, Scan, read_json
from braggfill.scan.formats.dectris import find_dectris
from braggfill.scan.formats.frames import Box, Frames, Stacked, points_of
from braggfill.scan.formats.geometry import DETECTOR_PLACES, ENERGY_PLACES, read_geometry
from braggfill.scan.formats.hdf5_access import lost_link, lost_links, opened, reached, require_filters, sources
from braggfill.scan.formats.layouts import Finder, Layout, Wanted, inside
from braggfill.scan.formats.maxiv import find_maxiv
from braggfill.scan.formats.soleil import find_soleil

DATA_PLACES = (
    "entry_1/instrument_1/detector_1/data",
    "entry_1/image_1/data",
    "entry_1/data_1/data",
    "entry_1/cropped_detector_data",
    "entry/instrument/detector/data",
    "entry/data/data",
)
"""Where PyNX, cdiutils, Lambda detectors and NeXus files keep the frames, in the order in which they are looked for."""
MASK_PLACES = (
    "entry_1/instrument_1/detector_1/mask",
    "entry_1/image_1/mask",
    "entry_1/mask",
    "mask",
    "entry_1/detector_1/mask",
    "entry/instrument/detector/detectorSpecific/pixel_mask",
    "entry/instrument/detector/pixel_mask",
)
"""The last two hold bits (NXdetector): a pixel with any of them set is not measured."""
MASKS_BESIDE = tuple(f"{place.rpartition('/')[0]}/mask" for place in DATA_PLACES)
FINDERS: tuple[Finder, ...] = (find_dectris, find_bliss, find_soleil, find_maxiv)
"""Of layouts beyond these places, a module a family."""
PROVENANCE_PLACE = "entry_1/process_1/provenance"


def read_hdf5(path: Path, place: str | None, choose_box: ChooseBox | None = None, points: int | None = None) -> Scan:
    """Read frames at a place, else in the usual places, else the only volume, or a box of them; and what is told of them.

    ``points`` are those of the scan, where another file tells them: then each may be a series of frames.
    """
    with opened(path, "scan") as file:
        layout = _layout(file, place, path)
        frames, beside = _frames(file, layout, path, points), layout.frames[0].rpartition("/")[0]
        mask = _first_like(file, layout.masks, frames)
        filled, std = (
            _first_like(file, (f"{beside}/{name}", f"{DETECTOR_PLACES[0]}/{name}"), frames, solid=True)
            for name in ("filled_mask", "estimate_std")
        )
        box = choose_box(frames, mask) if choose_box else None
        name = f"{beside} ({frames.told})" if isinstance(frames, Stacked) else layout.frames[0]
        return Scan(
            frames[... if box is None else box],
            _part(mask, box),
            f"{path.name}:{name}",
            _part(filled, box),
            _part(std, box),
            _provenance(file),
            read_geometry(file, layout.energies, layout.detectors),
            cut=Cut.of(box, frames.shape),
        )


def _layout(file: h5py.File, place: str | None, path: Path) -> Layout:
    """Where the frames are, and what is told of them: at a dataset, in a group, or in the whole file."""
    item = reached(file, place) if place else file
    if isinstance(item, h5py.Group):
        known = None if any(reached(item, name) is not None for name in DATA_PLACES) else _of_family(item, Wanted(path.name))
        return known or _usual(inside(item, find_place(item, DATA_PLACES, "scan", path)))
    if not isinstance(item, h5py.Dataset):
        read_dataset(file, place or "", "scan", path)
    plain = (place or "").strip("/")
    above = [group for group in (reached(file, plain.partition("/")[0]), file) if isinstance(group, h5py.Group)]
    known = next((layout for group in above if (layout := _of_family(group, Wanted(path.name, plain)))), None)
    return known or _usual(place or "")


def _of_family(group: h5py.Group, wanted: Wanted) -> Layout | None:
    return next((layout for find in FINDERS if (layout := find(group, wanted))), None)


def _usual(place: str) -> Layout:
    """Frames at a place of which no family knows more."""
    return Layout((place,), (f"{place.rpartition('/')[0]}/mask", *MASK_PLACES), ENERGY_PLACES, DETECTOR_PLACES)


def _frames(file: h5py.File, layout: Layout, path: Path, points: int | None) -> Frames:
    """The frames of a layout, in their order; nothing is read yet."""
    parts = [file[place] for place in layout.frames]
    for part in parts:
        require_filters(part)
    return parts[0] if len(parts) == 1 else Stacked(points_of(parts, points), path.name)


def _first_like(file: h5py.File, places: tuple[str, ...], frames: Frames, solid: bool = False) -> h5py.Dataset | None:
    """The first dataset that is there, such as a mask; if it is ``solid``, of the shape of the frames."""
    there = (item for place in places if isinstance(item := reached(file, place), h5py.Dataset))
    return next((item for item in there if not solid or item.shape == frames.shape), None)


def _part(dataset: h5py.Dataset | None, box: Box | None) -> NDArray[Any] | None:
    """A box of what is told of all frames, or the same pixels of what is told of each."""
    if dataset is None:
        return None
    require_filters(dataset)
    values: NDArray[Any] = dataset[()] if box is None else dataset[box[-dataset.ndim :]]
    return values


def files_behind(path: Path, place: str | None) -> list[Path]:
    """Files in which what is read from a place lies, frames or a mask: behind links, or as parts of a virtual dataset.

    None if they cannot be told: then they cannot be read either, which is said when they are.
    """
    found: list[Path] = []
    with suppress(Exception), quiet():
        check_regular(path, "scan")
        with opened(path, "scan") as file:
            for name in _places(file, place, path):
                with suppress(Exception):  # one that leads nowhere is told when it is read
                    part = file[name]
                    found += [Path(part.file.filename), *(source for source, _ in sources(part))]
    return found


def _places(file: h5py.File, place: str | None, path: Path) -> list[str]:
    """Where frames and masks may be read from, each if it is there."""
    layout = Layout(())
    with suppress(InputError):  # a file of nothing but a mask
        layout = _layout(file, place, path)
    return [*layout.frames, *layout.masks, *MASK_PLACES]


def read_hdf5_mask(path: Path, place: str | None) -> NDArray[Any]:
    """Read a mask, (frames, rows, columns) or (rows, columns), from a place, else as ``find_place`` finds it."""
    with opened(path, "mask") as file:
        return read_dataset(file, place or find_place(file, (*MASKS_BESIDE, *MASK_PLACES), "mask", path), "mask", path)


def read_hdf5_provenance(path: Path) -> dict[str, Any] | None:
    """How a file was filled, without reading its arrays."""
    with opened(path, "scan") as file:
        return _provenance(file)


def _provenance(file: h5py.File) -> dict[str, Any] | None:
    stored = reached(file, PROVENANCE_PLACE)
    if not isinstance(stored, h5py.Dataset) or stored.shape != () or not h5py.check_string_dtype(stored.dtype):
        return None
    return read_json(stored.asstr()[()])


def find_place(group: h5py.Group, wanted: tuple[str, ...], role: str, path: Path) -> str:
    """The first usual place that is there, else the only three-dimensional dataset that is no mask; from the group on.

    Of a mask (``role``) the only one of two or three dimensions with mask in its name.
    """
    for name in wanted:
        if (item := reached(group, name)) is not None:
            return f"{name}/data" if isinstance(item, h5py.Group) and "data" in item else name
    if lost := [told for name in wanted if (told := lost_link(group, name))]:
        raise _nowhere(role, path, lost)
    found: list[str] = []
    dimensions = (2, 3) if role == "mask" else (3,)

    def note(name: str, item: object) -> None:
        named = "mask" in name.rpartition("/")[2]
        if isinstance(item, h5py.Dataset) and item.ndim in dimensions and named == (role == "mask"):
            found.append(name)

    group.visititems(note)
    if len(found) == 1:
        return found[0]
    if role == "scan" and not found and (lost := lost_links(group)):
        raise _nowhere(role, path, lost)
    told = "; found " + ", ".join(found[:5]) if found else ""
    raise InputError(f"{role} {path}: got no dataset in the usual places{told}; give it as '{path.name}:/path/to/data'")


def read_dataset(file: h5py.File, where: str, role: str, path: Path) -> NDArray[Any]:
    """Read a dataset (of any shape) that must be there."""
    if not isinstance(dataset := reached(file, where), h5py.Dataset):
        if lost := lost_link(file, where):
            raise _nowhere(role, path, [lost])
        raise InputError(
            f"{role} {path}: got no dataset '{where}' in it; expected '{path.name}:/path/to/data' of one that exists"
        )
    require_filters(dataset)
    values: NDArray[Any] = dataset[()]
    return values


def _nowhere(role: str, path: Path, lost: list[str]) -> InputError:
    """What is said where links lead nowhere."""
    return InputError(
        f"{role} {path}: got links that lead nowhere ({', '.join(lost[:3])}), expected what they lead to; copy the files to "
        "where the links look for them, beside this one"
    )
