"""The door to scan files: scans and masks as the pipelines of the field write them, filled scans in the format of the next one.

Nothing that is read is executed or unpickled. The formats themselves are in ``braggfill.formats``, one module a family.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from braggfill import __version__
from braggfill.counts import as_mask, as_volume, unit_of_counts, unmeasured
from braggfill.errors import InputError
from braggfill.fill import METHODS, FillResult
from braggfill.formats.contents import HDF5_SUFFIXES, TIF_SUFFIXES, Geometry, Scan, readable
from braggfill.formats.cxi import write_cxi
from braggfill.formats.hdf5 import read_hdf5, read_hdf5_mask, read_hdf5_provenance
from braggfill.formats.npz import (
    CDIUTILS_DATA,
    mask_beside,
    read_npz,
    read_npz_mask,
    read_npz_provenance,
    write_npz,
    write_npz_mask,
    write_pair,
)
from braggfill.formats.tif import beside_stack, read_tif, write_cohere
from braggfill.gaps import one_frame_for_all, summarise_gaps
from braggfill.patches import NORMAL
from braggfill.writing import check_output, whole_or_nothing

if TYPE_CHECKING:
    from braggfill.evaluation import Evaluation
    from braggfill.stream import MeasuredScan


@dataclass(frozen=True)
class Format:
    """A way of writing a scan, one row of the table that the command line and the docs share."""

    suffix: str
    summary: str
    write: Callable[[Path, Scan], None]
    name: Callable[[str], str]
    """Stem of a scan's file to the name of its filled one."""


FORMATS = {
    "npz": Format(".npz", "this program's own: everything in one file, read by PyNX", write_npz, lambda s: f"{s}_filled.npz"),
    "cxi": Format(".cxi", "CXI for PyNX and silx", write_cxi, lambda s: f"{s}_filled.cxi"),
    "cdiutils": Format(
        ".npz",
        "cdiutils' pair …_pynx_input_data.npz, …_pynx_input_mask.npz",
        write_pair,
        lambda s: f"{s.removesuffix(CDIUTILS_DATA)}_filled{CDIUTILS_DATA}.npz",
    ),
    "bcdi": Format(
        ".npz",
        "bcdi's pair S1_pynx….npz, S1_maskpynx….npz",
        write_pair,
        lambda s: f"{s}_filled.npz" if "_pynx" in s else f"{s}_pynx_filled.npz",
    ),
    "cohere": Format(".tif", "cohere's prep_data.tif: float32, transposed", write_cohere, lambda s: "prep_data_filled.tif"),
}


def read_scan(address: str) -> Scan:
    """Read a scan and the mask beside it.

    Parameters
    ----------
    address : str
        Path of an ``.npz`` (``data``, else ``iobs``, else its only array; ``mask``, or the mask file of a cdiutils or bcdi
        pair), ``.npy``, ``.tif`` (cohere's ``prep_data.tif`` is transposed) or HDF5 file (``.h5``, ``.cxi``, ``.nxs``;
        ``file.h5:/path/to/data`` or the usual places).

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        If the file is missing, unreadable, or does not hold what was asked for.
    """
    path, dataset = split_address(address)
    with readable(path, "scan"):
        if path.suffix.lower() == ".npz":
            return read_npz(path)
        if path.suffix.lower() in HDF5_SUFFIXES:
            return read_hdf5(path, dataset)
        return read_tif(path) if path.suffix.lower() in TIF_SUFFIXES else Scan(_plain_array(path), None, path.name)


def read_mask(address: str) -> np.ndarray:
    """Read a mask (> 0 = not measured) from a file of its own; ``.npz`` keys: ``mask``, else ``data``, else its only array."""
    path, dataset = split_address(address)
    with readable(path, "mask"):
        if path.suffix.lower() == ".npz":
            return read_npz_mask(path)
        return read_hdf5_mask(path, dataset) if path.suffix.lower() in HDF5_SUFFIXES else _plain_array(path)


def read_provenance(path: Path) -> dict[str, Any] | None:
    """How a file was filled, without reading its arrays; None if it does not say."""
    with readable(path, "scan"):
        if path.suffix.lower() in HDF5_SUFFIXES:
            return read_hdf5_provenance(path)
        beside = beside_stack(path) if path.suffix.lower() in TIF_SUFFIXES else path
        return read_npz_provenance(beside) if beside.suffix.lower() == ".npz" and beside.exists() else None


def read_measured(address: str) -> "MeasuredScan":
    """Read a scan of whole counts to train on; what is masked or marked in it as not measured stays so."""
    from braggfill.stream import MeasuredScan

    scan = read_scan(address)
    values = as_volume(scan.intensity)
    mask = unmeasured(values) | as_mask(scan.mask, values.shape)
    counts = np.where(mask, 0, values).astype(np.float32)
    unit_of_counts(counts)
    if min(counts.shape) < NORMAL or counts.max() < 1:
        raise InputError(
            f"measured {address}: got {counts.shape} voxels with at most {counts.max():g} counts, expected at least "
            f"{NORMAL} along each axis and a peak"
        )
    return MeasuredScan(scan.name, counts, mask)


