"""``braggfill convert``: the same scan in the format of another program."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import (
    Convention,
    DetectorName,
    MaskConvention,
    MaskFile,
    OutputFormat,
    Overwrite,
    Roi,
    ScanFile,
    console,
    mask_choice,
    say,
)


def convert(  # noqa: PLR0913 - one argument an option
    scan: ScanFile,
    output: Annotated[Path, typer.Argument(help="File to write.")],
    format: OutputFormat = None,
    mask: MaskFile = None,
    mask_convention: MaskConvention = Convention.bad1,
    detector: DetectorName = None,
    roi: Roi = None,
    energy_kev: Annotated[float | None, typer.Option(help="Photon energy, for CXI.")] = None,
    distance_m: Annotated[float | None, typer.Option(help="Distance of the detector, for CXI.")] = None,
    pixel_um: Annotated[float | None, typer.Option(help="Size of a pixel, for CXI.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a scan, filled or not, in another format: npz, cxi, cdiutils, bcdi or cohere.

    Example: braggfill convert S12_filled.npz S12_filled.cxi --energy-kev 9 --distance-m 0.8 --pixel-um 55
    """
    from dataclasses import replace

    from braggfill.scan.files import check_outputs, format_of, read_scan, split_address, write_scan
    from braggfill.scan.formats.contents import given_geometry
    from braggfill.scan.masks import choose_mask

    kind = format.value if format else format_of(output)
    check_outputs(output, kind, [split_address(a)[0] for a in (scan, mask) if a], overwrite)
    loaded = read_scan(scan)
    choice = mask_choice(mask, mask_convention, detector, roi)
    geometry = given_geometry(loaded.geometry, energy_kev, distance_m, pixel_um)
    write_scan(output, replace(loaded, mask=choose_mask(loaded, choice), geometry=geometry), kind)
    say(console, f"written to {output} ({kind})")
