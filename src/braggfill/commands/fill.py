"""``braggfill fill``: from scan files to filled ones; ``braggfill methods``: the ways to do it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from braggfill.base.text import printable
from braggfill.commands.options import with_flags_and_file
from braggfill.commands.outputs import Outputs
from braggfill.commands.shell import (
    Scheduler,
    Slurm,
    adaptation_bar,
    command_line,
    console,
    errors,
    progress_bar,
    say,
    warn,
)
from braggfill.filling.options import FillOptions
from braggfill.scan.choice import MaskChoice, Preparation

if TYPE_CHECKING:
    from braggfill.base.tasks import Workers
    from braggfill.commands.batch import Outcome
    from braggfill.commands.jobs import FillJob

ScanFiles = Annotated[
    list[str] | None,
    typer.Argument(
        help="Scans: .npz, .npy, .h5/.cxi/.nxs (also file.h5:/path), .tif, file.spec:/12, folders.", show_default=False
    ),
]


@with_flags_and_file
def fill(  # noqa: PLR0913 - three groups of options, which scans, and where to work
    scans: ScanFiles = None,
    scan: Annotated[str | None, typer.Option(help="Numbers of scans, such as 12,23-30, for the template.")] = None,
    template: Annotated[str | None, typer.Option(help="Name of a scan's file with %d or %04d for its number.")] = None,
    *,
    how: Preparation,
    mask: MaskChoice,
    outputs: Outputs,
    options: FillOptions,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Scans at a time on this machine; else one.")] = None,
    scheduler: Scheduler = None,
    slurm: Slurm = 0,
) -> None:
    """Fill the gaps of a scan, or of many.

    Example: braggfill fill S12.npz --mask mask.npz -o S12_filled.npz --plot S12.png

    Example: braggfill fill scan_00012_master.h5 --crop 128,200,200 --flat white.tif --hot

    Example: braggfill fill --scan 12,23-30 --template S%d.cxi --detector eiger2m --roi 120,84 --report reports
    """
    from braggfill.base.tasks import Workers
    from braggfill.commands.jobs import make_jobs, select_scans

    made = make_jobs(select_scans(scans or [], scan, template), options, mask, outputs, command_line(), how)
    if len(made) == 1 and not scheduler and not slurm:
        fill_one(made[0])
    else:
        fill_many(made, Workers(jobs or 1, scheduler, slurm))


def fill_one(job: "FillJob") -> None:
    """Fill a scan and tell what its mask consists of and what was done."""
    from braggfill.commands.batch import fill_scan
    from braggfill.reports.sentences import lesson_in_words, summary
    from braggfill.reports.tables import gap_table

    doubts = list[str]()
    with adaptation_bar() as on_adapt, progress_bar("filling") as advance:
        result = fill_scan(job, advance, on_adapt, lambda sentence: say(console, sentence), doubts.append)
    console.print(gap_table(result.gaps, result.options.method))
    if result.lesson:
        say(console, lesson_in_words(result.lesson))
    if result.sentence:
        say(console, result.sentence)
    warn([*doubts, *result.warnings])
    say(console, f"{summary(result)}; written to {job.output}")


def fill_many(jobs: "list[FillJob]", workers: "Workers") -> None:
    """Fill scans, tell what became of each, and leave with code 1 if any failed."""
    from braggfill.commands.batch import fill_scans

    with progress_bar("filling") as advance:
        done: list[str] = []

        def count(outcome: "Outcome") -> None:
            done.append(outcome.scan)
            advance(len(done), len(jobs))

        outcomes = fill_scans(jobs, workers, count)
    console.print(outcome_table(outcomes))
    failed = [o for o in outcomes if o.state == "failed"]
    for outcome in failed:
        say(errors, f"failed: {outcome.scan}: {outcome.sentence}", "red")
    say(console, f"{len(jobs) - len(failed)} of {len(jobs)} scans are filled")
    if failed:
        raise typer.Exit(1)


def outcome_table(outcomes: "list[Outcome]") -> Table:
    """What became of each scan of a batch."""
    table = Table("scan", "state", "seconds", "what")
    styles = {"failed": "red", "there already": "dim"}
    for o in outcomes:
        seconds = "" if o.state == "there already" else f"{o.seconds:.1f}"
        cells = (o.scan.rpartition("/")[2], o.state, seconds, o.sentence)
        table.add_row(*(escape(printable(cell)) for cell in cells), style=styles.get(o.state))
    return table


def methods() -> None:
    """List the ways of filling.

    Example: braggfill methods
    """
    from braggfill.filling.methods import METHODS

    table = Table("method", "works in", "what it does")
    for name, method in METHODS.items():
        table.add_row(name, method.scale, method.summary)
    console.print(table)
