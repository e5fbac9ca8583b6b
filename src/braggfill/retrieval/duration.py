"""How long phase retrieval takes here: from a few steps of its search on the pattern itself, timed."""

from collections.abc import Callable
from math import ceil
from time import perf_counter

import numpy as np
import torch

from braggfill.base.devices import find_device, wait_for
from braggfill.base.fallback import on_card_or_processor
from braggfill.base.options import Device
from braggfill.base.progress import Clock
from braggfill.base.threads import at_a_time
from braggfill.crystal.model.autocorrelation import first_support
from braggfill.crystal.rates import MAY_BE, TRIED_ITERATIONS, SearchRates, Work, climbing, each, lift, refinement, turns
from braggfill.crystal.search.turns import FIRST_TURNS, LATER_TURNS
from braggfill.retrieval.carried import FITS, LAST, LIFTS
from braggfill.retrieval.iterations import Iterate
from braggfill.retrieval.options import SCHEDULE, Schedule, SearchOptions, TreatmentName
from braggfill.retrieval.partial import searched_of
from braggfill.retrieval.pattern import Pattern, clear_box
from braggfill.retrieval.treatments import amplitude_bounds, check_treatment
from braggfill.retrieval.view import level_shares, view_of


def search_seconds(pattern: Pattern, treatment: TreatmentName, options: SearchOptions, clock: Clock = perf_counter) -> float:
    """Of phase retrieval with one treatment of the gaps."""
    check_treatment(treatment, pattern)
    pattern = clear_box(pattern) if treatment == "crop" else pattern

    def seconds(asked: Device) -> float:
        device = find_device(asked)
        if options.coherence == "full":
            return options.starts * schedule_seconds(pattern, treatment, options.schedule or SCHEDULE, device, clock)
        view = view_of(pattern, treatment, options.seed, 0, device)
        levels = [view.level(share) for share in level_shares(pattern, treatment)]
        return partial_seconds(SearchRates.on(levels, clock), options, at_a_time(device))

    return on_card_or_processor(seconds, options.device)[0]


def partial_seconds(known: SearchRates, options: SearchOptions, threads: int) -> float:
    """Of phase retrieval with partial coherence, as many starts side by side as there are threads."""
    rates = known.levels
    fitted = Work(0, sum(way.evaluations for way in FITS))
    between, last = climbing(len(rates))
    lifts = sum(MAY_BE**number for number in range(1, LIFTS + 1))  # each only where the one before has not sufficed
    last += fitted + (lift() + fitted) * lifts + Work(0, LAST.evaluations)
    coarse = known.begun.seconds(turns(FIRST_TURNS)) + rates[0].seconds(refinement() * known.decimated)
    further = rates[0].seconds(turns(LATER_TURNS) * MAY_BE)
    climb = known.climb_seconds(between, last)
    to_the_end = fitted + Work(0, LAST.evaluations)
    others = (refinement() + to_the_end) * ceil((options.kept - 1) / threads)
    full = rates[-1].seconds(refinement()) + MAY_BE * rates[-1].seconds(to_the_end + others)
    searched = ceil(options.starts / threads) * coarse + ceil(searched_of(options) / threads) * further
    return searched + ceil(options.kept / threads) * climb + full


def schedule_seconds(
    pattern: Pattern, treatment: TreatmentName, schedule: Schedule, device: torch.device, clock: Clock
) -> float:
    """Of one start with full coherence."""
    support = first_support(torch.from_numpy(pattern.counts).to(device))
    bounds = amplitude_bounds(pattern, treatment, np.zeros_like(pattern.missing), device=device)
    iterate = Iterate(support.to(torch.complex64), support, bounds)

    def steps(name: str) -> Callable[[int], None]:
        def make(number: int) -> None:
            for _ in range(number):
                iterate.step(name)
            wait_for(device)

        return make

    rates = {name: each(steps(name), TRIED_ITERATIONS, clock) for name in dict(schedule)}
    return sum(count * rates[name] for name, count in schedule)
