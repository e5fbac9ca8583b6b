"""A filled scan on disk, with where it comes from."""

from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from braggfill.base.errors import InputError
from braggfill.base.limits import check_kind
from braggfill.base.paths import PathLike, as_name
from braggfill.base.version import __version__
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.filling.result import FillResult
from braggfill.scan.counts import as_mask, as_spread, measured_values
from braggfill.scan.files import write_scan
from braggfill.scan.formats.contents import Geometry, Scan
from braggfill.scan.formats.names import FormatName
from braggfill.scan.gaps import find_gaps, summarise_gaps

Kind = TypeVar("Kind")


def write_result(
    path: PathLike,
    result: FillResult,
    input_name: str,
    kind: FormatName | None = None,
    geometry: Geometry | None = None,
    record: dict[str, Any] | None = None,
) -> None:
    """Write a filled scan: data, mask (1 = still missing), filled, std, and its provenance.

    Parameters
    ----------
    path : text or path
        A file of that name is replaced.
    result : FillResult
    input_name : str
    kind : FormatName, optional
        A key of ``FORMATS``, which the name's suffix has to fit; by default the one that it asks for.
    geometry : Geometry, optional
        How the scan was measured, for the formats that say so.
    record : dict, optional
        Added to the provenance: the command and the configuration, JSON-ready.

    Raises
    ------
    InputError
        If the name does not fit the format, or the file cannot be written.
    """
    check_kind("result", result, FillResult)
    input_name = as_name(input_name, "input_name")
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
    facts = scan.provenance or {}
    chosen, method = facts.get("options"), facts.get("method")
    told = chosen if isinstance(chosen, dict) else {}
    options = FillOptions(
        method if isinstance(method, str) and method in METHODS else "auto",
        counts_per_unit=told.get("counts_per_unit"),
        negatives=told.get("negatives"),
    )
    known, unknown = measured_values(scan.intensity, scan.mask, options.negatives)
    filled = as_mask(scan.filled, known.shape) & ~unknown
    if not filled.any():
        raise InputError(
            f"scan {scan.name}: got one without estimates, expected a filled scan; fill it first ('braggfill fill')"
        )
    std = np.zeros_like(known) if scan.std is None else as_spread(scan.std, known.shape)
    return FillResult(
        intensity=known,
        filled=filled,
        std=std,
        mask=unknown,
        gaps=find_gaps(unknown | filled, filled),
        options=options,
        weights_sha256=facts.get("weights_sha256"),
        sentence=_as(str, facts.get("sentence"), ""),
        how=_as(dict, facts.get("how"), {}),
        fell_back=_as(str, facts.get("fell_back"), ""),
    )


def _as(kind: type[Kind], value: object, otherwise: Kind) -> Kind:
    """A value of a file's provenance if it is what this program writes there."""
    return value if isinstance(value, kind) else otherwise


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
        "sentence": result.sentence or None,
        "how": result.how or None,
        "fell_back": result.fell_back or None,
        "input": input_name,
        "gaps": summarise_gaps(result.gaps),
    }
