"""What the commands share: the terminal, its progress bars, and options that mean the same everywhere."""

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from braggfill.base.text import printable
from braggfill.reports.choice import Through

if TYPE_CHECKING:
    from rich.progress import Progress

console = Console()
errors = Console(stderr=True)

Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes on this machine; else one a core.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Allow an existing result to be replaced.")]
QVector = Annotated[
    tuple[float, float, float], typer.Option(help="The reflection's vector G, 2 pi / d long, along the same axes in 1/nm.")
]
ScanFile = Annotated[str, typer.Argument(help="Scan file: .npz, .npy, .h5/.cxi/.nxs (also file.h5:/path), .tif.")]
Scheduler = Annotated[str | None, typer.Option(help="Dask cluster to run on instead, such as tcp://node:8786.")]
Slurm = Annotated[int, typer.Option(min=0, help="Run on so many Slurm jobs, set up in Dask's jobqueue.yaml.")]
SlicesThrough = Annotated[Through, typer.Option("--through", help="Where the slices of the scan meet: its peak, or its gap.")]
VoxelSize = Annotated[
    tuple[float, float, float],
    typer.Option(help="Edges of a right-angled voxel along frames, rows, columns in nm (skewed ones: in Python)."),
]


class Bar:
    """A progress bar that shows the work done, its total, and what is being done."""

    def __init__(self, progress: "Progress", label: str) -> None:
        self.progress, self.label = progress, label
        self.task = progress.add_task(label, total=None)

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        self.progress.update(self.task, completed=done, total=total)

    def name_phase(self, phase: str) -> None:
        """Say what is being done."""
        self.progress.update(self.task, description=f"{self.label}: {phase}")


@contextmanager
def progress_bar(label: str) -> Iterator[Bar]:
    """Show a progress bar on a terminal and hand it out as ``advance(done, total)``."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        yield Bar(progress, label)


@contextmanager
def adaptation_bar() -> Iterator[Callable[[int, int, float], None]]:
    """Show a progress bar with the held-out score on a terminal and hand out ``advance(step, steps, skill)``."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("", total=None, visible=False)
        yield lambda step, steps, skill: progress.update(
            task, completed=step, total=steps, visible=True, description=f"adapting, held-out skill {skill:.3f}"
        )


def say(where: Console, sentence: str, style: str | None = None) -> None:
    """Print a sentence: names of files are not taken for markup, not broken into lines, and move no terminal."""
    where.print(printable(sentence), style=style, highlight=False, markup=False, soft_wrap=True)


def warn(sentences: Iterable[str]) -> None:
    """Print each sentence once, as a warning."""
    for sentence in dict.fromkeys(sentences):
        say(errors, f"warning: {sentence}", "yellow")


def command_line() -> str:
    """What the user typed, for the record."""
    return printable(shlex.join(["braggfill", *sys.argv[1:]]))
