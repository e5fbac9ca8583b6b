"""``braggfill fill``: from scan files to filled ones; ``braggfill methods``: the ways to do it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from braggfill.commands.shell import (
    AdaptMinutes,
    AdaptSeed,
    Convention,
    CountsPerUnit,
    DetectorName,
    Device,
    DeviceChoice,
    MaskConvention,
    MaskFile,
    MethodName,
    OutputFormat,
    Overwrite,
    Roi,
    Scheduler,
    Slurm,
    Weights,
    adaptation_bar,
    command_line,
    console,
    errors,
    given,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    from braggfill.base.tasks import Workers
    from braggfill.commands.batch import FillJob, Outcome

Precision = StrEnum("Precision", ["float32", "bfloat16", "float16"])
ScanFiles = Annotated[
    list[str] | None,
    typer.Argument(help="Scan files: .npz, .npy, .h5/.cxi/.nxs (also file.h5:/path), .tif.", show_default=False),
]


def fill(  # noqa: PLR0913 - one argument an option
    context: typer.Context,
    scans: ScanFiles = None,
    scan: Annotated[str | None, typer.Option(help="Numbers of scans, such as 12,23-30, for the template.")] = None,
    template: Annotated[str | None, typer.Option(help="Name of a scan's file with %d or %04d for its number.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of these options; flags win over it.")] = None,
    mask: MaskFile = None,
    mask_convention: MaskConvention = Convention.bad1,
    detector: DetectorName = None,
    roi: Roi = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Result, or a folder for it; else SCAN_filled beside the scan.")
    ] = None,
    format: OutputFormat = None,
    method: Annotated[MethodName, typer.Option(help="How to fill; 'braggfill methods' explains each.")] = MethodName.unet,
    skip: Annotated[int | None, typer.Option(help="Voxels skipped between sliding portions; else whole planes.")] = None,
    device: DeviceChoice = Device.auto,
    precision: Annotated[Precision, typer.Option(help="Arithmetic of the network.")] = Precision.float32,
    tta: Annotated[bool, typer.Option("--tta", help="Average the network over the eight mirror images.")] = False,
    counts_per_unit: CountsPerUnit = None,
    weights: Weights = None,
    adapt: Annotated[bool, typer.Option("--adapt", help="Learn from the rest of the scan first.")] = False,
    adapt_minutes: AdaptMinutes = 2.0,
    seed: AdaptSeed = 0,
    plot: Annotated[Path | None, typer.Option(help="Also draw slices before and after (.png, or a folder).")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page with slider and self-test (.html, or a folder).")
    ] = None,
    self_test: Annotated[bool, typer.Option(help="Judge the fill in the report on gaps cut elsewhere.")] = True,
    overwrite: Overwrite = False,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Scans at a time on this machine; else one.")] = None,
    scheduler: Scheduler = None,
    slurm: Slurm = 0,
) -> None:
    """Fill the gaps of a scan, or of many.

    Example: braggfill fill S12.npz --mask mask.npz -o S12_filled.npz --plot S12.png

    Example: braggfill fill --scan 12,23-30 --template S%d.cxi --detector eiger2m --roi 120,84 --report reports
    """
    from braggfill.base.config import build, read_table
    from braggfill.base.tasks import Workers
    from braggfill.commands.batch import FillConfig, Outputs, make_jobs, select_scans

    flags = {name: value for name, value in given(context).items() if name in FillConfig.__dataclass_fields__}
    chosen = build(FillConfig, (read_table(config) if config else {}) | flags, f"config {config}" if config else "options")
    wanted = select_scans(scans or [], scan, template)
    made = make_jobs(wanted, chosen, Outputs(output, plot, report, overwrite), command_line())
    if len(made) == 1 and not scheduler and not slurm:
        fill_one(made[0])
    else:
        fill_many(made, Workers(jobs or 1, scheduler, slurm))


def fill_one(job: "FillJob") -> None:
    """Fill a scan and tell what its mask consists of and what was done."""
    from braggfill.commands.batch import fill_scan
    from braggfill.reports.sentences import lesson_in_words, summary, warnings
    from braggfill.reports.tables import gap_table

    with adaptation_bar() as on_adapt, progress_bar("filling") as advance:
        result = fill_scan(job, advance, on_adapt)
    console.print(gap_table(result.gaps, result.options.method))
    if result.lesson:
        say(console, lesson_in_words(result.lesson))
    for sentence in warnings(result):
        say(errors, f"warning: {sentence}", "yellow")
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
        table.add_row(*map(escape, cells), style=styles.get(o.state))
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
