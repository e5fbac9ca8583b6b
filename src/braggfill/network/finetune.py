"""Weights adapted to one scan, for it and for the next ones of a series."""

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from braggfill.base.tasks import OnStep
from braggfill.network.adaptation import adapt
from braggfill.network.lesson import Lesson
from braggfill.network.weights import Learned, write_weights
from braggfill.scan.counts import taken_apart
from braggfill.scan.gapped import GappedScan


def finetune(  # noqa: PLR0913 - one argument an option
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    out: str | os.PathLike[str],
    start: str | Path | None = None,
    minutes: float = 2.0,
    seed: int = 0,
    device: str = "auto",
    counts_per_unit: float | None = None,
    name: str = "",
    on_step: OnStep = lambda step, steps, skill: None,
) -> Lesson:
    """Adapt the network to a scan and keep the weights, to fill this scan with or as the start of the next of a series.

    Parameters
    ----------
    intensity, mask, device, counts_per_unit
        As for ``fill_gaps``.
    out : path
        Weights file to write (safetensors). Where nothing surely better was learned it holds the weights of the start.
    start : path, optional
        Weights to start from in place of the shipped ones, such as those of the scan before.
    minutes : float
        Time for it.
    seed : int
        Of every random choice.
    name : str
        Name of the scan, which the file remembers.
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
    measured, missing, scale = taken_apart(intensity, mask, counts_per_unit)
    scan = GappedScan.blanked(measured * np.float32(scale), missing)
    origin = Learned.read(start)
    learned, lesson = adapt(origin.on(device), scan, minutes, seed, on_step)
    lessons = [*origin.description.get("lessons", []), {"scan": name, "started_from": origin.sha256} | asdict(lesson)]
    kept = {"lessons": lessons, "fringes": [asdict(fringes) for fringes in learned.fringes]}
    write_weights(Path(out), learned.model, origin.description | kept)
    return lesson
