"""Files of phase retrieval: filled scans with their estimates' spread, and objects, as ``.npz``."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from braggfill.base.errors import InputError
from braggfill.base.version import __version__
from braggfill.base.writing import whole_or_nothing
from braggfill.retrieval.deformation import Deformation
from braggfill.retrieval.reconstruction import RetrievalResult
from braggfill.scan.files import read_scan, split_address


@dataclass(frozen=True)
class FilledScan:
    """A scan as ``fill`` writes it, or one without estimates."""

    intensity: np.ndarray
    mask: np.ndarray | None
    filled: np.ndarray | None
    """> 0 = estimated; None if the file does not say."""
    std: np.ndarray | None
    name: str


def read_filled(address: str) -> FilledScan:
    """Read a scan as ``read_scan`` does and, from an ``.npz`` that ``fill`` wrote, what was filled and how sure it is."""
    scan = read_scan(address)
    beside = _arrays(split_address(address)[0], ("filled", "std"))
    return FilledScan(scan.intensity, scan.mask, beside.get("filled"), beside.get("std"), scan.name)


def read_crystal(address: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a complex object and, from an ``.npz`` that ``retrieve`` wrote, its support; other files as ``read_scan`` does."""
    path = split_address(address)[0]
    arrays = _arrays(path, ("crystal", "support"))
    if "crystal" in arrays:
        return arrays["crystal"], arrays.get("support")
    crystal = read_scan(address).intensity
    if crystal.dtype.kind != "c":
        raise InputError(
            f"object {path}: got values of type {crystal.dtype}, expected a complex volume, as 'braggfill retrieve' writes it"
        )
    return crystal, None


def read_support(address: str) -> np.ndarray:
    """Read a support: the array ``support`` of an ``.npz``, else a file's array as ``read_scan`` finds it."""
    arrays = _arrays(split_address(address)[0], ("support",))
    return arrays["support"] if arrays else read_scan(address).intensity


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named arrays that are in an ``.npz``; nothing from a file that cannot be read, which others report."""
    if path.suffix.lower() != ".npz":
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names if name in arrays.files}
    except Exception:  # each of several libraries raises its own kinds; read_scan turns them into a sentence
        return {}


def write_crystal(path: Path, result: RetrievalResult, input_name: str) -> None:
    """Write an object as ``.npz``: crystal (complex64), support (1 = inside), modes, and provenance as a JSON string."""
    facts = {
        "program": "braggfill",
        "version": __version__,
        "input": input_name,
        "options": asdict(result.options),
        "starts": [asdict(start) for start in result.starts],
        "oversampling": result.oversampling,
    }
    with whole_or_nothing(path) as file:
        np.savez_compressed(
            file,
            crystal=result.crystal,
            support=result.support.astype(np.uint8),
            modes=result.modes,
            provenance=np.array(json.dumps(facts)),
        )


def write_deformation(path: Path, deformation: Deformation, facts: dict) -> None:
    """Write phase, displacement and strain as ``.npz``, NaN outside the support, and the facts given as a JSON string."""
    facts = {"program": "braggfill", "version": __version__} | facts
    with whole_or_nothing(path) as file:
        np.savez_compressed(
            file,
            phase=deformation.phase,
            displacement_nm=deformation.displacement_nm,
            strain=deformation.strain,
            support=deformation.support.astype(np.uint8),
            provenance=np.array(json.dumps(facts)),
        )
