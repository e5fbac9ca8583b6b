"""A filled scan on disk, with where it comes from."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from braggfill.base.errors import InputError
from braggfill.base.version import __version__
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.filling.result import FillResult
from braggfill.scan.counts import as_mask, measured_values
from braggfill.scan.files import write_scan
from braggfill.scan.formats.contents import Geometry, Scan
from braggfill.scan.formats.names import FormatName
from braggfill.scan.gaps import find_gaps, summarise_gaps


def write_result(
    path: Path,
    result: FillResult,
    input_name: str,
    kind: FormatName | None = None,
    geometry: Geometry | None = None,
    record: dict[str, Any] | None = None,
) -> None:
    """Write a filled scan: data, mask (1 = still missing), filled, std, and its provenance.

    Parameters
    ----------
    path : Path
    result : FillResult
    input_name : str
    kind : FormatName, optional
        A key of ``FORMATS``; by default the one that the name's suffix asks for.
    geometry : Geometry, optional
        How the scan was measured, for the formats that say so.
    record : dict, optional
        Added to the provenance: the command and the configuration, JSON-ready.
    """
    facts = provenance(result, input_name) | (record or {})
    scan = Scan(result.intensity, result.mask, input_name, result.filled, result.std, facts, geometry or Geometry())
    write_scan(path, scan, kind)


def result_of(scan: Scan) -> FillResult:
    """A fill as its file has it, the other way round: what ``write_result`` wrote, and ``read_scan`` read.

    Raises
    ------
    InputError
        If the scan was not filled.
    """
    known, unknown = measured_values(scan.intensity, scan.mask)
    filled = as_mask(scan.filled, known.shape) & ~unknown
    if not filled.any():
        raise InputError(
            f"scan {scan.name}: got one without estimates, expected a filled scan; fill it first ('braggfill fill')"
        )
    facts = scan.provenance or {}
    options, method = facts.get("options") or {}, facts.get("method")
    std = np.zeros_like(known) if scan.std is None else np.asarray(scan.std, np.float32)
    return FillResult(
        intensity=known,
        filled=filled,
        std=std,
        mask=unknown,
        gaps=find_gaps(unknown | filled, filled),
        options=FillOptions(method if method in METHODS else "auto", counts_per_unit=options.get("counts_per_unit")),
        weights_sha256=facts.get("weights_sha256"),
    )


def provenance(result: FillResult, input_name: str) -> dict[str, Any]:
    """Where a filled scan comes from, JSON-ready: program, method, weights, options, input, gaps."""
    options = asdict(result.options) | {"weights": str(result.options.weights) if result.options.weights else "shipped"}
    return {
        "program": "braggfill",
        "version": __version__,
        "method": result.options.method,
        "scale": METHODS[result.options.method_for(result.mask.size)].scale,
        "weights_sha256": result.weights_sha256,
        "adaptation": asdict(result.lesson) if result.lesson else None,
        "options": options,
        "how": result.how or None,
        "input": input_name,
        "gaps": summarise_gaps(result.gaps),
    }
