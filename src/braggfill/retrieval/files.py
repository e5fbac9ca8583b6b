"""Files of phase retrieval: objects, supports and fields of deformation, as ``.npz``; scans are read by ``read_scan``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.version import __version__
from braggfill.base.writing import whole_or_nothing
from braggfill.retrieval.deformation import Deformation
from braggfill.retrieval.result import RetrievalResult
from braggfill.scan.files import read_scan, split_address
from braggfill.scan.formats.contents import readable
from braggfill.scan.formats.npz import read_npz_arrays


def read_crystal(address: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Read a complex object (frames, rows, columns) and, from an ``.npz`` that ``retrieve`` wrote, its support (> 0 = inside).

    Raises
    ------
    InputError
        If the file cannot be read, or holds no complex volume.
    """
    stored = _stored(address, "object", ("crystal", "support"))
    crystal = stored["crystal"] if "crystal" in stored else read_scan(address).intensity
    if crystal.dtype.kind != "c":
        raise InputError(
            f"object {address}: got values of type {crystal.dtype}, expected a complex volume, as 'braggfill "
            "retrieve' writes it"
        )
    return crystal, stored.get("support") if "crystal" in stored else None


def read_support(address: str) -> NDArray[Any]:
    """Read a support (frames, rows, columns), > 0 = inside: ``support`` of an ``.npz``, else the array of ``read_scan``."""
    stored = _stored(address, "support", ("support",))
    return stored["support"] if stored else read_scan(address).intensity


def _stored(address: str, role: str, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Those of the named arrays that an ``.npz`` holds; other kinds of file name none of theirs so."""
    path, _ = split_address(address)
    with readable(path, role):
        return read_npz_arrays(path, names) if path.suffix.lower() == ".npz" else {}


def write_crystal(path: Path, result: RetrievalResult, input_name: str) -> None:
    """Write an object as ``.npz``: crystal (complex64), support (1 = inside), modes, and provenance as a JSON string."""
    facts = {
        "program": "braggfill",
        "version": __version__,
        "input": input_name,
        "options": asdict(result.options),
        "starts": [asdict(start) | {"converged": start.converged} for start in result.starts],
        "converged": result.converged,
        "coherence": result.coherence,
        "oversampling": result.oversampling,
        "fell_back": result.fell_back or None,
    }
    with whole_or_nothing(path) as file:
        np.savez_compressed(
            file,
            crystal=result.crystal,
            support=result.support.astype(np.uint8),
            modes=result.modes,
            provenance=np.array(json.dumps(facts)),
        )


def write_deformation(path: Path, deformation: Deformation, facts: dict[str, Any]) -> None:
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
