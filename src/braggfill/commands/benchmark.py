"""``braggfill benchmark``: carries out a study of accuracy and writes its tables and pictures."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import console, progress_bar, say
from braggfill.judging.options import StudyName


def benchmark(
    study: Annotated[StudyName, typer.Argument(help="What to study.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the results, else study_NAME.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer, smaller scans: seconds instead of minutes.")] = False,
    measured: Annotated[
        str | None, typer.Option(help="A measured scan for 'portions' or 'slices', beside simulated ones.")
    ] = None,
    draw: Annotated[bool, typer.Option("--draw", help="Compute nothing: draw the curves of the tables anew.")] = False,
) -> None:
    """Carry out a study: gaps whose contents are known are filled by every method, and the fills are scored.

    A study that is cut short goes on where it ended when the same command is given again.

    Example: braggfill benchmark width --quick
    """
    from braggfill.judging.studies.table import benchmark as carry_out

    with progress_bar("filling") as advance:
        written, remarks = carry_out(study, out, quick=quick, measured=measured, draw=draw, on_progress=advance)
    for remark in remarks:
        say(console, remark)
    for path in written:
        say(console, f"written: {path}")
