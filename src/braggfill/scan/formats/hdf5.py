"""Reading HDF5 as PyNX, cdiutils, NeXus and beamlines write it: where the frames lie, their mask, and what compressed them."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.scan.formats.contents import JOULES_PER_EV, Geometry, Scan, read_json

DATA_PLACES = (
    "entry_1/instrument_1/detector_1/data",
    "entry_1/image_1/data",
    "entry_1/data_1/data",
    "entry_1/cropped_detector_data",
    "entry/instrument/detector/data",
    "entry/data/data",
)
"""Where PyNX, cdiutils and NeXus files keep the frames, in the order in which they are looked for."""
MASK_PLACES = (
    "entry_1/instrument_1/detector_1/mask",
    "entry_1/image_1/mask",
    "entry_1/mask",
    "mask",
    "entry_1/detector_1/mask",
)
ENERGY_PLACES = (
    "entry_1/instrument_1/source_1/energy",
    "entry_1/instrument_1/beam_1/incident_energy",
    "entry_1/source_1/energy",
    "entry/instrument/beam/incident_energy",
)
DETECTOR_PLACES = ("entry_1/instrument_1/detector_1", "entry_1/detector_1", "entry/instrument/detector")
PROVENANCE_PLACE = "entry_1/process_1/provenance"
SMALLEST_EV = 500.0
"""Energies above are in eV, below in keV: no scan of this kind is made with photons of less than 0.5 keV or over 500 keV."""


def read_hdf5(path: Path, place: str | None) -> Scan:
    """Read the dataset at a place, else in the usual places, else the only volume; with what else the file says of it."""
    with h5py.File(path) as file:
        where = place or find_place(file, DATA_PLACES, "scan", path)
        intensity = read_dataset(file, where, "scan", path)
        beside = where.rpartition("/")[0]
        mask = _first_array(file, (f"{beside}/mask", *MASK_PLACES))
        filled, std = (
            _first_array(file, (f"{beside}/{name}", f"{DETECTOR_PLACES[0]}/{name}"), intensity.shape)
            for name in ("filled_mask", "estimate_std")
        )
        return Scan(intensity, mask, f"{path.name}:{where}", filled, std, _provenance(file), read_geometry(file))


def _first_array(file: h5py.File, places: tuple[str, ...], shape: tuple[int, ...] | None = None) -> NDArray[Any] | None:
    """The first dataset that is there, of a shape if that is given."""
    there = (file[place] for place in places if place in file and isinstance(file[place], h5py.Dataset))
    return next((_array(dataset) for dataset in there if shape in (None, dataset.shape)), None)


def read_hdf5_mask(path: Path, place: str | None) -> NDArray[Any]:
    """Read a mask, (frames, rows, columns) or (rows, columns), from a place, else from the usual ones."""
    with h5py.File(path) as file:
        return read_dataset(file, place or find_place(file, MASK_PLACES, "mask", path), "mask", path)


def read_hdf5_provenance(path: Path) -> dict[str, Any] | None:
    """How a file was filled, without reading its arrays."""
    with h5py.File(path) as file:
        return _provenance(file)


def _provenance(file: h5py.File) -> dict[str, Any] | None:
    stored = file.get(PROVENANCE_PLACE)
    text = isinstance(stored, h5py.Dataset) and h5py.check_string_dtype(stored.dtype) and stored.shape == ()
    return read_json(stored.asstr()[()]) if text else None


def find_place(file: h5py.File, wanted: tuple[str, ...], role: str, path: Path) -> str:
    """The first usual place that is there, else the only three-dimensional dataset that is no mask."""
    for name in wanted:
        if name in file:
            return f"{name}/data" if isinstance(file[name], h5py.Group) and "data" in file[name] else name
    volumes: list[str] = []

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3 and "mask" not in name.rpartition("/")[2]:
            volumes.append(name)

    file.visititems(note)
    if len(volumes) == 1:
        return volumes[0]
    found = "; found " + ", ".join(volumes[:5]) if volumes else ""
    raise InputError(f"{role} {path}: got no dataset in the usual places{found}; give it as '{path.name}:/path/to/data'")


def read_dataset(file: h5py.File, where: str, role: str, path: Path) -> NDArray[Any]:
    """Read a dataset (of any shape) that must be there, with the filters that compressed it."""
    if where not in file or not isinstance(file[where], h5py.Dataset):
        raise InputError(
            f"{role} {path}: got no dataset '{where}' in it; expected '{path.name}:/path/to/data' of one that exists"
        )
    return _array(file[where])


def _array(dataset: h5py.Dataset) -> NDArray[Any]:
    """All of a dataset; filters that h5py lacks (bitshuffle, LZ4, …) come from hdf5plugin."""
    if any(not h5py.h5z.filter_avail(code) for code in _filters(dataset)):
        try:
            import hdf5plugin  # noqa: F401 - its import makes the filters known to HDF5
        except ImportError as error:
            raise InputError(
                f"scan {dataset.file.filename}: got data compressed by a filter that is not here, expected the packages of "
                "the extra 'hdf5plugin'; install them with: pip install 'braggfill[hdf5plugin]'"
            ) from error
    values: NDArray[Any] = dataset[()]
    return values


def _filters(dataset: h5py.Dataset) -> list[int]:
    created = dataset.id.get_create_plist()
    return [created.get_filter(n)[0] for n in range(created.get_nfilters())]


def read_geometry(file: h5py.File) -> Geometry:
    """Photon energy, distance and pixel size, where the file has them."""
    energy = next((_in_joules(file[p]) for p in ENERGY_PLACES if p in file), None)
    detector: Any = next((file[p] for p in DETECTOR_PLACES if p in file and "distance" in file[p]), {})
    distance = _number(detector, "distance")
    row, column = _number(detector, "y_pixel_size"), _number(detector, "x_pixel_size")
    return Geometry(energy, distance, (row, column) if row and column else None)


def _number(group: Any, name: str) -> float | None:
    """A positive number, or None."""
    value = np.ravel(group[name][()]) if name in group else np.empty(0)
    return float(value[0]) if value.size == 1 and value.dtype.kind in "iuf" and 0 < value[0] < np.inf else None


def _in_joules(dataset: h5py.Dataset) -> float | None:
    """A photon energy in joules, whose unit its size tells where no attribute does."""
    value = _number(dataset.parent, dataset.name.rpartition("/")[2])
    if value is None:
        return None
    unit = dataset.attrs.get("units", "J" if value < 1e-10 else "eV" if value > SMALLEST_EV else "keV")
    return value * {"J": 1.0, "eV": JOULES_PER_EV, "keV": 1e3 * JOULES_PER_EV}.get(str(unit), 1.0)
