"""Folders of P10 at PETRA III: ``sample_00012/e4m/sample_00012_master.h5`` of an Eiger, and the log ``sample_00012.fio``.

The log has the energy of the monochromator, ``fmbenergy = 8500.0``, in eV. Layout as read by cdiutils (``io/p10.py``) and bcdi
(``experiment/loader.py``). Files of Lambda detectors need no module: their frames and mask lie in NeXus' own places.
"""

import re
from dataclasses import replace
from pathlib import Path

from braggfill.base.errors import InputError
from braggfill.base.paths import check_regular
from braggfill.scan.formats.contents import JOULES_PER_EV, ChooseBox, Scan
from braggfill.scan.formats.hdf5 import read_hdf5

ENERGY = re.compile(r"^\s*fmbenergy\s*=\s*([0-9.eE+]+)\s*$", re.MULTILINE)


def find_master(folder: Path) -> Path | None:
    """The only master in a folder or right below it; None if there is none."""
    masters = sorted([*folder.glob("*_master.h5"), *folder.glob("*/*_master.h5")])
    if len(masters) > 1:
        raise InputError(
            f"scan {folder}: got {len(masters)} masters ({', '.join(m.name for m in masters[:3])}), expected the folder of one "
            "scan; give the master itself"
        )
    return masters[0] if masters else None


def read_p10_folder(folder: Path, master: Path, choose_box: ChooseBox | None = None) -> Scan:
    """Read the scan of a master, with the energy that the log beside it tells."""
    scan = read_hdf5(master, None, choose_box)
    logs = [*folder.glob("*.fio")]
    for log in logs:
        check_regular(log, "scan: log")
    found = ENERGY.search(logs[0].read_text(errors="replace")) if len(logs) == 1 else None
    return replace(scan, geometry=replace(scan.geometry, energy_j=float(found[1]) * JOULES_PER_EV)) if found else scan
