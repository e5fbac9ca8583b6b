"""``braggfill convert``: the same scan in the format of another program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from braggfill.base.errors import InputError
from braggfill.commands.options import Part, with_flags
from braggfill.commands.outputs import Outputs
from braggfill.commands.shell import ScanFile, console, say, warn
from braggfill.scan.choice import MaskChoice, Negatives, Preparation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from braggfill.commands.opening import Opened


@with_flags
def convert(  # noqa: PLR0913 - three groups of options, and the geometry that a file does not tell
    scan: ScanFile,
    output: Annotated[Path, typer.Argument(help="File to write.")],
    outputs: Annotated[Outputs, Part(("format", "overwrite"))],
    how: Annotated[Preparation, Part(("crop", "dark", "hot", "aliens", "bin"))],
    choice: MaskChoice,
    negatives: Annotated[Negatives | None, typer.Option(help="What negative values are, as for fill.")] = None,
    energy_kev: Annotated[float | None, typer.Option(help="Photon energy, for CXI.")] = None,
    distance_m: Annotated[float | None, typer.Option(help="Distance of the detector, for CXI.")] = None,
    pixel_um: Annotated[float | None, typer.Option(help="Size of a pixel, for CXI.")] = None,
) -> None:
    """Write a scan, or a part of it, filled or not, in another format: npz, cxi, cdiutils, bcdi or cohere.

    Example: braggfill convert S12_filled.npz S12_filled.cxi --energy-kev 9 --distance-m 0.8 --pixel-um 55
    """
    from dataclasses import replace

    import numpy as np

    from braggfill.base.version import __version__
    from braggfill.commands.opening import open_scan
    from braggfill.scan.counts import as_mask
    from braggfill.scan.files import format_of, write_scan
    from braggfill.scan.formats.contents import given_geometry
    from braggfill.scan.preparation import in_words

    kind = outputs.format or format_of(output)
    geometry = {"energy_kev": energy_kev, "distance_m": distance_m, "pixel_um": pixel_um}
    given = [name for name, value in geometry.items() if value is not None]
    if given and kind != "cxi":
        raise InputError(f"{given[0]}: got a value for {output}, which does not keep it, expected none; write a CXI file")
    opened = open_scan(scan, choice, {kind: output}, outputs.overwrite, how=how, negatives=negatives)
    made = replace(opened.scan, mask=full_mask_of(opened, negatives))
    zeros = as_mask(made.mask, made.intensity.shape) if kind == "cohere" else None
    if zeros is not None:
        made = replace(made, intensity=np.where(zeros, 0, made.intensity))
    facts = made.provenance
    if opened.record:
        facts = (facts or {"program": "braggfill", "version": __version__, "input": made.name}) | opened.record
    known = given_geometry(made.geometry, **geometry)
    write_scan(output, replace(made, geometry=known, provenance=facts), kind)
    for sentence in in_words(opened.record.get("prepared", {})):
        say(console, sentence)
    say(console, f"written to {output} ({kind})")
    warn(opened.warnings)
    if zeros is not None and zeros.any():
        told = f"{np.count_nonzero(zeros):,} voxels that were not measured are zeros in it"
        warn([f"{told}, which cohere takes for measured ones; fill the scan before"])


def full_mask_of(opened: "Opened", negatives: Negatives | None) -> "NDArray[Any] | None":
    """The mask of a scan, and of one not filled what its values say besides: (frames, rows, columns) or (rows, columns)."""
    from braggfill.scan.counts import as_mask
    from braggfill.scan.masks import full_mask

    if opened.scan.filled is not None:
        return opened.mask
    missing = full_mask(opened.scan.intensity, opened.mask, negatives)
    return opened.mask if (missing == as_mask(opened.mask, missing.shape)).all() else missing
