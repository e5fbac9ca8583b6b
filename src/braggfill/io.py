"""Files: scans and masks as the pipelines of the field write them, results as one ``.npz``.

Nothing that is read is executed or unpickled.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import tifffile

from braggfill import __version__
from braggfill.errors import InputError
from braggfill.fill import METHODS, FillResult, as_mask, as_volume, unit_of_counts, unmeasured
from braggfill.gaps import AXIS_NAMES, Gap
from braggfill.patches import NORMAL
from braggfill.writing import whole_or_nothing

if TYPE_CHECKING:
    from braggfill.evaluation import Evaluation
    from braggfill.stream import MeasuredScan

HDF5_DATA = (
    "entry_1/instrument_1/detector_1/data",
    "entry_1/image_1/data",
    "entry_1/data_1/data",
    "entry_1/cropped_detector_data",
    "entry/instrument/detector/data",
    "entry/data/data",
)
"""Where PyNX, cdiutils and NeXus files keep the frames, in the order in which they are looked for."""
HDF5_MASK = ("entry_1/instrument_1/detector_1/mask", "entry_1/image_1/mask", "entry_1/mask", "mask")
HDF5_SUFFIXES = (".h5", ".hdf5", ".cxi", ".nxs")
SUFFIXES = (".npz", ".npy", *HDF5_SUFFIXES, ".tif", ".tiff")


@dataclass(frozen=True)
class Scan:
    """What a file holds."""

    intensity: np.ndarray
    """Array as stored, of any type."""
    mask: np.ndarray | None
    """> 0 = not measured; None if the file has no mask."""
    name: str
    """File name, with the dataset's path for HDF5 where one was given."""


def read_scan(address: str) -> Scan:
    """Read a scan and the mask beside it.

    Parameters
    ----------
    address : str
        Path of an ``.npz`` (``data``, else ``iobs``, else its only array; ``mask``), ``.npy``, ``.tif`` or HDF5 file
        (``.h5``, ``.cxi``, ``.nxs``; ``file.h5:/path/to/data`` or the usual places).

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        If the file is missing, unreadable, or does not hold what was asked for.
    """
    path, dataset = split_address(address)
    with _readable(path, "scan"):
        if path.suffix.lower() == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                others = [name for name in arrays.files if name != "mask"]
                key = _choose(others, ("data", "iobs"), "scan", path)
                return Scan(arrays[key], arrays["mask"] if "mask" in arrays.files else None, path.name)
        if path.suffix.lower() in HDF5_SUFFIXES:
            with h5py.File(path) as file:
                where = dataset or _find(file, HDF5_DATA, "scan", path)
                intensity = _dataset(file, where, "scan", path)
                beside = f"{where.rpartition('/')[0]}/mask"
                mask = next((file[m][()] for m in (beside, *HDF5_MASK) if m in file), None)
                return Scan(intensity, mask, f"{path.name}:{where}")
        return Scan(_plain_array(path), None, path.name)


def read_mask(address: str) -> np.ndarray:
    """Read a mask (> 0 = not measured) from a file of its own; ``.npz`` keys: ``mask``, else ``data``, else its only array."""
    path, dataset = split_address(address)
    with _readable(path, "mask"):
        if path.suffix.lower() == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return arrays[_choose(arrays.files, ("mask", "data"), "mask", path)]
        if path.suffix.lower() in HDF5_SUFFIXES:
            with h5py.File(path) as file:
                return _dataset(file, dataset or _find(file, HDF5_MASK, "mask", path), "mask", path)
        return _plain_array(path)


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


@contextmanager
def _readable(path: Path, role: str) -> Iterator[None]:
    """Turn whatever a reading library raises into one sentence."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{role} {path}: got a file ending in '{path.suffix}', expected one of {', '.join(SUFFIXES)}")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"{role} {path}: cannot be reached ({error.strerror}); expected an existing file; check the path"
        ) from error
    if path.is_file() and size == 0:
        raise InputError(f"{role} {path}: got an empty file, expected {path.suffix} data; was its writing interrupted?")
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # each of four libraries raises its own kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{role} {path}: cannot be read as {path.suffix} ({reason}); expected an intact file of that format"
        ) from error


def _plain_array(path: Path) -> np.ndarray:
    return np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else tifffile.imread(path)


def _choose(names: list[str], wanted: tuple[str, ...], role: str, path: Path) -> str:
    """The first wanted name that is there, else the only name."""
    for name in wanted:
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise InputError(
        f"{role} {path}: got arrays {', '.join(names) or 'none'}; expected one named {' or '.join(wanted)}, or a single array"
    )


def _find(file: h5py.File, wanted: tuple[str, ...], role: str, path: Path) -> str:
    """The first usual place that is there, else the only three-dimensional dataset that is no mask."""
    for name in wanted:
        if name in file:
            return name
    volumes: list[str] = []

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3 and "mask" not in name.rpartition("/")[2]:
            volumes.append(name)

    file.visititems(note)
    if len(volumes) == 1:
        return volumes[0]
    found = "; found " + ", ".join(volumes[:5]) if volumes else ""
    raise InputError(f"{role} {path}: got no dataset in the usual places{found}; give it as '{path.name}:/path/to/data'")


def _dataset(file: h5py.File, where: str, role: str, path: Path) -> np.ndarray:
    if where not in file or not isinstance(file[where], h5py.Dataset):
        raise InputError(
            f"{role} {path}: got no dataset '{where}' in it; expected '{path.name}:/path/to/data' of one that exists"
        )
    return file[where][()]


def write_result(path: Path, result: FillResult, input_name: str) -> None:
    """Write a filled scan as ``.npz``: data, mask (1 = still missing), filled, std, and provenance as a JSON string."""
    with whole_or_nothing(path) as file:
        np.savez_compressed(
            file,
            data=result.intensity,
            mask=result.mask.astype(np.uint8),
            filled=result.filled.astype(np.uint8),
            std=result.std,
            provenance=np.array(json.dumps(provenance(result, input_name))),
        )


def provenance(result: FillResult, input_name: str) -> dict[str, Any]:
    """Where a filled scan comes from, JSON-ready: program, method, weights, options, input, gaps."""
    options = asdict(result.options) | {"weights": str(result.options.weights) if result.options.weights else "shipped"}
    return {
        "program": "braggfill",
        "version": __version__,
        "method": result.options.method,
        "scale": METHODS[result.options.method].scale,
        "weights_sha256": result.weights_sha256,
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


def summarise_gaps(gaps: list[Gap]) -> list[dict[str, Any]]:
    """Gaps as JSON-ready rows: stripes and arms one by one, boxes and voxels of the same kind and width together."""

    def key(gap: Gap) -> tuple[Any, ...]:
        alone = gap.kind in ("stripe", "cross arm")
        return gap.kind, gap.axis, gap.width, (gap.first, gap.last) if alone else (-1, -1)

    rows = []
    for (kind, axis, width, (first, last)), members in groupby(sorted(gaps, key=key), key):
        group = list(members)
        row = {"kind": kind, "across": AXIS_NAMES[axis], "width": width}
        if first >= 0:
            row |= {"first": first, "last": last}
        counted = {"voxels": sum(g.voxels for g in group), "filled": sum(g.filled for g in group)}
        rows.append(row | {"number": len(group)} | counted)
    return rows
