"""Files of BLISS at the ESRF (ID01): a group a scan, ``12.1`` or ``sample_12.1``, with ``measurement`` and ``instrument``.

``measurement/mpx1x4``, ``mpxgaas`` or ``eiger2M`` lead to the frames, which lie in files of their own; the energy is
``instrument/positioners/mononrj`` in keV. LIMA's own files have ``entry_0000/measurement/data`` instead. Layout as read by
cdiutils (``io/id01.py``) and bcdi (``experiment/loader.py``).
"""

import re

import h5py

from braggfill.scan.formats.layouts import Layout, Wanted, groups_in, inside, volumes_in

SCAN = re.compile(r"(.*_)?\d+\.\d+|entry_\d{4}")
"""How BLISS and LIMA name a scan."""


def find_bliss(group: h5py.Group, wanted: Wanted) -> Layout | None:
    """The frames of the scan that a group is, or of the only one in it."""
    scans = [g for g in groups_in(group) if SCAN.fullmatch(g.name.rpartition("/")[2])]
    found = {volume: scan for scan in scans for volume in volumes_in(scan, "measurement")}
    place = wanted.choose(list(found))
    if place is None:
        return None
    scan, device = found[place], place.rpartition("/")[2]
    return Layout(
        (place,),
        energies=tuple(inside(scan, "instrument/positioners", name) for name in ("mononrj", "nrj")),
        detectors=(inside(scan, "instrument", device),),
    )
