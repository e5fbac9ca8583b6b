"""The door to scan files: scans and masks as the pipelines of the field write them, filled scans in the format of the next one.

Nothing that is read is executed or unpickled. The formats themselves are in ``braggfill.scan.formats``, one module a family.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.limits import check_choice
from braggfill.base.paths import PathLike, as_path, is_folder
from braggfill.base.writing import check_output
from braggfill.scan.counts import as_mask_of_any, check_scan
from braggfill.scan.formats.contents import ChooseBox, Scan, cut_out, readable
from braggfill.scan.formats.cxi import write_cxi
from braggfill.scan.formats.desy import find_data_files, find_master, find_p10_folder, read_data_files, read_p10_folder
from braggfill.scan.formats.hdf5 import files_behind, read_hdf5, read_hdf5_mask, read_hdf5_provenance
from braggfill.scan.formats.image_folder import images_in, read_image_folder
from braggfill.scan.formats.names import HDF5_SUFFIXES, SPEC_SUFFIX, TIF_SUFFIXES, WITH_PLACES, FormatName
from braggfill.scan.formats.npz import (
    CDIUTILS_DATA,
    mask_beside,
    partner_of,
    read_npz,
    read_npz_mask,
    read_npz_provenance,
    write_npz,
    write_npz_mask,
    write_pair,
)
from braggfill.scan.formats.spec import images_of_spec, read_spec
from braggfill.scan.formats.tif import COHERE_STEM, beside_stack, cohere_partner, read_tif, write_cohere
from braggfill.scan.gaps import one_frame_for_all


@dataclass(frozen=True)
class Format:
    """A way of writing a scan, one row of the table that the command line and the docs share."""

    suffix: str
    summary: str
    write: Callable[[Path, Scan], None]
    name: Callable[[str], str]
    """Stem of a scan's file to the name of its filled one."""
    partner: Callable[[Path], Path | None] = lambda path: None
    """Name of a file to the one that is written beside it, or None; InputError for a name that the format cannot have."""


FORMATS: dict[FormatName, Format] = {
    "npz": Format(".npz", "this program's own: everything in one file, read by PyNX", write_npz, lambda s: f"{s}_filled.npz"),
    "cxi": Format(".cxi", "CXI for PyNX and silx", write_cxi, lambda s: f"{s}_filled.cxi"),
    "cdiutils": Format(
        ".npz",
        "cdiutils' pair …_pynx_input_data.npz, …_pynx_input_mask.npz",
        write_pair,
        lambda s: f"{s.removesuffix(CDIUTILS_DATA)}_filled{CDIUTILS_DATA}.npz",
        partner_of,
    ),
    "bcdi": Format(
        ".npz",
        "bcdi's pair S1_pynx….npz, S1_maskpynx….npz",
        write_pair,
        lambda s: f"{s}_filled.npz" if "_pynx" in s else f"{s}_pynx_filled.npz",
        partner_of,
    ),
    "cohere": Format(
        ".tif",
        "cohere's prep_data.tif: float32",
        write_cohere,
        lambda s: f"{s}_filled.tif" if s.startswith(COHERE_STEM) else f"{COHERE_STEM}_{s}_filled.tif",
        cohere_partner,
    ),
}


def read_scan(address: PathLike, choose_box: ChooseBox | None = None) -> Scan:
    """Read a scan, or a part of it, and the mask beside it.

    Parameters
    ----------
    address : str or path
        Path of an ``.npz`` (``data``, else ``iobs``, else its only array; ``mask``, or the mask file of a cdiutils or bcdi
        pair), ``.npy``, ``.tif`` or HDF5 file (``.h5``, ``.cxi``, ``.nxs``;
        ``file.h5:/path/to/data``, ``file.h5:/12.1`` or the usual places), an Eiger's master, a folder of P10 or of numbered
        images (34-ID-C), or a SPEC file beside its images (``align.spec:/12``, ID01 before BLISS).
    choose_box : callable, optional
        From the frames on disk and their mask to the box that is read; else all of it.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        If the file is missing, unreadable, or does not hold what was asked for.
    """
    path, dataset = split_address(as_path(address, "scan"))
    with readable(path, "scan"):
        if path.is_dir():
            return _read_folder(path, choose_box)
        if path.suffix.lower() == SPEC_SUFFIX:
            return read_spec(path, dataset, choose_box)
        if dataset is None and (folder := find_p10_folder(path)):
            return read_p10_folder(folder, path, choose_box)
        if path.suffix.lower() in HDF5_SUFFIXES:
            return read_hdf5(path, dataset, choose_box)
        return cut_out(_read_whole(path), choose_box)


def _read_folder(folder: Path, choose_box: ChooseBox | None) -> Scan:
    """A folder of an Eiger's master, of its files alone, or of single images."""
    if master := find_master(folder):
        return read_p10_folder(folder, master, choose_box)
    files = find_data_files(folder)
    return read_data_files(folder, files, choose_box) if files else read_image_folder(folder, choose_box)


def _read_whole(path: Path) -> Scan:
    """A file of arrays, of which no part can be read without the rest."""
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    return read_tif(path) if path.suffix.lower() in TIF_SUFFIXES else Scan(_plain_array(path), None, path.name)


