"""``braggfill mask``: what a mask consists of, where it comes from, and a file of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from braggfill.base.errors import InputError
from braggfill.commands.options import Part, with_flags
from braggfill.commands.shell import Overwrite, console, say, warn
from braggfill.scan.choice import MaskChoice, Negatives, Preparation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from braggfill.commands.opening import Opened


@with_flags
def mask(  # noqa: PLR0913 - two groups of options, and what is made of the mask
    scan: Annotated[str | None, typer.Argument(help="Scan whose mask it is; without it, of the detector alone.")] = None,
    *,
    how: Annotated[Preparation, Part(("crop", "dark", "hot", "aliens"))],
    choice: MaskChoice,
    find: Annotated[bool, typer.Option("--find", help="Look for rows and columns that never count.")] = False,
    negatives: Annotated[Negatives | None, typer.Option(help="What negative values are, as for fill.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what was found without asking.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the mask, 1 = not measured (.npz).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the mask (.png).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Describe, draw and write a mask: the scan's own, a detector's, or what the data show.

    Example: braggfill mask S12.npz --detector maxipix --roi 120,84 --find -o mask.npz --plot mask.png

    Example: braggfill mask --detector eiger2m -o eiger2m.npz
    """
    from braggfill.commands.opening import check_writable, open_scan
    from braggfill.reports.plots import plot_mask
    from braggfill.reports.tables import mask_table
    from braggfill.scan.files import write_mask
    from braggfill.scan.masks import full_mask, half_masked, mask_without_scan, summed_counts
    from braggfill.scan.preparation import in_words

    outputs, background, doubts = {".npz": output, ".png": plot}, None, list[str]()
    if scan is None:
        asked = [name for name, value in {**vars(how), "again": choice.again, "find": find}.items() if value]
        if asked:
            raise InputError(f"{asked[0]}: got it without a scan to look at, expected one; name the scan, or leave it out")
        check_writable(outputs, [choice.mask], overwrite)
        made = mask_without_scan(choice)
    else:
        opened = open_scan(scan, choice, outputs, overwrite, ask=False, how=how, negatives=negatives)
        doubts = [*opened.warnings, *estimates_among_measured(opened)]
        for sentence in in_words(opened.record.get("prepared", {})):
            say(console, sentence)
        made = full_mask(opened.scan.intensity, opened.mask, negatives)
        background = summed_counts(opened.scan.intensity, made).astype("float32")
        made = made | silent_lines(opened.scan.intensity, made, negatives, yes) if find else made
    console.print(mask_table(made))
    if output:
        write_mask(output, made)
        say(console, f"written to {output}: 1 = not measured")
    if plot:
        plot_mask(plot, made, background)
    question = half_masked(made) if choice.mask_convention is None else None
    warn([*doubts, *([f"mask: {question}"] if question else [])])


def estimates_among_measured(opened: "Opened") -> list[str]:
    """What is to be warned of where a scan was filled: its estimates are not in its mask."""
    if opened.scan.filled is None:
        return []
    estimates = (opened.scan.filled > 0).sum()
    return [f"{estimates:,} voxels of this scan are estimates, which its mask does not mark; give --again to mark them"]


def silent_lines(
    intensity: "NDArray[Any]", made: "NDArray[np.bool_]", negatives: Negatives | None, yes: bool
) -> "NDArray[np.bool_]":
    """Rows and columns, bool (rows, columns), that never count, if a person takes them as not measured.

    Intensity and the mask made so far are both (frames, rows, columns).
    """
    from braggfill.reports.tables import mask_table
    from braggfill.scan.masks import find_silent_lines

    found = find_silent_lines(intensity, made, negatives)
    if not found.any():
        say(console, "no line that never counts was found")
        return found
    console.print(mask_table(found))
    question = "These lines never count although their neighbours do. Take them as not measured?"
    try:
        return found if yes or typer.confirm(question) else found & False
    except typer.Abort as error:
        if sys.stdin.isatty():
            raise
        raise InputError("find: got no terminal to ask whether these lines are taken, expected one; give --yes") from error
