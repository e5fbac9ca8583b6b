"""Photon energy, distance and pixel size as HDF5 files tell them, in joules and metres."""

from typing import Any

import h5py
import numpy as np

from braggfill.scan.formats.contents import JOULES_PER_EV, Geometry

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
    energy = next((_in_joules(file[p]) for p in energies if isinstance(file.get(p), h5py.Dataset)), None)
    groups = (item for p in detectors if isinstance(item := file.get(p), h5py.Group))
    detector: Any = next((group for group in groups if any(name in group for name in DISTANCES)), {})
    distance = next((_in_metres(detector[name]) for name in DISTANCES if name in detector), None)
    row, column = (_in_metres(detector[n]) if n in detector else None for n in ("y_pixel_size", "x_pixel_size"))
    return Geometry(energy, distance, (row, column) if row and column else None)


def _number(dataset: h5py.Dataset) -> float | None:
    """A positive number, or None."""
    value = np.ravel(dataset[()])
    return float(value[0]) if value.size == 1 and value.dtype.kind in "iuf" and 0 < value[0] < np.inf else None


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
