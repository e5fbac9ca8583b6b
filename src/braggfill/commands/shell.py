"""What the commands share: the terminal, its progress bar, and options that mean the same everywhere."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from braggfill.scan.masks import MaskChoice

console = Console()
errors = Console(stderr=True)

Device = StrEnum("Device", ["auto", "cpu", "cuda"])
MethodName = StrEnum("MethodName", ["unet", "kriging", "ridge", "linear", "cubic", "nearest", "idw", "biharmonic"])

Convention = StrEnum("Convention", ["bad1", "good1"])
FormatName = StrEnum("FormatName", ["npz", "cxi", "cdiutils", "bcdi", "cohere"])

AdaptMinutes = Annotated[float, typer.Option(help="Most minutes that learning from the scan may take.")]
AdaptSeed = Annotated[int, typer.Option(min=0, help="Seed of every random choice in it.")]
CountsPerUnit = Annotated[float | None, typer.Option(help="Photons for one unit of scaled data.")]
DeviceChoice = Annotated[Device, typer.Option(help="Where the network runs.")]
DetectorName = Annotated[str | None, typer.Option(help="Add the gaps of a detector: maxipix, merlin, eiger2m, …")]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes on this machine; else one a core.")]
MaskConvention = Annotated[Convention, typer.Option(help="Whether 1 marks bad or good voxels in the mask that is read.")]
MaskFile = Annotated[str | None, typer.Option(help="Mask file, 2-D or 3-D, > 0 = not measured; else the scan's own.")]
OutputFormat = Annotated[FormatName | None, typer.Option("--format", help="Format of the result; else by its name.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Allow an existing result to be replaced.")]
Roi = Annotated[str | None, typer.Option(help="ROW,COLUMN of the scan's first pixel in the detector's frame.")]
ScanFile = Annotated[str, typer.Argument(help="Scan file: .npz, .npy, .h5/.cxi/.nxs (also file.h5:/path), .tif.")]
Scheduler = Annotated[str | None, typer.Option(help="Dask cluster to run on instead, such as tcp://node:8786.")]
Slurm = Annotated[int, typer.Option(min=0, help="Run on so many Slurm jobs, set up in Dask's jobqueue.yaml.")]
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
        task = progress.add_task("", total=None, visible=False)
        yield lambda step, steps, skill: progress.update(
            task, completed=step, total=steps, visible=True, description=f"adapting, held-out skill {skill:.3f}"
        )


def say(where: Console, sentence: str, style: str | None = None) -> None:
    """Print a sentence as it is: names of files are not taken for markup and not broken into lines."""
    where.print(sentence, style=style, highlight=False, markup=False, soft_wrap=True)


def given(context: typer.Context) -> dict[str, Any]:
    """The options that stand on the command line, by name, as a configuration file would have them."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    named = {n: v for n, v in context.params.items() if (source := sources[n]) and source.name == "COMMANDLINE"}
    plain = {n: v.value if isinstance(v, StrEnum) else str(v) if isinstance(v, Path) else v for n, v in named.items()}
    return plain | ({"roi": list(read_roi(plain["roi"]))} if "roi" in plain else {})


def mask_choice(mask: str | None, convention: Convention, detector: str | None, roi: str | None) -> "MaskChoice":
    """Where the options say that the mask comes from."""
    from braggfill.scan.masks import MaskChoice

    return MaskChoice(mask, convention.value, detector, read_roi(roi) if roi else None)  # type: ignore[arg-type]


def read_roi(text: str) -> tuple[int, ...]:
    """The numbers of a region of interest."""
    from braggfill.base.errors import InputError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"roi: got '{text}', expected whole numbers such as 120,84") from error


def command_line() -> str:
    """What the user typed, for the record."""
    return shlex.join(["braggfill", *sys.argv[1:]])
