"""Folders of P10 at PETRA III: ``sample_00012/e4m/sample_00012_master.h5`` of an Eiger, and the log ``sample_00012.fio``.

The log has the energy of the monochromator, ``fmbenergy = 8500.0``, in eV, and under ``%d`` a line for each point. Where a
point is a series of frames, each has a file of its own, ``…_data_000001.h5``, ``…_data_000002.h5``, …, whose frames are summed.
Layout as read by cdiutils (``io/p10.py``) and bcdi (``experiment/loader.py``, ``is_series``). Files of Lambda detectors need no
module: their frames and mask lie in NeXus' own places.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.paths import check_regular
from braggfill.scan.formats.contents import JOULES_PER_EV, ChooseBox, Cut, Scan
from braggfill.scan.formats.frames import Stacked, points_of
from braggfill.scan.formats.hdf5 import read_hdf5
from braggfill.scan.formats.hdf5_access import opened, require_filters

ENERGY = re.compile(r"^\s*fmbenergy\s*=\s*([0-9.eE+]+)\s*$", re.MULTILINE)
POINT = re.compile(r"^\s*[-+]?\d[\d.eE+-]*(\s|$)", re.MULTILINE)
MASTER, DATA_FILE, DATA = "_master.h5", re.compile(r"_data_(\d{6})\.h5$"), "entry/data/data"


@dataclass(frozen=True)
class Log:
    """What a log tells."""

    energy_j: float | None = None
    points: int | None = None
    """Of the rocking curve."""

    def add_to(self, scan: Scan) -> Scan:
        """A scan with the energy that the log tells."""
        if self.energy_j is None:
            return scan
        return replace(scan, geometry=replace(scan.geometry, energy_j=self.energy_j))


def read_log(folder: Path) -> Log:
    """The only log in a folder, or one that tells nothing."""
    logs = [*folder.glob("*.fio")]
    for log in logs:
        check_regular(log, "scan: log")
    if len(logs) != 1:
        return Log()
    header, _, lines = logs[0].read_text(errors="replace").partition("%d")
    found, points = ENERGY.search(header), len(POINT.findall(lines))
    return Log(float(found[1]) * JOULES_PER_EV if found else None, points or None)


def find_master(folder: Path) -> Path | None:
    """The only master in a folder or right below it; None if there is none."""
    masters = sorted([*folder.glob(f"*{MASTER}"), *folder.glob(f"*/*{MASTER}")])
    if len(masters) > 1:
        raise InputError(
            f"scan {folder}: got {len(masters)} masters ({', '.join(m.name for m in masters[:3])}), expected the folder of one "
            "scan; give the master itself"
        )
    return masters[0] if masters else None


def find_p10_folder(master: Path) -> Path | None:
    """The folder of P10 that a master is of: two above, with a log of its name; None if there is none."""
    folder = master.absolute().parent.parent
    own = master.name.endswith(MASTER) and (folder / f"{master.name.removesuffix(MASTER)}.fio").exists()
    return folder if own else None


def find_data_files(folder: Path) -> list[Path]:
    """The files of frames in a folder or right below it, in the order of their numbers."""
    found = [p for p in (*folder.glob("*.h5"), *folder.glob("*/*.h5")) if DATA_FILE.search(p.name)]
    return sorted(found, key=lambda p: (str(p.parent), p.name))


def read_p10_folder(folder: Path, master: Path, choose_box: ChooseBox | None = None) -> Scan:
    """Read the scan of a master, with what the log beside it tells."""
    log = read_log(folder)
    return log.add_to(read_hdf5(master, None, choose_box, log.points))


class DataFile:
    """The frames of a file without its master, which is opened whenever some are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened(path, "scan") as file:
            dataset = file.get(DATA)
            if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 3:
                raise InputError(f"scan {path}: got no frames at {DATA}, expected a file that an Eiger wrote")
            self.shape, self.dtype = dataset.shape, dataset.dtype

    def __getitem__(self, box: Any) -> NDArray[Any]:
        """Read frames, rows and columns."""
        with opened(self.path, "scan") as file:
            require_filters(file[DATA])
            part: NDArray[Any] = file[DATA][box]
            return part


def read_data_files(folder: Path, files: list[Path], choose_box: ChooseBox | None = None) -> Scan:
    """Read the frames of files whose master is not there, and so neither is their mask."""
    numbers = [int(found[1]) for path in files if (found := DATA_FILE.search(path.name))]
    if numbers != list(range(1, len(files) + 1)):
        raise InputError(
            f"scan {folder}: got {len(files)} files of frames without a master, not numbered from 1 without a gap, expected "
            "all of one scan and no other; copy what is missing, or the master"
        )
    log = read_log(folder)
    frames = Stacked(points_of([DataFile(path) for path in files], log.points), str(folder))
    box = choose_box(frames, None) if choose_box else None
    name, cut = f"{folder.name} ({frames.told})", Cut.of(box, frames.shape)
    return log.add_to(Scan(frames[... if box is None else box], None, name, cut=cut))