def read_mask(address: PathLike) -> NDArray[Any]:
    """Read a mask, > 0 = not measured, (frames, rows, columns) or (rows, columns), from a file of its own.

    In ``.npz`` it has the key ``mask``, else ``data``, else it is the only array. In HDF5 it is at the address, else beside the
    frames' usual places or in its own, else the only 2-D or 3-D dataset with mask in its name.
    """
    path, dataset = split_address(as_path(address, "mask"))
    with readable(path, "mask"):
        if path.suffix.lower() == ".npz":
            stored = read_npz_mask(path)
        else:
            stored = read_hdf5_mask(path, dataset) if path.suffix.lower() in HDF5_SUFFIXES else _plain_array(path)
    return as_mask_of_any(stored)


def read_image(address: str, role: str) -> NDArray[Any]:
    """Read an image (rows, columns) such as a flat field; of a stack, the mean of its frames."""
    path, dataset = split_address(address)
    with readable(path, role):
        if path.suffix.lower() in HDF5_SUFFIXES:
            values = read_hdf5(path, dataset).intensity
        else:
            values = read_npz(path).intensity if path.suffix.lower() == ".npz" else _plain_array(path)
    if values.ndim not in (2, 3) or values.dtype.kind not in "iufb":
        raise InputError(f"{role} {address}: got {values.dtype} of shape {values.shape}, expected numbers (rows, columns)")
    if not values.size:
        raise InputError(f"{role} {address}: got an empty image of shape {values.shape}, expected pixels; give another file")
    with np.errstate(all="ignore"):  # whoever takes the image judges numbers that are not finite
        return values.mean(0, dtype=float) if values.ndim == 3 else values


def read_provenance(path: Path) -> dict[str, Any] | None:
    """How a file was filled, without reading its arrays; None if it does not say."""
    with readable(path, "scan"):
        if path.suffix.lower() in HDF5_SUFFIXES:
            return read_hdf5_provenance(path)
        beside = beside_stack(path) if path.suffix.lower() in TIF_SUFFIXES else path
        return read_npz_provenance(beside) if beside.suffix.lower() == ".npz" and beside.exists() else None


def split_address(address: PathLike) -> tuple[Path, str | None]:
    """Split ``file.h5:/path/to/data`` into the file and the dataset, ``align.spec:/12`` into the file and the scan."""
    file, colon, dataset = os.fspath(address).rpartition(":")
    if colon and Path(file).suffix.lower() in WITH_PLACES:
        return Path(file), dataset
    return Path(address), None


def _plain_array(path: Path) -> NDArray[Any]:
    return np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else tifffile.imread(path)


def format_of(path: Path) -> FormatName:
    """The format that a name asks for by its suffix, or InputError."""
    suffix = path.suffix.lower()
    if suffix not in (".npz", *HDF5_SUFFIXES, *TIF_SUFFIXES):
        known = ", ".join((".npz", *HDF5_SUFFIXES, *TIF_SUFFIXES))
        raise InputError(f"output {path}: got a name ending in '{path.suffix}', expected one of {known}")
    return "cxi" if suffix in HDF5_SUFFIXES else "cohere" if suffix in TIF_SUFFIXES else "npz"


def check_outputs(path: Path, kind: FormatName, inputs: list[Path], overwrite: bool) -> None:
    """Raise InputError if a file of a format, or its partner, must not or cannot be written to a name."""
    suffix = path.suffix if format_of(path) == kind else FORMATS[kind].suffix
    check_output(path, inputs, overwrite, suffix.lower())
    if partner := FORMATS[kind].partner(path):
        check_output(partner, inputs, overwrite)


def files_read(address: PathLike) -> list[Path]:
    """What reading an address may open: its file, those of its frames, and the mask or the estimates that lie beside it."""
    path, dataset = split_address(address)
    if path.name and is_folder(path):
        with suppress(OSError):  # one that may not be looked into
            master = find_master(path)
            return files_read(master) if master else find_data_files(path) or images_in(path)
        return [path]
    if path.suffix.lower() in HDF5_SUFFIXES:
        return [path, *files_behind(path, dataset)]
    if path.suffix.lower() == SPEC_SUFFIX:
        with suppress(Exception):  # what is wrong with it is told when it is read
            return [path, *images_of_spec(path, dataset)]
    partner = beside_stack(path) if path.suffix.lower() in TIF_SUFFIXES else mask_beside(path) if path.name else None
    return [path, *([partner] if partner else [])]


def write_scan(path: PathLike, scan: Scan, kind: FormatName | None = None) -> None:
    """Write a scan in a format, a key of ``FORMATS``; by default the one that the name's suffix asks for.

    A file of that name is replaced.
    """
    check_scan(scan)
    path = as_path(path, "output")
    if kind is not None:
        check_choice("format", kind, tuple(FORMATS))
    kind = kind or format_of(path)
    check_outputs(path, kind, [], overwrite=True)
    FORMATS[kind].write(path, scan)


def write_mask(path: Path, mask: NDArray[Any]) -> None:
    """Write a mask (frames, rows, columns) or (rows, columns) as ``.npz``, 1 = not measured; one frame if all are alike."""
    flat = one_frame_for_all(mask) if mask.ndim == 3 else mask
    write_npz_mask(path, flat[0] if flat.ndim == 3 and len(flat) == 1 else flat)
