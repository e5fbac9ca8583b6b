"""``braggfill retrieve``: from a scan to the crystal; ``braggfill compare``: every treatment of the gaps side by side."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.shell import (
    CountsPerUnit,
    Device,
    DeviceChoice,
    MaskFile,
    Overwrite,
    ScanFile,
    console,
    errors,
    progress_bar,
    say,
)

TreatmentName = StrEnum(
    "TreatmentName",
    {"free": "free", "free_streaks": "free-streaks", "zero": "zero", "filled": "filled", "bounded": "bounded", "crop": "crop"},
)
Schedule = Annotated[str, typer.Option(help="Algorithms (hio, raar, er, ml) and their iterations.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
VoxelSize = Annotated[tuple[float, float, float], typer.Option(help="Edges of a voxel along frames, rows, columns in nm.")]
QVector = Annotated[tuple[float, float, float], typer.Option(help="The reflection's vector G along the same axes in 1/nm.")]
USUAL = "hio 80, raar 120, er 20, ml 40"


def parsed_schedule(text: str) -> tuple[tuple[str, int], ...]:
    """Turn 'hio 80, er 20' into (('hio', 80), ('er', 20)), or raise InputError."""
    from braggfill.base.errors import InputError

    words = [part.split() for part in text.split(",")]
    if not all(len(pair) == 2 and pair[1].isdigit() for pair in words):
        raise InputError(f"schedule: got '{text}', expected algorithms and iterations such as '{USUAL}'")
    return tuple((name, int(count)) for name, count in words)


def retrieve(  # noqa: PLR0913 - one argument an option
    scan: ScanFile,
    mask: MaskFile = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Object, .npz; else SCAN_object.npz.")] = None,
    treatment: Annotated[TreatmentName | None, typer.Option(help="Of the gaps; else bounded if filled, or free.")] = None,
    starts: Annotated[int, typer.Option(help="Random starts.")] = 5,
    keep: Annotated[int, typer.Option(help="Best starts that are averaged.")] = 3,
    schedule: Schedule = USUAL,
    seed: Seed = 0,
    support: Annotated[
        str | None, typer.Option(help="File with a first support, > 0 inside; else from the autocorrelation.")
    ] = None,
    device: DeviceChoice = Device.auto,
    counts_per_unit: CountsPerUnit = None,
    overwrite: Overwrite = False,
) -> None:
    """Retrieve the phases of a scan, filled or not: the complex object, several starts averaged.

    Example: braggfill retrieve S12_filled.npz -o S12_object.npz
    """
    from braggfill.base.writing import check_output
    from braggfill.reports.objects import start_table
    from braggfill.retrieval.files import read_support, write_crystal
    from braggfill.retrieval.reconstruction import retrieve as run
    from braggfill.scan.files import read_mask, read_scan, split_address

    steps = parsed_schedule(schedule)
    loaded = read_scan(scan)
    source = split_address(scan)[0]
    output = output or source.with_name(f"{source.stem}_object.npz")
    check_output(output, [split_address(a)[0] for a in (scan, mask, support) if a], overwrite)
    with progress_bar("retrieving") as advance:
        result = run(
            loaded.intensity,
            read_mask(mask) if mask else loaded.mask,
            filled=loaded.filled,
            std=loaded.std,
            treatment=treatment.value if treatment else None,
            starts=starts,
            keep=keep,
            schedule=steps,
            seed=seed,
            support=read_support(support) if support else None,
            device=device.value,
            counts_per_unit=counts_per_unit,
            on_progress=advance,
        )
    write_crystal(output, result, loaded.name)
    console.print(start_table(result))
    for sentence in result.warnings:
        say(errors, f"warning: {sentence}", "yellow")
    say(console, f"{result.options.treatment}: {100 * result.modes[0]:.1f} % of the kept starts in common; written to {output}")


def compare(  # noqa: PLR0913 - one argument an option
    scan: ScanFile,
    mask: MaskFile = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Picture, .png; else SCAN_compared.png.")] = None,
    treatment: Annotated[
        list[TreatmentName] | None, typer.Option(help="A treatment to compare; repeat it; else all possible.")
    ] = None,
    voxel_nm: VoxelSize = (1, 1, 1),
    q_inv_nm: QVector = (1, 0, 0),
    starts: Annotated[int, typer.Option(help="Random starts.")] = 3,
    keep: Annotated[int, typer.Option(help="Best starts that are averaged.")] = 2,
    schedule: Schedule = USUAL,
    seed: Seed = 0,
    device: DeviceChoice = Device.auto,
    counts_per_unit: CountsPerUnit = None,
    overwrite: Overwrite = False,
) -> None:
    """Retrieve a scan with every treatment of its gaps and draw the objects side by side; a scan is filled first if it is not.

    Example: braggfill compare S12_filled.npz -o S12_compared.png
    """
    from braggfill.base.writing import check_output
    from braggfill.judging.comparison import compare as run
    from braggfill.reports.objects import comparison_table, plot_comparison
    from braggfill.scan.files import read_mask, read_scan, split_address

    steps = parsed_schedule(schedule)
    loaded = read_scan(scan)
    source = split_address(scan)[0]
    output = output or source.with_name(f"{source.stem}_compared.png")
    check_output(output, [split_address(a)[0] for a in (scan, mask) if a], overwrite, ".png")
    with progress_bar("comparing") as advance:
        compared = run(
            loaded.intensity,
            read_mask(mask) if mask else loaded.mask,
            filled=loaded.filled,
            std=loaded.std,
            treatments=[t.value for t in treatment] if treatment else None,
            voxel_nm=voxel_nm,
            q_inv_nm=q_inv_nm,
            starts=starts,
            keep=keep,
            schedule=steps,
            seed=seed,
            device=device.value,
            counts_per_unit=counts_per_unit,
            on_progress=advance,
        )
    console.print(comparison_table(compared))
    for sentence in dict.fromkeys(f"{c.treatment}: {s}" for c in compared for s in c.result.warnings):
        say(errors, f"warning: {sentence}", "yellow")
    plot_comparison(output, compared, loaded.name)
    say(console, f"drawn to {output}")
