"""The learned fill: weights from a file, adapted to the scan if that is asked for, and the network slid along the gaps."""

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from braggfill.adaptation import Lesson, OnStep, adapt
from braggfill.checkpoint import SHIPPED_WEIGHTS, read_weights, sha256, write_weights
from braggfill.counts import taken_apart
from braggfill.fill import Estimate, Estimator, FillOptions, Progress
from braggfill.gapped import GappedScan
from braggfill.gaps import find_slabs
from braggfill.kriging import SHIPPED, FringeModel, smoothed
from braggfill.model import GapNet, find_device
from braggfill.patches import GuessedScan
from braggfill.unet import network_predictor, slide


def by_network(scan: GappedScan, options: FillOptions, on_progress: Progress) -> Estimate:
    """Fill by the network of the weights file; parameters as for ``Method.estimate``."""
    model, description = read_weights(options.weights or SHIPPED_WEIGHTS)
    return slid(model, fringe_models(description), scan, options, on_progress)


def adapted(scan: GappedScan, options: FillOptions, on_step: OnStep) -> tuple[Estimator, Lesson]:
    """Adapt the network of the weights file to a scan; what fills by it, and what it learned."""
    model, description = read_weights(options.weights or SHIPPED_WEIGHTS)
    start, model = fringe_models(description), model.to(find_device(options.device))
    found = adapt(model, scan.counts, scan.mask, scan.slabs, options.adapt_minutes, options.seed, start, on_step)
    return partial(slid, found.model, found.fringes), found.lesson


def fringe_models(description: dict) -> tuple[FringeModel, ...]:
    """The constants of kriging that weights were adapted with."""
    return tuple(FringeModel(**constants) for constants in description.get("fringes", [{}]))


def slid(
    model: GapNet, fringes: tuple[FringeModel, ...], scan: GappedScan, options: FillOptions, on_progress: Progress
) -> Estimate:
    """Slide a network along the gaps; it starts from kriging, by each set of constants, and the fills are averaged."""
    device = find_device(options.device)
    predictor = network_predictor(model, device, options.precision, options.tta)
    fills = []
    for one in fringes:
        guess = scan.guess if one == SHIPPED else smoothed(scan.counts, scan.mask, scan.slabs, device, one)
        guessed = GuessedScan(scan.counts, scan.mask, guess)
        fills.append(slide(guessed, scan.slabs, predictor, options.skip, on_progress))
    mean, square = np.mean(fills, axis=0)
    return mean, np.sqrt(np.maximum(square - mean**2, 0)), sha256(options.weights or SHIPPED_WEIGHTS)


def finetune(  # noqa: PLR0913 - one argument an option
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    out: str | os.PathLike[str],
    start: str | os.PathLike[str] | None = None,
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
    origin = Path(start) if start else SHIPPED_WEIGHTS
    model, description = read_weights(origin)
    model, counts, slabs = model.to(find_device(device)), measured * np.float32(scale), find_slabs(missing)
    found = adapt(model, counts, missing, slabs, minutes, seed, fringe_models(description), on_step)
    lessons = [*description.get("lessons", []), {"scan": name, "started_from": sha256(origin)} | asdict(found.lesson)]
    write_weights(
        Path(out), found.model, description | {"lessons": lessons, "fringes": [asdict(fringes) for fringes in found.fringes]}
    )
    return found.lesson
