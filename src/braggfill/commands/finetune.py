"""``braggfill finetune``: weights adapted to one scan, for it and for the next ones of a series."""

from pathlib import Path
from typing import Annotated

import typer

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
    Overwrite,
    Roi,
    ScanFile,
    adaptation_bar,
    console,
    mask_choice,
    say,
)


def finetune(  # noqa: PLR0913 - one argument an option
    scan: ScanFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="Weights file to write, .safetensors.")],
    mask: MaskFile = None,
    mask_convention: MaskConvention = Convention.bad1,
    detector: DetectorName = None,
    roi: Roi = None,
    start: Annotated[Path | None, typer.Option(help="Weights to start from, such as those of the scan before.")] = None,
    minutes: AdaptMinutes = 2.0,
    seed: AdaptSeed = 0,
    device: DeviceChoice = Device.auto,
    counts_per_unit: CountsPerUnit = None,
    overwrite: Overwrite = False,
) -> None:
    """Adapt the network to a scan and keep the weights, for 'fill --weights' and as the start of the next scan.

    Example: braggfill finetune S12.npz --mask mask.npz -o S12.safetensors
    """
    from braggfill.base.writing import check_output
    from braggfill.network.finetune import finetune as learn
    from braggfill.reports.sentences import lesson_in_words
    from braggfill.scan.files import read_scan, split_address
    from braggfill.scan.masks import choose_mask

    choice = mask_choice(mask, mask_convention, detector, roi)
    loaded = read_scan(scan)
    inputs = [split_address(a)[0] for a in (scan, mask) if a] + ([start] if start else [])
    check_output(output, inputs, overwrite, ".safetensors")
    with adaptation_bar() as on_step:
        lesson = learn(
            loaded.intensity,
            choose_mask(loaded, choice),
            out=output,
            start=start,
            minutes=minutes,
            seed=seed,
            device=device.value,
            counts_per_unit=counts_per_unit,
            name=loaded.name,
            on_step=on_step,
        )
    say(console, f"{lesson_in_words(lesson)}; written to {output}")
