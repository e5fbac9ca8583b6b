"""The command line: each command parses, loads, calls one function and saves. Bad input is one sentence and exit code 2."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from braggfill.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel.",
)
console = Console()
errors = Console(stderr=True)

Device = StrEnum("Device", ["auto", "cpu", "cuda"])
Precision = StrEnum("Precision", ["float32", "bfloat16", "float16"])
SplitName = StrEnum("SplitName", ["train", "validation", "test"])
MethodName = StrEnum("MethodName", ["unet", "kriging", "ridge", "linear", "cubic", "nearest", "idw", "biharmonic"])


@app.command()
def fill(  # noqa: PLR0913 - one argument an option
    scan: Annotated[str, typer.Argument(help="Scan file: .npz, .npy, .h5/.cxi/.nxs (also file.h5:/path), .tif.")],
    mask: Annotated[str | None, typer.Option(help="Mask file, 2-D or 3-D, > 0 = not measured; else the scan's own.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result, .npz; else SCAN_filled.npz.")] = None,
    method: Annotated[MethodName, typer.Option(help="How to fill; 'braggfill methods' explains each.")] = MethodName.unet,
    skip: Annotated[int | None, typer.Option(help="Voxels skipped between sliding portions; else whole planes.")] = None,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    precision: Annotated[Precision, typer.Option(help="Arithmetic of the network.")] = Precision.float32,
    tta: Annotated[bool, typer.Option("--tta", help="Average the network over the eight mirror images.")] = False,
    counts_per_unit: Annotated[float | None, typer.Option(help="Photons for one unit of scaled data.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights made by 'train', else the shipped ones.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw slices before and after (.png).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Allow an existing result to be replaced.")] = False,
) -> None:
    """Fill the gaps of a scan.

    Example: braggfill fill S12.npz --mask mask.npz -o S12_filled.npz --plot S12.png
    """
    from braggfill.fill import FillOptions, check_options, fill_gaps
    from braggfill.io import read_mask, read_scan, split_address, write_result
    from braggfill.report import gap_table, plot_fill, summary, warnings
    from braggfill.writing import check_output

    check_options(FillOptions(method.value, skip, device.value, precision.value, tta, counts_per_unit, weights))
    loaded = read_scan(scan)
    source = split_address(scan)[0]
    output = output or source.with_name(f"{source.stem}_filled.npz")
    inputs = [source] + ([split_address(mask)[0]] if mask else [])
    check_output(output, inputs, overwrite)
    if plot:
        check_output(plot, inputs, overwrite, ".png")
    missing = read_mask(mask) if mask else loaded.mask
    with progress_bar("filling") as advance:
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
            on_progress=advance,
        )
    console.print(gap_table(result.gaps, method.value))
    for sentence in warnings(result):
        say(errors, f"warning: {sentence}", "yellow")
    write_result(output, result, loaded.name)
    if plot:
        plot_fill(plot, result, f"{loaded.name}, {method.value}")
    say(console, f"{summary(result)}; written to {output}")


@app.command()
def evaluate(
    scan: Annotated[str, typer.Argument(help="Scan file, as for 'fill'.")],
    mask: Annotated[str | None, typer.Option(help="Mask file, as for 'fill'.")] = None,
    method: Annotated[MethodName, typer.Option(help="The fill to judge.")] = MethodName.unet,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    counts_per_unit: Annotated[float | None, typer.Option(help="Photons for one unit of scaled data.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights made by 'train', else the shipped ones.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures (.json).")] = None,
) -> None:
    """Judge the filling of a scan on the scan itself: gaps like its own are cut where the counts are known.

    Example: braggfill evaluate S12.npz --mask mask.npz
    """
    from braggfill.evaluation import evaluate as judge
    from braggfill.io import read_mask, read_scan, split_address, write_evaluation
    from braggfill.report import score_table
    from braggfill.writing import check_output

    loaded = read_scan(scan)
    if json:
        check_output(json, [split_address(a)[0] for a in (scan, mask) if a], overwrite=True, suffix=".json")
    with progress_bar("evaluating") as advance:
        verdict = judge(
            loaded.intensity,
            read_mask(mask) if mask else loaded.mask,
            method=method.value,
            device=device.value,
            counts_per_unit=counts_per_unit,
            weights=weights,
            on_progress=advance,
        )
    console.print(score_table(verdict))
    if json:
        write_evaluation(json, verdict, loaded.name)
    say(console, verdict.advice)


@app.command()
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


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder for weights, state and training curve.")],
    config: Annotated[Path | None, typer.Option(help="TOML file; what it leaves out keeps its default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the state in the folder.")] = False,
    start: Annotated[Path | None, typer.Option(help="Weights to start from.")] = None,
    measured: Annotated[list[str] | None, typer.Option(help="Scan of many counts to learn from as well; repeat it.")] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
    devices: Annotated[int, typer.Option(min=1, help="GPUs that share every batch.")] = 1,
) -> None:
    """Train a network on simulated portions.

    Example: braggfill train --config configs/gapnet.toml --out runs/gapnet
    """
    from braggfill.checkpoint import read_tensors
    from braggfill.config import TrainConfig, read_config
    from braggfill.io import read_measured
    from braggfill.report import plot_training
    from braggfill.training import STATE_NAME
    from braggfill.training import train as run

    chosen = read_config(config, TrainConfig) if config else TrainConfig()
    with progress_bar("training") as advance:
        weights = run(
            out,
            chosen,
            resume=resume,
            start=start,
            measured=[read_measured(address) for address in measured or []],
            device=device.value,
            devices=devices,
            on_step=lambda step, loss: advance(step, chosen.steps),
        )
    plot_training(out / "curve.png", read_tensors(out / STATE_NAME)[1]["curve"])
    say(console, f"weights written to {weights}")


Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes on this machine; else one a core.")]
Scheduler = Annotated[str | None, typer.Option(help="Dask cluster to run on instead, such as tcp://node:8786.")]
Slurm = Annotated[int, typer.Option(min=0, help="Run on so many Slurm jobs, set up in Dask's jobqueue.yaml.")]


@app.command()
def relax(
    out: Annotated[Path, typer.Option(help="Library of crystals (.h5), made or added to.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Number of crystals.")] = 1,
    config: Annotated[Path | None, typer.Option(help="TOML file of the ranges; what it leaves out keeps its default.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    slurm: Slurm = 0,
) -> None:
    """Relax random particles by molecular statics (needs the extra 'sim') and keep them in a library; run again to go on.

    Example: braggfill relax -n 240 --config configs/library.toml --out crystals.h5
    """
    from braggfill.config import read_config
    from braggfill.library import build_library
    from braggfill.particle import ParticleRanges
    from braggfill.tasks import Workers
    from braggfill.writing import check_output

    check_output(out, [], overwrite=True, suffix=".h5")
    ranges = read_config(config, ParticleRanges) if config else ParticleRanges()
    with progress_bar("relaxing") as advance:
        build_library(out, n, seed, ranges, Workers(jobs, scheduler, slurm), advance)
    say(console, f"{n} crystal(s) in {out}")


@app.command()
def simulate(  # noqa: PLR0913 - one argument an option
    out: Annotated[Path, typer.Option(help="Folder for the scans: a new one, or an unfinished set to go on with.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Number of scans.")] = 1,
    shape: Annotated[tuple[int, int, int], typer.Option(help="Frames, rows, columns.")] = (128, 128, 128),
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    cross: Annotated[int, typer.Option(help="Cut a cross of this width beside the peak; 0 for none.")] = 0,
    truth: Annotated[bool, typer.Option("--truth", help="Keep the noise-free expected counts as well.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of the ranges; what it leaves out keeps its default.")] = None,
    library: Annotated[Path | None, typer.Option(help="Relaxed crystals made by 'relax'; else the shipped ones.")] = None,
    split: Annotated[SplitName | None, typer.Option(help="Only crystals of this split.")] = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    slurm: Slurm = 0,
) -> None:
    """Simulate scans of random crystals; run again to go on.

    Example: braggfill simulate -n 3 --out simulated --cross 6
    """
    from braggfill.config import read_config
    from braggfill.dataset import SetRequest, simulate_set
    from braggfill.simulation import SimulationConfig
    from braggfill.tasks import Workers

    ranges = read_config(config, SimulationConfig) if config else SimulationConfig()
    request = SetRequest(shape, seed, cross, truth, split.value if split else None, library, ranges)  # type: ignore[arg-type]
    with progress_bar("simulating") as advance:
        simulate_set(out, n, request, Workers(jobs, scheduler, slurm), advance)
    say(console, f"{n} scan(s) in {out}")


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal and hand out ``advance(done, total)``."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def say(where: Console, sentence: str, style: str | None = None) -> None:
    """Print a sentence as it is: names of files are not taken for markup and not broken into lines."""
    where.print(sentence, style=style, highlight=False, markup=False, soft_wrap=True)


def main() -> None:
    """Entry point: run the command; bad input is one sentence on the error stream and exit code 2."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that temporary files are removed
    try:
        app()
    except InputError as error:
        say(errors, f"braggfill: {error}", "red")
        sys.exit(2)
