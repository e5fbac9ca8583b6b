"""What the commands share: the terminal, its progress bar, and options that mean the same everywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)

Device = StrEnum("Device", ["auto", "cpu", "cuda"])
MethodName = StrEnum("MethodName", ["unet", "kriging", "ridge", "linear", "cubic", "nearest", "idw", "biharmonic"])

AdaptMinutes = Annotated[float, typer.Option(help="Most minutes that learning from the scan may take.")]
AdaptSeed = Annotated[int, typer.Option(min=0, help="Seed of every random choice in it.")]
CountsPerUnit = Annotated[float | None, typer.Option(help="Photons for one unit of scaled data.")]
DeviceChoice = Annotated[Device, typer.Option(help="Where the network runs.")]
MaskFile = Annotated[str | None, typer.Option(help="Mask file, 2-D or 3-D, > 0 = not measured; else the scan's own.")]
ScanFile = Annotated[str, typer.Argument(help="Scan file: .npz, .npy, .h5/.cxi/.nxs (also file.h5:/path), .tif.")]
Weights = Annotated[Path | None, typer.Option(help="Weights made by 'train' or 'finetune', else the shipped ones.")]


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal and hand out ``advance(done, total)``."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def adaptation_bar() -> Iterator[Callable[[int, int, float], None]]:
    """Show a progress bar with the held-out score on a terminal and hand out ``advance(step, steps, skill)``."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("laying copies of the gaps", total=None, visible=False)
        yield lambda step, steps, skill: progress.update(
            task, completed=step, total=steps, visible=True, description=f"adapting, held-out skill {skill:.3f}"
        )


def say(where: Console, sentence: str, style: str | None = None) -> None:
    """Print a sentence as it is: names of files are not taken for markup and not broken into lines."""
    where.print(sentence, style=style, highlight=False, markup=False, soft_wrap=True)
