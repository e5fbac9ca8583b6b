"""A filled scan on disk, with where it comes from."""

from dataclasses import asdict
from typing import Any

from braggfill.base.limits import check_kind
from braggfill.base.paths import PathLike, as_name
from braggfill.base.version import __version__
from braggfill.filling.methods import METHODS
from braggfill.filling.result import FillResult
from braggfill.scan.files import write_scan
from braggfill.scan.formats.contents import Geometry, Scan
from braggfill.scan.formats.names import FormatName
from braggfill.scan.gaps import summarise_gaps


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
    result : FillResult
    input_name : str
    kind : FormatName, optional
        A key of ``FORMATS``; by default the one that the name's suffix asks for.
    geometry : Geometry, optional
        How the scan was measured, for the formats that say so.
    record : dict, optional
        Added to the provenance: the command and the configuration, JSON-ready.
    """
    check_kind("result", result, FillResult)
    input_name = as_name(input_name, "input_name")
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
        "scale": METHODS[result.options.method_for(result.mask.size)].scale,
        "weights_sha256": result.weights_sha256,
        "adaptation": asdict(result.lesson) if result.lesson else None,
        "options": options,
        "how": result.how or None,
        "input": input_name,
        "gaps": summarise_gaps(result.gaps),
    }
