"""How an HDF5 file is opened and its datasets read: without a lock, with the filters it was compressed by, box by box.

Who only reads needs no lock: a file that an acquisition still holds, or that lies where locks do not work (NFS, GPFS, Lustre),
is readable without one. A file that its writer keeps as SWMR is read as such.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py

from braggfill.base.errors import InputError
from braggfill.base.paths import check_regular

LOCKED = re.compile("unable to lock|locking", re.IGNORECASE)
"""How HDF5 says that it wanted a lock, although it was asked not to: a variable of the environment wins."""
BEING_WRITTEN = re.compile("already open for write|truncated file|consistency flags|bad object header", re.IGNORECASE)
"""How HDF5 says that a file is not, or not yet, as its writer means to leave it."""

MOST_HOPS = 16
"""From link to link, as HDF5 itself follows them."""


@contextmanager
def opened(path: Path, role: str) -> Iterator[h5py.File]:
    """Open a file for reading, or say in one sentence that it is still written to and what to do."""
    check_regular(path, role)
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        file = _opened_beside_its_writer(path, role, error)
    with file:
        yield file


def _opened_beside_its_writer(path: Path, role: str, refused: OSError) -> h5py.File:
    if LOCKED.search(str(refused)):
        raise InputError(
            f"{role} {path}: got a file that another program has locked ({_core(refused)}), expected one that can be read "
            "without a lock; the environment asks for locks: set HDF5_USE_FILE_LOCKING=FALSE"
        ) from refused
    if not BEING_WRITTEN.search(str(refused)):
        raise refused
    try:
        return h5py.File(path, "r", locking=False, swmr=True)
    except OSError as error:
        raise InputError(
            f"{role} {path}: got a file that is still being written, or whose writer was interrupted ({_core(refused)}), "
            "expected a closed one; wait until the acquisition has ended; if nothing writes to it any more, run: h5clear -s, "
            "or copy it anew"
        ) from error


def _core(error: OSError) -> str:
    """What HDF5 puts into brackets, without its preamble."""
    found = re.search(r"\((.*)\)", str(error), re.DOTALL)
    return (found[1] if found else str(error)).splitlines()[0]


def reached(group: h5py.Group, place: str, hops: int = MOST_HOPS) -> h5py.Group | h5py.Dataset | None:
    """What stands at a place, from a group or else the root of its file, behind whatever links; None if nothing does.

    Raises
    ------
    InputError
        If a link on the way leads to a pipe, a device or a folder, where HDF5 would wait for ever.
    """
    item: Any = group.file if place.startswith("/") else group
    for name in filter(None, place.split("/")):
        link = item.get(name, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None or not hops:
            return None
        if isinstance(link, h5py.SoftLink):
            item = reached(item, link.path, hops - 1)
        elif isinstance(link, h5py.ExternalLink):
            item = _reached_elsewhere(item, name, link, hops - 1)
        else:
            item = item.get(name)
    return item


def _reached_elsewhere(group: h5py.Group, name: str, link: h5py.ExternalLink, hops: int) -> h5py.Group | h5py.Dataset | None:
    """What a link to another file leads to, where that is a file and has it."""
    beside = Path(group.file.filename).parent
    files = [path for path in (beside / link.filename, beside / Path(link.filename).name) if path.exists()]
    for path in files:
        check_regular(path, "scan: file behind a link")
    try:
        with h5py.File(files[0], "r", locking=False) if files else nullcontext() as other:
            return group.get(name) if other is None or reached(other, link.path, hops) is not None else None
    except OSError:  # one that is not there, or no HDF5
        return None


def lost_link(group: h5py.Group, place: str, hops: int = MOST_HOPS) -> str | None:
    """Where the link on the way to a place points that leads nowhere, as ``file:/place``; None if there is no such link."""
    above, _, name = place.rstrip("/").rpartition("/")
    if not name or not hops:
        return None
    home = reached(group, above or "/" * place.startswith("/"))
    if home is None:
        return lost_link(group, above, hops - 1)
    link = home.get(name, getlink=True) if isinstance(home, h5py.Group) and reached(home, name) is None else None
    if isinstance(link, h5py.SoftLink):
        return lost_link(home, link.path, hops - 1) or link.path
    return f"{link.filename}:{link.path}" if isinstance(link, h5py.ExternalLink) else None


def lost_links(group: h5py.Group) -> list[str]:
    """Where the links of a group, and of all groups in it, point that lead nowhere."""
    groups = [group]
    group.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
    return [told for home in groups for name in home if (told := lost_link(home, name))]


def require_filters(dataset: h5py.Dataset) -> None:
    """Make known the filters that h5py lacks (bitshuffle, LZ4, …), which come from hdf5plugin, or raise InputError."""
    if all(h5py.h5z.filter_avail(code) for code in _filters(dataset)):
        return
    try:
        import hdf5plugin  # noqa: F401 - its import makes the filters known to HDF5
    except ImportError as error:
        raise InputError(
            f"scan {dataset.file.filename}: got data compressed by a filter that is not here, expected the packages of "
            "the extra 'hdf5plugin'; install them with: pip install 'braggfill[hdf5plugin]'"
        ) from error


def _filters(dataset: h5py.Dataset) -> list[int]:
    """Codes of the filters of a dataset, or of the first that a virtual one is made of."""
    created = dataset.id.get_create_plist()
    codes = [created.get_filter(n)[0] for n in range(created.get_nfilters())]
    for source, place in sources(dataset)[:1]:
        with h5py.File(source, "r", locking=False) as file:
            if isinstance(part := reached(file, place), h5py.Dataset):
                codes += _filters(part)
    return codes


def sources(dataset: h5py.Dataset) -> list[tuple[Path, str]]:
    """Files and datasets that a virtual dataset is made of; HDF5 shows zeros where one is not there, so that is InputError."""
    if not dataset.is_virtual:
        return []
    here = Path(dataset.file.filename)
    found = [(here if s.file_name == "." else here.parent / s.file_name, s.dset_name) for s in dataset.virtual_sources()]
    found = [(file, place) for file, place in found if "%" not in file.name]
    if missing := sorted({file.name for file, _ in found if not file.exists()}):
        raise InputError(
            f"scan {here}: got a virtual dataset without {len(missing)} of its files ({', '.join(missing[:3])}), expected all "
            "of them, else their frames would read as zeros; copy them to where the master looks for them"
        )
    for file in {file for file, _ in found}:
        check_regular(file, "scan: file of a virtual dataset")
    return found
