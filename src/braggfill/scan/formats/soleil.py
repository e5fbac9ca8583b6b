"""NeXus files of SOLEIL: SixS (``com/scan_data``) and Cristal (``exp_0012/scan_data``); the energy is in keV.

The frames have no name of their own: they are the three-dimensional dataset among ``data_01``, ``data_02``, … Layout as read by
cdiutils (``io/sixs.py``, ``io/cristal.py``) and bcdi (``experiment/loader.py``).
"""

import h5py

from braggfill.scan.formats.layouts import Layout, Wanted, groups_in, inside, volumes_in

ENERGIES = ("SIXS/i14-c-c02-op-mono/energy", "CRISTAL/Monochromator/energy", "CRISTAL/monochromator/energy")


def find_soleil(group: h5py.Group, wanted: Wanted) -> Layout | None:
    """The only three-dimensional data of the only scan."""
    found = {volume: scan for scan in groups_in(group) for volume in volumes_in(scan, "scan_data")}
    place = wanted.choose(list(found))
    return Layout((place,), energies=tuple(inside(found[place], energy) for energy in ENERGIES)) if place else None
