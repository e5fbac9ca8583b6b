"""``braggfill train``: new weights from simulated portions."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.base.options import Device
from braggfill.commands.shell import console, progress_bar, say, warn


def train(
    out: Annotated[Path, typer.Option(help="Folder for weights, state and training curve.")],
    config: Annotated[Path | None, typer.Option(help="TOML file; what it leaves out keeps its default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the state in the folder, if there is one.")] = False,
    start: Annotated[Path | None, typer.Option(help="Weights to start from.")] = None,
    measured: Annotated[list[str] | None, typer.Option(help="Scan of many counts to learn from as well; repeat it.")] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes where there is none, that share every batch.")] = 1,
) -> None:
    """Train a network on simulated portions.

    Example: braggfill train --config configs/gapnet.toml --out runs/gapnet
    """
    from braggfill.base.config import read_config
    from braggfill.commands.forecast import Foretold
    from braggfill.network.weights import read_tensors
    from braggfill.reports.plots import plot_training
    from braggfill.scan.measured import read_measured
    from braggfill.training.config import TrainConfig
    from braggfill.training.training import STATE_NAME
    from braggfill.training.training import train as run

    chosen = read_config(config, TrainConfig) if config else TrainConfig()
    with progress_bar("training") as advance:
        foretold = Foretold("training", advance)
        weights = run(
            out,
            chosen,
            resume=resume,
            start=start,
            measured=[read_measured(address) for address in measured or []],
            device=device,
            devices=devices,
            on_step=lambda step, loss: foretold(step, chosen.steps),
        )
    description = read_tensors(out / STATE_NAME)[1]
    plot_training(out / "curve.png", description["curve"])
    warn(filter(None, [description.get("fell_back")]))
    say(console, f"weights written to {weights}")
