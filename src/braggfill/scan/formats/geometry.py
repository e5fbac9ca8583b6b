"""Photon energy, distance and pixel size as HDF5 files tell them, in joules and metres."""

import h5py
import numpy as np

from braggfill.scan.formats.contents import JOULES_PER_EV, Geometry
from braggfill.scan.formats.hdf5_access import reached

ENERGY_PLACES = (
    "entry_1/instrument_1/source_1/energy",
    "entry_1/instrument_1/beam_1/incident_energy",
    "entry_1/source_1/energy",
    "entry/instrument/beam/incident_energy",
    "entry/instrument/detector/detectorSpecific/photon_energy",
)
"""Where PyNX, cdiutils, NeXus files and DECTRIS detectors keep the photon energy."""
DETECTOR_PLACES = ("entry_1/instrument_1/detector_1", "entry_1/detector_1", "entry/instrument/detector")
DISTANCES = ("distance", "detector_distance")
SMALLEST_EV = 500.0
"""Energies above are in eV, below in keV: no scan of this kind is made with photons of less than 0.5 keV or over 500 keV."""
JOULES = {"J": 1.0, "eV": JOULES_PER_EV, "keV": 1e3 * JOULES_PER_EV}
METRES = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6}


def read_geometry(file: h5py.File, energies: tuple[str, ...], detectors: tuple[str, ...]) -> Geometry:
    """Photon energy, distance and pixel size from the first of some places that has them."""
    energy = next((_in_joules(e) for p in energies if isinstance(e := reached(file, p), h5py.Dataset)), None)
    groups = [item for p in detectors if isinstance(item := reached(file, p), h5py.Group)]
    detector = next((group for group in groups if any(reached(group, name) is not None for name in DISTANCES)), None)
    if detector is None:
        return Geometry(energy)
    distance, row, column = (_length(detector, names) for names in (DISTANCES, ("y_pixel_size",), ("x_pixel_size",)))
    return Geometry(energy, distance, (row, column) if row and column else None)


def _length(detector: h5py.Group, names: tuple[str, ...]) -> float | None:
    """The first length in metres that a detector tells under some names."""
    found = (item for name in names if isinstance(item := reached(detector, name), h5py.Dataset))
    return next((_in_metres(dataset) for dataset in found), None)


def _number(dataset: h5py.Dataset) -> float | None:
    """A positive number, or None."""
    value = np.ravel(dataset[()]) if dataset.size == 1 and dataset.dtype.kind in "iuf" else np.zeros(1)
    return float(value[0]) if 0 < value[0] < np.inf else None


def _in_joules(dataset: h5py.Dataset) -> float | None:
    """A photon energy in joules, whose unit its size tells where no attribute does."""
    value = _number(dataset)
    if value is None:
        return None
    usual = "J" if value < 1e-10 else "eV" if value > SMALLEST_EV else "keV"
    return value * JOULES.get(_unit(dataset, usual), 1.0)


def _in_metres(dataset: h5py.Dataset) -> float | None:
    """A length in metres, as which a file means it unless an attribute says otherwise."""
    value = _number(dataset)
    return None if value is None else value * METRES.get(_unit(dataset, "m"), 1.0)


def _unit(dataset: h5py.Dataset, usual: str) -> str:
    unit = dataset.attrs.get("units", usual)
    return unit.decode() if isinstance(unit, bytes) else str(unit)
