"""``braggfill evaluate``: tells whether filling a scan is advisable."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.options import with_flags
from braggfill.commands.shell import Overwrite, ScanFile, console, progress_bar, say, warn
from braggfill.judging.options import EvaluationOptions
from braggfill.scan.choice import MaskChoice, Preparation


@with_flags
def evaluate(
    scan: ScanFile,
    how: Preparation,
    choice: MaskChoice,
    options: EvaluationOptions,
    json: Annotated[Path | None, typer.Option(help="Also write the figures (.json).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw what was hidden, what came back, and the scores (.png).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge the filling of a scan on the scan itself: gaps like its own are cut where the counts are known.

    Example: braggfill evaluate S12.npz --mask mask.npz --plot S12_judged.png
    """
    from braggfill.commands.forecast import foretell
    from braggfill.commands.opening import open_measured
    from braggfill.commands.trials import evaluation_seconds
    from braggfill.judging.evaluation import evaluate as judge
    from braggfill.judging.record import write_evaluation
    from braggfill.reports.self_test import plot_evaluation
    from braggfill.reports.tables import score_table

    opened = open_measured(scan, choice, {".json": json, ".png": plot}, overwrite, how=how, negatives=options.negatives)
    options = opened.with_its_unit(options)
    foretell("evaluating", evaluation_seconds(opened, options))
    with progress_bar("evaluating") as advance:
        verdict = judge(opened.scan.intensity, opened.mask, options=options, on_progress=advance)
    console.print(score_table(verdict))
    warn(filter(None, [*opened.warnings, verdict.fell_back]))
    if json:
        write_evaluation(json, verdict, opened.scan.name)
    if plot:
        plot_evaluation(plot, verdict, opened.scan.name)
    say(console, verdict.advice)
