"""``braggfill evaluate``: tells whether filling a scan is advisable."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import (
    Convention,
    CountsPerUnit,
    DetectorName,
    Device,
    DeviceChoice,
    MaskConvention,
    MaskFile,
    MethodName,
    Overwrite,
    Roi,
    ScanFile,
    Weights,
    console,
    mask_choice,
    progress_bar,
    say,
)


def evaluate(  # noqa: PLR0913 - one argument an option
    scan: ScanFile,
    mask: MaskFile = None,
    mask_convention: MaskConvention = Convention.bad1,
    detector: DetectorName = None,
    roi: Roi = None,
    method: Annotated[MethodName, typer.Option(help="The fill to judge.")] = MethodName.unet,
    device: DeviceChoice = Device.auto,
    counts_per_unit: CountsPerUnit = None,
    weights: Weights = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures (.json).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw a slice and the scores (.png).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge the filling of a scan on the scan itself: gaps like its own are cut where the counts are known.

    Example: braggfill evaluate S12.npz --mask mask.npz --plot S12_judged.png
    """
    from braggfill.base.writing import check_output
    from braggfill.judging.evaluation import evaluate as judge
    from braggfill.judging.record import write_evaluation
    from braggfill.reports.plots import plot_evaluation
    from braggfill.reports.tables import score_table
    from braggfill.scan.files import read_scan, split_address
    from braggfill.scan.masks import choose_mask

    choice = mask_choice(mask, mask_convention, detector, roi)
    loaded = read_scan(scan)
    inputs = [split_address(a)[0] for a in (scan, mask) if a]
    for path, suffix in ((json, ".json"), (plot, ".png")):
        if path:
            check_output(path, inputs, overwrite, suffix)
    with progress_bar("evaluating") as advance:
        verdict = judge(
            loaded.intensity,
            choose_mask(loaded, choice),
            method=method.value,
            device=device.value,
            counts_per_unit=counts_per_unit,
            weights=weights,
            on_progress=advance,
        )
    console.print(score_table(verdict))
    if json:
        write_evaluation(json, verdict, loaded.name)
    if plot:
        plot_evaluation(plot, verdict, loaded.name)
    say(console, verdict.advice)
