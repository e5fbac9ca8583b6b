"""``braggfill relax`` and ``braggfill simulate``: crystals, and scans of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from braggfill.commands.shell import Jobs, Scheduler, Slurm, console, progress_bar, say

SplitName = Literal["train", "validation", "test"]


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
    from braggfill.base.config import read_config
    from braggfill.base.tasks import Workers
    from braggfill.base.writing import check_output
    from braggfill.commands.forecast import Foretold
    from braggfill.simulation.library import build_library
    from braggfill.simulation.particle import ParticleRanges

    check_output(out, [], overwrite=True, suffix=".h5")
    ranges = read_config(config, ParticleRanges) if config else ParticleRanges()
    with progress_bar("relaxing") as advance:
        workers = Workers(jobs, scheduler, slurm)
        build_library(out, n, seed, ranges, workers, Foretold("relaxing", advance, workers.at_once))
    say(console, f"{n} crystal(s) in {out}")


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
    from braggfill.base.config import read_config
    from braggfill.base.tasks import Workers
    from braggfill.commands.forecast import Foretold
    from braggfill.simulation.dataset import SetRequest, simulate_set
    from braggfill.simulation.scans import SimulationConfig

    ranges = read_config(config, SimulationConfig) if config else SimulationConfig()
    request = SetRequest(shape, seed, cross, truth, split, library, ranges)
    with progress_bar("simulating") as advance:
        workers = Workers(jobs, scheduler, slurm)
        simulate_set(out, n, request, workers, Foretold("simulating", advance, workers.at_once))
    say(console, f"{n} scan(s) in {out}")