def split_address(address: str) -> tuple[Path, str | None]:
    """Split ``file.h5:/path/to/data`` into the file and the dataset; without a colon and a path there is no dataset."""
    file, colon, dataset = address.rpartition(":")
    if colon and Path(file).suffix.lower() in HDF5_SUFFIXES:
        return Path(file), dataset
    return Path(address), None


def _plain_array(path: Path) -> np.ndarray:
    return np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else tifffile.imread(path)


def format_of(path: Path) -> str:
    """The format that a name asks for by its suffix, or InputError."""
    suffix = path.suffix.lower()
    if suffix not in (".npz", *HDF5_SUFFIXES, *TIF_SUFFIXES):
        known = ", ".join((".npz", *HDF5_SUFFIXES, *TIF_SUFFIXES))
        raise InputError(f"output {path}: got a name ending in '{path.suffix}', expected one of {known}")
    return "cxi" if suffix in HDF5_SUFFIXES else "cohere" if suffix in TIF_SUFFIXES else "npz"


def check_outputs(path: Path, kind: str, inputs: list[Path], overwrite: bool) -> None:
    """Raise InputError if a file of a format, or its partner, must not or cannot be written to a name."""
    suffix = path.suffix if format_of(path) == kind else FORMATS[kind].suffix
    check_output(path, inputs, overwrite, suffix.lower())
    partner = mask_beside(path) if FORMATS[kind].write is write_pair else None
    if partner:
        check_output(partner, inputs, overwrite)


def write_scan(path: Path, scan: Scan, kind: str | None = None) -> None:
    """Write a scan in a format, a key of ``FORMATS``; by default the one that the name's suffix asks for."""
    FORMATS[kind or format_of(path)].write(path, scan)


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask of its own as ``.npz``, uint8, 1 = not measured; one frame if all are alike."""
    flat = one_frame_for_all(mask) if mask.ndim == 3 else mask
    write_npz_mask(path, flat[0] if flat.ndim == 3 and len(flat) == 1 else flat)


def write_result(
    path: Path,
    result: FillResult,
    input_name: str,
    kind: str | None = None,
    geometry: Geometry | None = None,
    record: dict[str, Any] | None = None,
) -> None:
    """Write a filled scan: data, mask (1 = still missing), filled, std, and its provenance.

    Parameters
    ----------
    path : Path
    result : FillResult
    input_name : str
    kind : str, optional
        A key of ``FORMATS``; by default the one that the name's suffix asks for.
    geometry : Geometry, optional
        How the scan was measured, for the formats that say so.
    record : dict, optional
        Added to the provenance: the command and the configuration, JSON-ready.
    """
    facts = provenance(result, input_name) | (record or {})
    scan = Scan(result.intensity, result.mask, input_name, result.filled, result.std, facts, geometry or Geometry())
    write_scan(path, scan, kind)


def provenance(result: FillResult, input_name: str) -> dict[str, Any]:
    """Where a filled scan comes from, JSON-ready: program, method, weights, options, input, gaps."""
    options = asdict(result.options) | {"weights": str(result.options.weights) if result.options.weights else "shipped"}
    return {
        "program": "braggfill",
        "version": __version__,
        "method": result.options.method,
        "scale": METHODS[result.options.method].scale,
        "weights_sha256": result.weights_sha256,
        "adaptation": asdict(result.lesson) if result.lesson else None,
        "options": options,
        "input": input_name,
        "gaps": summarise_gaps(result.gaps),
    }


def write_evaluation(path: Path, verdict: "Evaluation", input_name: str) -> None:
    """Write the figures of an evaluation as JSON; what could not be measured is null."""
    figures = {
        "program": "braggfill",
        "version": __version__,
        "input": input_name,
        "advisable": verdict.advisable,
        "advice": verdict.advice,
        "voxels": verdict.voxels,
        "pcc_log_ceiling": verdict.ceiling,
        "hides_peak": verdict.hides_peak,
        "scores": [asdict(score) for score in verdict.scores],
        "bands": [asdict(band) | {"high": band.high if band.high < float("inf") else None} for band in verdict.bands],
    }
    with whole_or_nothing(path) as file:
        file.write((json.dumps(_without_nan(figures), indent=2) + "\n").encode())


def _without_nan(values: Any) -> Any:
    if isinstance(values, dict):
        return {k: _without_nan(v) for k, v in values.items()}
    if isinstance(values, list):
        return [_without_nan(v) for v in values]
    return None if isinstance(values, float) and values != values else values
