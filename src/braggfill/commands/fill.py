"""``braggfill fill``: from a scan file to a filled one; ``braggfill methods``: the ways to do it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import (
    AdaptMinutes,
    AdaptSeed,
    CountsPerUnit,
    Device,
    DeviceChoice,
    MaskFile,
    MethodName,
    ScanFile,
    Weights,
    adaptation_bar,
    console,
    errors,
    progress_bar,
    say,
)

Precision = StrEnum("Precision", ["float32", "bfloat16", "float16"])


def fill(  # noqa: PLR0913 - one argument an option
    scan: ScanFile,
    mask: MaskFile = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result, .npz; else SCAN_filled.npz.")] = None,
    method: Annotated[MethodName, typer.Option(help="How to fill; 'braggfill methods' explains each.")] = MethodName.unet,
    skip: Annotated[int | None, typer.Option(help="Voxels skipped between sliding portions; else whole planes.")] = None,
    device: DeviceChoice = Device.auto,
    precision: Annotated[Precision, typer.Option(help="Arithmetic of the network.")] = Precision.float32,
    tta: Annotated[bool, typer.Option("--tta", help="Average the network over the eight mirror images.")] = False,
    counts_per_unit: CountsPerUnit = None,
    weights: Weights = None,
    adapt: Annotated[bool, typer.Option("--adapt", help="Let the network learn from the rest of the scan first.")] = False,
    adapt_minutes: AdaptMinutes = 2.0,
    seed: AdaptSeed = 0,
    plot: Annotated[Path | None, typer.Option(help="Also draw slices before and after (.png).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Allow an existing result to be replaced.")] = False,
) -> None:
    """Fill the gaps of a scan.

    Example: braggfill fill S12.npz --mask mask.npz -o S12_filled.npz --plot S12.png
    """
    from braggfill.fill import FillOptions, check_options, fill_gaps
    from braggfill.io import read_mask, read_scan, split_address, write_result
    from braggfill.report import gap_table, lesson_in_words, plot_fill, summary, warnings
    from braggfill.writing import check_output

    minutes = adapt_minutes if adapt else 0
    check_options(FillOptions(method.value, skip, device.value, precision.value, tta, counts_per_unit, weights, minutes))
    loaded = read_scan(scan)
    source = split_address(scan)[0]
    output = output or source.with_name(f"{source.stem}_filled.npz")
    inputs = [source] + ([split_address(mask)[0]] if mask else [])
    check_output(output, inputs, overwrite)
    if plot:
        check_output(plot, inputs, overwrite, ".png")
    missing = read_mask(mask) if mask else loaded.mask
    with adaptation_bar() as on_adapt, progress_bar("filling") as advance:
        result = fill_gaps(
            loaded.intensity,
            missing,
            method=method.value,
            skip=skip,
            device=device.value,
            precision=precision.value,
            tta=tta,
            counts_per_unit=counts_per_unit,
            weights=weights,
            adapt=minutes,
            seed=seed,
            on_adapt=on_adapt,
            on_progress=advance,
        )
    console.print(gap_table(result.gaps, method.value))
    if result.lesson:
        say(console, lesson_in_words(result.lesson))
    for sentence in warnings(result):
        say(errors, f"warning: {sentence}", "yellow")
    write_result(output, result, loaded.name)
    if plot:
        plot_fill(plot, result, f"{loaded.name}, {method.value}")
    say(console, f"{summary(result)}; written to {output}")


def methods() -> None:
    """List the ways of filling.

    Example: braggfill methods
    """
    from rich.table import Table

    from braggfill.fill import METHODS

    table = Table("method", "works in", "what it does")
    for name, method in METHODS.items():
        table.add_row(name, method.scale, method.summary)
    console.print(table)
