"""``braggfill benchmark``: carries out a study of accuracy and writes its tables and pictures."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import console, progress_bar, say
from braggfill.judging.studies.names import StudyName


def benchmark(
    study: Annotated[StudyName, typer.Argument(help="What to study.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("docs/results"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer, smaller scans: seconds instead of minutes.")] = False,
    data: Annotated[
        Path | None, typer.Option(envvar="BRAGGFILL_DATA", help="Folder of measured scans; else simulated ones only.")
    ] = None,
) -> None:
    """Carry out a study: gaps whose contents are known are filled by every method, and the fills are scored.

    Example: braggfill benchmark width --quick
    """
    from braggfill.judging.studies.table import benchmark as carry_out

    with progress_bar("filling") as advance:
        written, remarks = carry_out(study, out, quick=quick, data=data, on_progress=advance)
    for remark in remarks:
        say(console, remark)
    for path in written:
        say(console, f"written: {path}")
