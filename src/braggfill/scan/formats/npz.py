"""Scans as ``.npz``: this program's own file, and the pairs of data and mask that cdiutils and bcdi hand to PyNX.

PyNX takes the key ``data`` of the data file and ``mask``, else ``data``, of the mask file; whatever else a file holds does
not disturb it. So a filled scan carries ``filled``, ``std`` and ``provenance`` in the data file of a pair as well.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.writing import whole_or_nothing
from braggfill.scan.formats.contents import Scan, choose, is_marked, read_json, readable

FILL_KEYS = ("mask", "filled", "std")
OWN_KEYS = (*FILL_KEYS, "provenance")
CDIUTILS_DATA, CDIUTILS_MASK = "_pynx_input_data", "_pynx_input_mask"
"""Ends of the names of the files of a cdiutils pair; both hold the key ``data``."""
BCDI_DATA, BCDI_MASK = "_pynx", "_maskpynx"
"""What the names of a bcdi pair hold after the scan's number; their keys are ``data`` and ``mask``."""


def read_npz(path: Path) -> Scan:
    """Read ``data``, else ``iobs``, else the only array, with the mask in the file or in its partner beside it."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        key = choose([name for name in arrays.files if name not in OWN_KEYS], ("data", "iobs"), "scan", path)
        mask, filled, std = (arrays[name] if name in arrays.files else None for name in FILL_KEYS)
        if mask is None and (beside := mask_beside(path)) and beside.exists():
            mask = read_npz_mask(beside)
        data = arrays[key]
        return Scan(data, mask, path.name, filled, std, _provenance(arrays), hidden=_hidden(arrays, data.shape))


def read_npz_arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Those of the named arrays, of any shape, that are there."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in names if name in arrays.files}


def read_npz_mask(path: Path) -> NDArray[Any]:
    """Read ``mask``, else ``data``, else the only array: a mask (frames, rows, columns) or (rows, columns)."""
    with readable(path, "mask"), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        stored: NDArray[Any] = arrays[choose(arrays.files, ("mask", "data"), "mask", path)]
        return stored


def read_npz_provenance(path: Path) -> dict[str, Any] | None:
    """How a file was filled, without reading its arrays."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return _provenance(arrays)


def _provenance(arrays: np.lib.npyio.NpzFile) -> dict[str, Any] | None:
    return read_json(arrays["provenance"]) if "provenance" in arrays.files else None


def _hidden(arrays: np.lib.npyio.NpzFile, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """What is under the mask of a simulated scan; None if another program means something else by this name."""
    if "hidden" not in arrays.files:
        return None
    try:
        hidden: NDArray[Any] = arrays["hidden"]
    except ValueError:  # objects, which are not unpickled
        return None
    return hidden if hidden.shape == shape and hidden.dtype.kind in "iuf" and bool((hidden >= 0).all()) else None


def mask_beside(path: Path) -> Path | None:
    """Name of the mask file that belongs to a data file of cdiutils or bcdi; None for other names."""
    stem = path.stem
    if stem.endswith(CDIUTILS_DATA):
        return path.with_name(f"{stem.removesuffix(CDIUTILS_DATA)}{CDIUTILS_MASK}{path.suffix}")
    if BCDI_DATA in stem and BCDI_MASK not in stem and not stem.endswith(CDIUTILS_MASK):
        return path.with_name(f"{stem.replace(BCDI_DATA, BCDI_MASK, 1)}{path.suffix}")
    return None


def partner_of(path: Path) -> Path:
    """Name of the mask file that is written beside a data file, or InputError."""
    if partner := mask_beside(path):
        return partner
    raise InputError(
        f"output {path}: got no name of a pair, expected one ending in '{CDIUTILS_DATA}.npz' (cdiutils), or with "
        f"'{BCDI_DATA}' in it (bcdi)"
    )


def write_npz(path: Path, scan: Scan) -> None:
    """Write everything into one file."""
    _write(path, scan, with_mask=True)


def write_pair(path: Path, scan: Scan) -> None:
    """Write the mask into the partner of ``path``, then the data; the data file is there last, so that it stands for both."""
    partner = partner_of(path)
    mask = np.zeros(scan.intensity.shape, np.uint8) if scan.mask is None else is_marked(scan.mask).astype(np.uint8)
    with whole_or_nothing(partner) as file:
        key = "data" if partner.stem.endswith(CDIUTILS_MASK) else "mask"
        np.savez_compressed(file, allow_pickle=False, **{key: mask})
    _write(path, scan, with_mask=False)


def _write(path: Path, scan: Scan, with_mask: bool) -> None:
    arrays: dict[str, NDArray[Any]] = {"data": scan.intensity}
    if with_mask and scan.mask is not None:
        arrays["mask"] = is_marked(scan.mask).astype(np.uint8)
    if scan.filled is not None:
        arrays["filled"] = is_marked(scan.filled).astype(np.uint8)
    if scan.std is not None:
        arrays["std"] = scan.std
    if scan.provenance is not None:
        arrays["provenance"] = np.array(json.dumps(scan.provenance))
    with whole_or_nothing(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_npz_mask(path: Path, mask: NDArray[Any]) -> None:
    """Write a mask (frames, rows, columns) or (rows, columns) under all keys that are looked for, 1 = not measured.

    PyNX and bcdi look for ``mask``, cdiutils for ``data``.
    """
    marked = is_marked(mask).astype(np.uint8)
    with whole_or_nothing(path) as file:
        np.savez_compressed(file, mask=marked, data=marked)
