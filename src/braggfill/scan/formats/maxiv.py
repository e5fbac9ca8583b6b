"""Files of NanoMAX at MAX IV: ``entry/measurement/merlin/frames`` (or ``eiger500k``, …), the energy in eV in a snapshot.

Layout as read by cdiutils (``io/nanomax.py``) and bcdi (``experiment/loader.py``); early files have ``Merlin/data``.
"""

import h5py

from braggfill.scan.formats.hdf5_access import reached
from braggfill.scan.formats.layouts import Layout, Wanted, inside

MEASUREMENT = "entry/measurement"
STACKS = ("frames", "data")
ENERGIES = ("entry/snapshots/post_scan/energy", "entry/snapshots/pre_scan/energy", "entry/snapshot/energy")


def find_maxiv(group: h5py.Group, wanted: Wanted) -> Layout | None:
    """The frames of the only detector in the measurement."""
    devices = reached(group, MEASUREMENT)
    if not isinstance(devices, h5py.Group):
        return None
    stacks = [f"{device}/{stack}" for device in devices for stack in STACKS if isinstance(reached(devices, device), h5py.Group)]
    there = [s for s in stacks if isinstance(item := reached(devices, s), h5py.Dataset) and item.ndim == 3]
    place = wanted.choose([inside(group, MEASUREMENT, stack) for stack in there])
    return Layout((place,), energies=tuple(inside(group, energy) for energy in ENERGIES)) if place else None
