"""The search with full coherence: HIO, RAAR and ER on the whole pattern, then the Poisson likelihood, from every start."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Complex64
from torch import Tensor

from braggfill.base.errors import VanishedError
from braggfill.base.progress import Progress
from braggfill.base.randomness import poisson_counts, seeded, start_generator
from braggfill.crystal.model.coherence import squared_modulus
from braggfill.crystal.model.misfit import mean_square
from braggfill.crystal.search.turns import SHRINK_EVERY, random_crystal
from braggfill.retrieval.grids import centred
from braggfill.retrieval.hidden_voxels import hidden_deviance, hide_voxels
from braggfill.retrieval.iterations import Iterate
from braggfill.retrieval.options import SCHEDULE, Schedule, SearchOptions, TreatmentName
from braggfill.retrieval.pattern import Pattern
from braggfill.retrieval.result import Found, Start
from braggfill.retrieval.shrink_wrap import FINEST_BLUR, WIDEST_BLUR, shrink_wrap
from braggfill.retrieval.treatments import Bounds, amplitude_bounds

SEARCH = ("hio", "raar")
"""Algorithms that look for the object, with shrink-wraps; ``bounded`` takes estimates as they are until they end."""


def coherent_starts(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Bool[Tensor, "frames rows columns"],
    options: SearchOptions,
    on_progress: Progress,
) -> tuple[list[Start], list[Found]]:
    """How all random starts ended, best first, and what the best of them found; what is not kept is let go at once."""
    ends: list[Start] = []
    best: list[Found] = []
    each = sum(count for _, count in options.schedule or SCHEDULE)
    for number in range(options.starts):

        def advance(n: int, before: int = number * each) -> None:
            on_progress(before + n, options.starts * each)

        try:
            found = run_start(pattern, treatment, support, options, number, advance)
        except VanishedError:
            advance(each)
            continue
        ends.append(found.start)
        best = sorted([*best, found], key=lambda f: f.start.hidden_deviance)[: options.kept]
    if not ends:
        raise VanishedError
    ends.sort(key=lambda start: start.hidden_deviance)
    return [replace(start, averaged=rank < options.kept) for rank, start in enumerate(ends)], best


def run_start(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Bool[Tensor, "frames rows columns"],
    options: SearchOptions,
    number: int,
    on_iteration: Callable[[int], None],
) -> Found:
    """Search for the object from one random start, within a support."""
    rng = start_generator(options.seed, number)
    hidden = hide_voxels(rng, pattern)
    crystal = random_crystal(rng, support, float(pattern.counts.sum(dtype=float)))
    iterate = Iterate(crystal, support, amplitude_bounds(pattern, treatment, hidden, 0, support.device))
    run_schedule(
        iterate,
        options.schedule or SCHEDULE,
        on_iteration,
        lambda: amplitude_bounds(pattern, treatment, hidden, device=support.device),
    )
    deviance = hidden_deviance(iterate.crystal, pattern, hidden)
    ours, noise = misfits(iterate.crystal, iterate.bounds, options.seed)
    share = float(iterate.support.float().mean())
    crystal, support = centred(iterate.crystal, iterate.support)
    start = Start(number, deviance, ours, noise, (0.0, 0.0, 0.0), share, finished=True)
    return Found(start, crystal.cpu().numpy(), support)


def run_schedule(
    iterate: Iterate,
    schedule: Schedule,
    on_iteration: Callable[[int], None],
    final_bounds: Callable[[], Bounds],
) -> None:
    """Make all iterations, with shrink-wraps while the object is searched for, and the final bounds after that."""
    steps = [name for name, count in schedule for _ in range(count)]
    updates = [n for n, name in enumerate(steps, 1) if name in SEARCH and n % SHRINK_EVERY == 0]
    blurs = dict(zip(updates, np.linspace(WIDEST_BLUR, FINEST_BLUR, len(updates) + 1)[1:], strict=True))
    searching = True
    for n, name in enumerate(steps, 1):
        if searching and name not in SEARCH:
            iterate.bounds, searching = final_bounds(), False
        iterate.step(name)
        if n in blurs:
            iterate.support = shrink_wrap(iterate.projected.abs(), iterate.support, blurs[n])
        on_iteration(n)


def misfits(crystal: Complex64[Tensor, "frames rows columns"], bounds: Bounds, seed: int) -> tuple[float, float]:
    """The misfit of an object where its amplitudes were fixed, and that of Poisson noise about what it scatters there."""
    expected = squared_modulus(torch.fft.fftn(crystal))
    fixed, alike = bounds.low == bounds.high, torch.ones_like(bounds.low)
    noisy = poisson_counts(expected, seeded(seed))
    ours, noise = (mean_square(expected, counts, alike, fixed) for counts in (bounds.low.square(), noisy))
    return ours, noise
