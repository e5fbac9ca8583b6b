"""TIFF stacks (frames, rows, columns): plain ones, and cohere's ``prep_data.tif``: float32, linear intensity.

cohere turns every stack and frame about that it reads or writes, so that its arrays are (column, row, frame) and its files are
not (``cohere_core/utilities/utils.py``, and ``beamlines/*/detectors.py`` of its user interface). It has no mask in phasing and
takes a zero for a measured zero. What was estimated, its spread and what is still missing lie beside the stack in
``…_braggfill.npz``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from braggfill.base.errors import InputError
from braggfill.base.writing import whole_or_nothing
from braggfill.scan.formats.contents import Scan, is_marked
from braggfill.scan.formats.npz import FILL_KEYS, read_npz_arrays, read_npz_provenance

COHERE_STEM = "prep_data"
"""Stacks whose name begins so are cohere's."""
LARGEST_EXACT = 2**24
"""Whole numbers above this do not all fit in float32."""


def read_tif(path: Path) -> Scan:
    """Read a stack and, if it was filled, what lies beside it."""
    if path.parent.name == "phasing_data":
        raise InputError(
            f"scan {path}: got cohere's data for phasing, which are square roots cut off at a threshold, expected intensities; "
            "give preprocessed_data/prep_data.tif"
        )
    stack = tifffile.imread(path)
    beside = beside_stack(path)
    if not beside.exists():
        return Scan(stack, None, path.name)
    mask, filled, std = map(read_npz_arrays(beside, FILL_KEYS).get, FILL_KEYS)
    return Scan(stack, mask, path.name, filled, std, read_npz_provenance(beside))


def check_cohere_name(path: Path) -> None:
    """Raise InputError for a name under which a stack would not be read as cohere's."""
    if not path.stem.startswith(COHERE_STEM):
        raise InputError(
            f"output {path}: got a name that would not be read as cohere's, expected one beginning with {COHERE_STEM}"
        )


def cohere_partner(path: Path) -> Path:
    """Where what a stack has no place for is written, or InputError for a name that is none of cohere's."""
    check_cohere_name(path)
    return beside_stack(path)


def beside_stack(path: Path) -> Path:
    """Where the mask and the estimates of a stack are kept."""
    return path.with_name(f"{path.stem}_braggfill.npz")


def write_cohere(path: Path, scan: Scan) -> None:
    """Write a stack for cohere and what a TIFF has no place for beside it, the stack last."""
    check_cohere_name(path)
    if scan.intensity.dtype.kind in "iu" and scan.intensity.max() > LARGEST_EXACT:
        raise InputError(
            f"output {path}: got counts up to {scan.intensity.max()}, expected at most {LARGEST_EXACT}, which cohere's float32 "
            "holds exactly; write another format"
        )
    kept: dict[str, Any] = {name: getattr(scan, name) for name in FILL_KEYS}
    kept = {n: v if n == "std" else is_marked(v).astype(np.uint8) for n, v in kept.items() if v is not None}
    if scan.provenance is not None:
        kept["provenance"] = np.array(json.dumps(scan.provenance))
    if kept:
        with whole_or_nothing(beside_stack(path)) as file:
            np.savez_compressed(file, **kept)
    with whole_or_nothing(path) as file:
        tifffile.imwrite(file, np.ascontiguousarray(scan.intensity, np.float32), photometric="minisblack")
