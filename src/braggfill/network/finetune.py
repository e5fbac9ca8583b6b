"""Weights adapted to one scan, for it and for the next ones of a series."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from braggfill.base.options import spelled_out
from braggfill.base.tasks import OnStep
from braggfill.network.adaptation import adapt
from braggfill.network.config import AdaptationConfig
from braggfill.network.lesson import Lesson, check_effort
from braggfill.network.weights import Learned, write_weights
from braggfill.scan.counts import taken_apart
from braggfill.scan.gapped import GappedScan


@dataclass(frozen=True)
class FinetuneOptions:
    """How to adapt the network to a scan."""

    start: str | Path | None = None
    """Weights to start from in place of the shipped ones, such as those of the scan before."""
    minutes: float = 2.0
    """Most minutes that it may take."""
    seed: int = 0
    """Seed of every random choice."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts, whose noise is known."""
    name: str = ""
    """Name of the scan, which the file remembers."""
    config: AdaptationConfig | None = None
    """How it learns from the scan in detail, else as shipped."""

    def __post_init__(self) -> None:
        check_effort(self.minutes, self.seed)


@spelled_out
def finetune(
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    out: str | os.PathLike[str],
    options: FinetuneOptions,
    on_step: OnStep = lambda step, steps, skill: None,
) -> Lesson:
    """Adapt the network to a scan and keep the weights, to fill this scan with or as the start of the next of a series.

    Parameters
    ----------
    intensity, mask : arrays (frames, rows, columns)
        As for ``fill_gaps``.
    out : path
        Weights file to write (safetensors). Where nothing surely better was learned it holds the weights of the start.
    options : FinetuneOptions
    on_step : callable
        Called with the steps made, their total, and the best held-out skill so far.

    Returns
    -------
    Lesson

    Raises
    ------
    InputError
        If an argument does not fit, or the file cannot be written.
    """
    measured, missing, scale = taken_apart(intensity, mask, options.counts_per_unit)
    scan = GappedScan.blanked(measured * np.float32(scale), missing)
    origin = Learned.read(options.start)
    learned, lesson = adapt(origin.on(options.device), scan, options.minutes, options.seed, on_step, options.config)
    entry = {"scan": options.name, "started_from": origin.sha256} | asdict(lesson)
    lessons = [*origin.description.get("lessons", []), entry]
    kept = {"lessons": lessons, "fringes": [asdict(fringes) for fringes in learned.fringes]}
    write_weights(Path(out), learned.model, origin.description | kept)
    return lesson
