"""Weights adapted to one scan, for it and for the next ones of a series."""

from dataclasses import asdict, replace

import numpy as np

from braggfill.base.fallback import on_card_or_processor
from braggfill.base.options import Device, spelled_out
from braggfill.base.paths import PathLike, as_path
from braggfill.base.progress import OnStep
from braggfill.network.adaptation import adapt
from braggfill.network.config import FinetuneOptions
from braggfill.network.lesson import Lesson
from braggfill.network.weights import Learned, write_weights
from braggfill.scan.counts import taken_apart
from braggfill.scan.gapped import GappedScan


@spelled_out
def finetune(
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    out: PathLike,
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
    path = as_path(out, "out")
    measured, missing, scale = taken_apart(intensity, mask, options.counts_per_unit, options.negatives)
    scan = GappedScan.blanked(measured * np.float32(scale), missing)
    origin = Learned.read(options.start)

    def work(device: Device) -> tuple[Learned, Lesson]:
        start = Learned.read(options.start).on(device)  # read anew, for the weights are changed in place
        return adapt(start, scan, options.minutes, options.seed, on_step, options.config)

    (learned, lesson), fell_back = on_card_or_processor(work, options.device)
    lesson = replace(lesson, fell_back=fell_back)
    entry = {"scan": options.name, "started_from": origin.sha256} | asdict(lesson)
    lessons = [*origin.description.get("lessons", []), entry]
    kept = {"lessons": lessons, "fringes": [asdict(fringes) for fringes in learned.fringes]}
    write_weights(path, learned.model, origin.description | kept)
    return lesson
