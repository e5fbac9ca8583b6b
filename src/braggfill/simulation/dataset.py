"""A set of simulated scans on disk: one file a scan, and a table of contents that tells how to make it again.

Scans are made in parallel, on this machine or a cluster; each depends on the request and its number alone, so that a set
that was interrupted is finished by asking for it again, and comes out the same to the bit.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.limits import check_number
from braggfill.base.tasks import Workers, spread
from braggfill.base.writing import remove_leftovers, sha256, whole_or_nothing
from braggfill.simulation.library import Library, Split, split_of, split_of_number
from braggfill.simulation.scans import SimulatedScan, SimulationConfig, check_request, detector_cross, simulate_scan

REQUEST, CONTENTS, SCAN_NAME = "request.json", "contents.json", "scan_{}.npz"


@dataclass(frozen=True)
class SetRequest:
    """What a set of scans depends on."""

    shape: tuple[int, int, int]
    seed: int
    cross: int
    """Width of the cross cut beside the peak; 0 for none."""
    truth: bool
    """Whether the noise-free expected counts are kept as well."""
    split: Split | None
    """Only crystals of this split of the library."""
    library: Path | None
    """None for the library that comes with the package."""
    config: SimulationConfig


def simulate_set(
    out: Path, n: int, request: SetRequest, workers: Workers, on_progress: Callable[[int, int], None]
) -> list[dict[str, Any]]:
    """Make scans 0 … n - 1 of a set in a folder; those that are there already are kept.

    Parameters
    ----------
    out : Path
        Folder for the scans, made if it is not there.
    n : int
        Number of scans.
    request : SetRequest
    workers : Workers
        Where to simulate; the folder must be seen from there.
    on_progress : callable
        Called with the scans there and their total.

    Returns
    -------
    list of dict
        A row for each scan, as in the file ``contents.json``: file, split, crystal, SHA-256 of the counts.

    Raises
    ------
    InputError
        If the folder holds anything but scans of the same request.
    """
    check_number("n", n, whole=True)
    check_request(request.shape, request.seed, request.cross)
    _check_folder(out, request)
    request = replace(request, library=request.library and request.library.resolve())
    tasks = [(out.resolve(), index, request) for index in range(n)]
    missing = [task for task in tasks if not scan_path(out, task[1]).exists()]
    on_progress(n - len(missing), n)
    for done, _ in enumerate(spread(_make_scan, missing, workers), n - len(missing) + 1):
        on_progress(done, n)
    scans = sorted(out.glob(SCAN_NAME.format("*")))
    rows = [_row_of_contents(path) for path in scans]
    for path in scans:
        remove_leftovers(path)
    with whole_or_nothing(out / CONTENTS) as file:
        file.write(json.dumps({"braggfill": version("braggfill"), "scans": rows}, indent=1).encode())
    return rows


def scan_path(folder: Path, index: int) -> Path:
    """Where a set keeps scan ``index``."""
    return folder / SCAN_NAME.format(f"{index:05d}")


def write_simulated(path: Path, scan: SimulatedScan, mask: NDArray[np.bool_] | None, split: Split, truth: bool) -> None:
    """Write a scan as ``.npz``: data, faulty pixels, description, what a mask (rows, columns) hides; the truth if asked."""
    counts = scan.counts.astype(np.uint32)
    arrays = {
        "data": counts,
        "faulty": scan.faulty.astype(np.uint8),
        "description": np.array(json.dumps(scan.description | {"split": split})),
    }
    if mask is not None:
        arrays |= {"data": np.where(mask, 0, counts), "mask": mask.astype(np.uint8), "hidden": np.where(mask, counts, 0)}
    if truth:
        arrays["expected"] = scan.expected
    with whole_or_nothing(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _make_scan(task: tuple[Path, int, SetRequest]) -> int:
    """Simulate one scan and write it, unless another worker has."""
    out, index, request = task
    if not scan_path(out, index).exists():
        library = Library(request.library, request.split)
        scan = simulate_scan(index, request.shape, request.seed, library, request.config)
        mask = detector_cross(scan, request.cross) if request.cross else None
        crystal = scan.description["crystal"]
        split = request.split or (split_of(crystal) if crystal else split_of_number(index))
        write_simulated(scan_path(out, index), scan, mask, split, request.truth)
    return index


def _row_of_contents(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file, np.load(file) as scan:
            description = json.loads(str(scan["description"]))
            counts = hashlib.sha256(np.ascontiguousarray(scan["data"]).tobytes()).hexdigest()
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(
            f"scan {path}: is damaged ({error or 'empty'}), expected a simulated scan; delete it and run again"
        ) from error
    return {"file": path.name, "split": description["split"], "crystal": description["crystal"], "counts_sha256": counts}


def _check_folder(out: Path, request: SetRequest) -> None:
    """Make the folder with its request, or raise InputError if it holds something else."""
    library = Library(request.library, request.split)
    wanted = asdict(request) | {"library": sha256(library.path), "braggfill": version("braggfill")}
    wanted = json.loads(json.dumps(wanted))
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not (out / REQUEST).exists():
            if any(not path.name.endswith(".part") for path in out.iterdir()):
                raise InputError(f"out {out}: holds other files, expected a new folder or an unfinished set")
            with whole_or_nothing(out / REQUEST) as file:
                file.write(json.dumps(wanted, indent=1).encode())
        there = json.loads((out / REQUEST).read_text())
        if not isinstance(there, dict):
            raise ValueError(f"{REQUEST} is no table")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"out {out}: cannot be used ({error}); expected a new folder or an unfinished set") from error
    for key, value in wanted.items():
        if there.get(key) != value:
            before = json.dumps(there.get(key))
            raise InputError(f"out {out}: holds a set of {key} {before}, got {json.dumps(value)}; choose another folder")
