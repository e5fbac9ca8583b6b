"""Masters of DECTRIS detectors (Eiger, Eiger2, Pilatus through the same software): frames behind links, a mask of bits.

``entry/data/data_000001``, ``data_000002``, … link to files of up to a fixed number of frames. Gaps and dead pixels hold the
type's largest value; ``pixel_mask`` has bit 0 for a gap, 1 for a dead, 2 for an under-, 3 for an over-responding and 4 for a
noisy pixel: whatever bit is set, the pixel is no measurement. Layout: https://www.dectris.com/en/support/downloads/header-docs/nexus/
"""

import re

import h5py

from braggfill.base.errors import InputError
from braggfill.scan.formats.hdf5_access import reached
from braggfill.scan.formats.layouts import Layout, Wanted, inside

DATA, DETECTOR = "entry/data", "entry/instrument/detector"


def find_dectris(group: h5py.Group, wanted: Wanted) -> Layout | None:
    """The frames behind all links of a master, in the order of their numbers."""
    data = reached(group, DATA)
    links = sorted((n for n in data if re.fullmatch(r"data_\d+", n)), key=_number) if isinstance(data, h5py.Group) else []
    frames = tuple(inside(group, DATA, link) for link in links)
    if wanted.place is not None:
        frames = tuple(place for place in frames if place == wanted.place)
    elif lost := [n for n in links if not isinstance(reached(data, n), h5py.Dataset)]:
        raise InputError(
            f"scan {wanted.file}: got {len(lost)} of {len(links)} links to frames that lead nowhere ({', '.join(lost[:3])}), "
            f"expected the files of all beside the master; copy them there, or give one as '{wanted.file}:/{frames[0]}'"
        )
    if not frames:
        return None
    return Layout(
        frames,
        (inside(group, DETECTOR, "detectorSpecific/pixel_mask"), inside(group, DETECTOR, "pixel_mask")),
        (inside(group, DETECTOR, "detectorSpecific/photon_energy"), inside(group, "entry/instrument/beam/incident_energy")),
        (inside(group, DETECTOR),),
    )


def _number(link: str) -> int:
    return int(link.removeprefix("data_"))
