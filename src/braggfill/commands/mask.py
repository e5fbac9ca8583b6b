"""``braggfill mask``: what a mask consists of, where it comes from, and a file of it."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import (
    Convention,
    DetectorName,
    MaskConvention,
    MaskFile,
    Overwrite,
    Roi,
    console,
    errors,
    mask_choice,
    say,
)


def mask(  # noqa: PLR0913 - one argument an option
    scan: Annotated[str | None, typer.Argument(help="Scan whose mask it is; without it, of the detector alone.")] = None,
    mask: MaskFile = None,
    mask_convention: MaskConvention = Convention.bad1,
    detector: DetectorName = None,
    roi: Roi = None,
    find: Annotated[bool, typer.Option("--find", help="Look for rows and columns that never count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take what was found without asking.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the mask, 1 = not measured (.npz).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the mask (.png).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Describe, draw and write a mask: the scan's own, a detector's, or what the data show.

    Example: braggfill mask S12.npz --detector maxipix --roi 120,84 --find -o mask.npz --plot mask.png

    Example: braggfill mask --detector eiger2m -o eiger2m.npz
    """
    from braggfill.base.writing import check_output
    from braggfill.reports.plots import plot_mask
    from braggfill.reports.tables import mask_table
    from braggfill.scan.files import split_address, write_mask
    from braggfill.scan.masks import half_masked, mask_for

    for path, suffix in ((output, ".npz"), (plot, ".png")):
        if path:
            check_output(path, [split_address(a)[0] for a in (scan, mask) if a], overwrite, suffix)
    choice = mask_choice(mask, mask_convention, detector, roi)
    made, background, found = mask_for(scan, choice, find)
    if found.any():
        console.print(mask_table(found))
        if not yes and not typer.confirm("These lines never count although their neighbours do. Take them as not measured?"):
            found[:] = False
    elif find:
        say(console, "no line that never counts was found")
    made = made | found
    console.print(mask_table(made))
    if warning := half_masked(made):
        say(errors, f"warning: {warning}", "yellow")
    if output:
        write_mask(output, made)
        say(console, f"written to {output}: 1 = not measured")
    if plot:
        plot_mask(plot, made, background)
