"""``braggfill convert``: the same scan in the format of another program."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.options import Part, with_flags
from braggfill.commands.outputs import Outputs
from braggfill.commands.shell import ScanFile, console, say
from braggfill.scan.choice import MaskChoice, Preparation


@with_flags
def convert(
    scan: ScanFile,
    output: Annotated[Path, typer.Argument(help="File to write.")],
    outputs: Annotated[Outputs, Part(("format", "overwrite"))],
    how: Annotated[Preparation, Part(("crop", "dark", "hot", "aliens", "bin"))],
    choice: MaskChoice,
    energy_kev: Annotated[float | None, typer.Option(help="Photon energy, for CXI.")] = None,
    distance_m: Annotated[float | None, typer.Option(help="Distance of the detector, for CXI.")] = None,
    pixel_um: Annotated[float | None, typer.Option(help="Size of a pixel, for CXI.")] = None,
) -> None:
    """Write a scan, or a part of it, filled or not, in another format: npz, cxi, cdiutils, bcdi or cohere.

    Example: braggfill convert S12_filled.npz S12_filled.cxi --energy-kev 9 --distance-m 0.8 --pixel-um 55
    """
    from dataclasses import replace

    from braggfill.base.version import __version__
    from braggfill.commands.opening import open_scan
    from braggfill.scan.files import format_of, write_scan
    from braggfill.scan.formats.contents import given_geometry
    from braggfill.scan.preparation import in_words

    kind = outputs.format or format_of(output)
    opened = open_scan(scan, choice, {kind: output}, outputs.overwrite, how=how)
    geometry = given_geometry(opened.scan.geometry, energy_kev, distance_m, pixel_um)
    facts = opened.scan.provenance
    if opened.record:
        facts = (facts or {"program": "braggfill", "version": __version__, "input": opened.scan.name}) | opened.record
    write_scan(output, replace(opened.scan, mask=opened.mask, geometry=geometry, provenance=facts), kind)
    for sentence in in_words(opened.record.get("prepared", {})):
        say(console, sentence)
    say(console, f"written to {output} ({kind})")
