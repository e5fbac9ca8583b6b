"""``braggfill finetune``: weights adapted to one scan, for it and for the next ones of a series."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.options import Part, with_flags
from braggfill.commands.shell import Overwrite, ScanFile, adaptation_bar, console, say, warn
from braggfill.network.config import FinetuneOptions
from braggfill.scan.choice import MaskChoice


@with_flags
def finetune(
    scan: ScanFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="Weights file to write, .safetensors.")],
    choice: MaskChoice,
    options: Annotated[FinetuneOptions, Part(("start", "minutes", "seed", "device", "counts_per_unit", "negatives"))],
    overwrite: Overwrite = False,
) -> None:
    """Adapt the network to a scan and keep the weights, for 'fill --weights' and as the start of the next scan.

    Example: braggfill finetune S12.npz --mask mask.npz -o S12.safetensors
    """
    from braggfill.commands.opening import open_measured
    from braggfill.network.finetune import finetune as learn
    from braggfill.reports.sentences import lesson_in_words

    opened = open_measured(scan, choice, {".safetensors": output}, overwrite, [options.start])
    with adaptation_bar() as on_step:
        lesson = learn(opened.scan.intensity, opened.mask, out=output, options=options, name=opened.scan.name, on_step=on_step)
    warn(filter(None, [*opened.warnings, lesson.fell_back]))
    say(console, f"{lesson_in_words(lesson)}; written to {output}")
