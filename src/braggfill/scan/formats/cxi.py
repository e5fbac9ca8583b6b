"""Writing CXI files that PyNX and silx read: energy in joules, lengths in metres, ``cxi_version`` 140.

PyNX casts masks to int8 and takes what is > 0 for bad, so that the CXI flags 128, 512, 2048 would turn into "good". The
mask is therefore 0 or 1, and what was estimated is told elsewhere: ``filled_mask``, ``estimate_std``, the flags of
``pixel_mask``, and NeXus' ``virtual_pixel_correction_applied``. Layout: https://www.cxidb.org/cxi.html
"""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from braggfill.base.text import printable
from braggfill.base.writing import whole_or_nothing
from braggfill.scan.formats.contents import Geometry, Scan, is_marked
from braggfill.scan.formats.hdf5 import DATA_PLACES, PROVENANCE_PLACE

CXI_VERSION = 140
FLAG_INVALID, FLAG_CORRECTED = 1, 2048
"""CXI flags of a pixel that was not measured, and of one that was corrected for an artefact."""
PLANCK_TIMES_LIGHT_J_M = 1.986445857e-25
COMPRESSION: dict[str, Any] = {"chunks": True, "shuffle": True, "compression": "gzip", "compression_opts": 1}
"""What any HDF5 reads without a plugin; the level costs a tenth of the time of the usual 4 and a twentieth of the size."""


def write_cxi(path: Path, scan: Scan) -> None:
    """Write a scan; measured voxels and estimates keep their type.

    It is made in memory, where it is compressed: HDF5 ends the whole program when a disk is full.
    """
    with h5py.File("scan.cxi", "w", driver="core", backing_store=False) as file:
        file["cxi_version"] = CXI_VERSION
        file.attrs.update({"creator": "braggfill", "default": "entry_1"})
        entry = _group(file, "entry_1", "NXentry", default="data_1")
        entry["program_name"] = "braggfill"
        instrument = _group(entry, "instrument_1", "NXinstrument")
        _write_beam(instrument, scan.geometry)
        _write_detector(_group(instrument, "detector_1", "NXdetector"), scan)
        data = _group(entry, "data_1", "NXdata", signal="data", interpretation="image")
        data["data"] = h5py.SoftLink(f"/{DATA_PLACES[0]}")
        if scan.provenance is not None:
            _write_process(_group(entry, "process_1", "NXprocess"), scan.provenance)
            data["process_1"] = h5py.SoftLink("/entry_1/process_1")
        file.flush()
        image = file.id.get_file_image()
    with whole_or_nothing(path) as temporary:
        temporary.write(image)


def _group(parent: h5py.Group, name: str, nexus_class: str, **attributes: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs.update({"NX_class": nexus_class, **attributes})
    return group


def _write_number(group: h5py.Group, name: str, value: float, unit: str) -> None:
    group[name] = value
    group[name].attrs["units"] = unit


def _write_beam(instrument: h5py.Group, geometry: Geometry) -> None:
    """The photon energy under both names that readers look for."""
    if geometry.energy_j is None:
        return
    source, beam = _group(instrument, "source_1", "NXsource"), _group(instrument, "beam_1", "NXbeam")
    _write_number(source, "energy", geometry.energy_j, "J")
    _write_number(beam, "incident_energy", geometry.energy_j, "J")
    _write_number(beam, "incident_wavelength", PLANCK_TIMES_LIGHT_J_M / geometry.energy_j, "m")


def _write_detector(detector: h5py.Group, scan: Scan) -> None:
    """Data, mask, and which voxels are estimates."""
    if scan.geometry.distance_m is not None:
        _write_number(detector, "distance", scan.geometry.distance_m, "m")
    if scan.geometry.pixel_size_m is not None:
        for name, size in zip(("y_pixel_size", "x_pixel_size"), scan.geometry.pixel_size_m, strict=True):
            _write_number(detector, name, size, "m")
    detector.create_dataset("data", data=scan.intensity, **COMPRESSION)
    detector["data"].attrs["units"] = "counts"
    flags = np.zeros(scan.intensity.shape, np.uint32)
    if scan.mask is not None:
        missing = is_marked(scan.mask)
        detector.create_dataset("mask", data=missing.astype(np.uint8), **COMPRESSION)
        flags[np.broadcast_to(missing, flags.shape)] = FLAG_INVALID
    detector["virtual_pixel_correction_applied"] = scan.filled is not None
    if scan.filled is not None:
        filled = is_marked(scan.filled)
        detector.create_dataset("filled_mask", data=filled.astype(np.uint8), **COMPRESSION)
        flags[np.broadcast_to(filled, flags.shape)] = FLAG_CORRECTED
        detector.create_dataset("pixel_mask", data=flags, **COMPRESSION)
        detector["pixel_mask"].attrs["description"] = "CXI flags: 1 not measured, 2048 estimated where not measured"
    if scan.std is not None:
        detector.create_dataset("estimate_std", data=scan.std, **COMPRESSION)


def _write_process(process: h5py.Group, provenance: dict[str, Any]) -> None:
    """What a person looks for by name, and all of it as JSON."""
    for name in ("program", "version", "command", "weights_sha256"):
        if isinstance(provenance.get(name), str):
            process[name] = printable(provenance[name])
    configuration = _group(process, "configuration", "NXcollection")
    chosen = provenance.get("configuration") or provenance.get("options")
    for name, value in chosen.items() if isinstance(chosen, dict) else ():
        if name.isidentifier():
            plain = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63)
            configuration[name] = value if plain else printable(value if isinstance(value, str) else json.dumps(value))
    process[PROVENANCE_PLACE.rpartition("/")[2]] = json.dumps(provenance)
