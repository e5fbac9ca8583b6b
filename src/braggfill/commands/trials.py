"""Trials: how long a verb will work on a scan, from rates that a few steps on the scan itself have told."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from braggfill.commands.forecast import Clock
from braggfill.commands.rates import MAY_BE, TRIED_ITERATIONS, SearchRates, Work, climbing, each, lift, mean, refinement, turns

if TYPE_CHECKING:
    import torch

    from braggfill.base.options import Device
    from braggfill.commands.opening import Opened
    from braggfill.filling.options import Effort, FillOptions
    from braggfill.judging.options import EvaluationOptions
    from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions, Schedule, SearchOptions, TreatmentName
    from braggfill.retrieval.pattern import Pattern

SECONDS_A_VOXEL = 3e-6
"""Of a core, by kriging, the regression or the network: measured 1.2 to 2.7 µs on 96³ voxels (``fill_gaps`` by each)."""


def seconds_of_crystal(known: SearchRates, effort: "Effort", threads: int) -> float:
    """Of the fill by the crystal: starts and climbs, as many side by side as there are threads."""
    from braggfill.crystal.contest import FURTHER_TURN, LAST_TURNS, promising_of, starts_made
    from braggfill.crystal.generations import FAMILIES
    from braggfill.crystal.polish import BRIEF, FIRST, FIT, THOROUGH
    from braggfill.crystal.retrieved import GIVEN_BACK
    from braggfill.crystal.search import FIRST_TURNS
    from braggfill.crystal.support import SHARES, beside
    from braggfill.filling.by_crystal import EFFORTS, GENERATIONS

    (starts, climbs), generations, thorough = EFFORTS[effort], GENERATIONS[effort], effort != "low"
    rates, made = known.levels, starts_made(starts, known.decimated)
    promising = promising_of(climbs, thorough, made)
    between, last = climbing(len(rates), thorough, len(beside(SHARES[1])) + thorough)
    surer, *others = THOROUGH if thorough else BRIEF
    sure, other = (sum((FIT | change)["evaluations"] for change in ways) for ways in (surer, chain(*others)))
    last += Work(0, FIRST.evaluations + sure * (1 + MAY_BE) / 2 + MAY_BE * other + GIVEN_BACK)
    supports = refinement() * (2 + MAY_BE * (len(SHARES) - 2))
    further = rates[0].seconds(supports + turns(FURTHER_TURN) * MAY_BE)
    climb = (
        rates[0].seconds(turns(LAST_TURNS) * MAY_BE) + sum(r.seconds(between) for r in rates[1:-1]) + rates[-1].seconds(last)
    )
    first = known.begun.seconds(turns(FIRST_TURNS))
    means = (known.begun.seconds(mean()) + rates[0].seconds(mean())) * min(1 + MAY_BE, generations)
    first, means = first * ceil(made / threads), means * ceil(len(FAMILIES) / threads)
    return first + means + further * ceil(promising / threads) + climb * ceil(climbs / threads)


def seconds_of_partial(known: SearchRates, starts: int, keep: int, threads: int) -> float:
    """Of phase retrieval with partial coherence, as many starts side by side as there are threads."""
    from braggfill.crystal.search import FIRST_TURNS, LATER_TURNS
    from braggfill.retrieval.partial import LAST, LIFTS, SPARE, STEPS

    rates = known.levels
    fitted = Work(0, sum(way.evaluations for way in STEPS))
    between, last = climbing(len(rates))
    lifts = sum(MAY_BE**number for number in range(1, LIFTS + 1))  # each only where the one before has not sufficed
    last += fitted + (lift() + fitted) * lifts + Work(0, LAST.evaluations)
    coarse = known.begun.seconds(turns(FIRST_TURNS)) + rates[0].seconds(refinement() * known.decimated)
    further = rates[0].seconds(turns(LATER_TURNS) * MAY_BE)
    climb = sum(r.seconds(between) for r in rates[1:-1]) + rates[-1].seconds(last)
    to_the_end = fitted + Work(0, LAST.evaluations)
    others = (refinement() + to_the_end) * ceil((keep - 1) / threads)
    full = rates[-1].seconds(refinement()) + MAY_BE * rates[-1].seconds(to_the_end + others)
    searched = ceil(starts / threads) * coarse + ceil(min(keep + SPARE, starts) / threads) * further
    return searched + ceil(keep / threads) * climb + full


def fill_seconds(scan: "Opened", options: "FillOptions", clock: Clock = perf_counter) -> float:
    """Of a fill; by the crystal, from a trial on the scan."""
    from braggfill.scan.counts import taken_apart

    measured, missing, unit = taken_apart(scan.scan.intensity, scan.mask, options.counts_per_unit, options.negatives)
    network = SECONDS_A_VOXEL * missing.size
    if options.method_for(missing.size) != "retrieval":
        return network

    from braggfill.base.devices import find_device
    from braggfill.base.fallback import on_card_or_processor, out_of_memory
    from braggfill.base.threads import at_a_time, side_by_side
    from braggfill.crystal.levels import shares_of, tapered_level
    from braggfill.crystal.retrieved import gapped_counts
    from braggfill.filling.bright_part import bright_part
    from braggfill.filling.by_crystal import LARGEST_PART, SMALLEST_AXIS

    if min(missing.shape) < SMALLEST_AXIS:
        return network
    counts = np.maximum(measured * np.float32(unit), 0)
    part = bright_part(counts, missing, LARGEST_PART[options.effort])
    nothing = np.full(missing[part].shape, np.nan, np.float32)
    counted = gapped_counts(counts[part], missing[part], nothing, nothing)
    place = find_device(options.device)

    def rates(device: "Device") -> SearchRates:
        levels = [tapered_level(counted, share, find_device(device)) for share in shares_of(counted)]
        return side_by_side([lambda: SearchRates.on(levels, clock)], device=place)[0]

    try:
        known, _ = on_card_or_processor(rates, options.device)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return network
    return 2 * network + seconds_of_crystal(known, options.effort, at_a_time(place))


def evaluation_seconds(scan: "Opened", options: "EvaluationOptions", clock: Clock = perf_counter) -> float:
    """Of a judgement: the fill to judge, and those that it is compared with side by side."""
    import torch

    first, *others = (fill_seconds(scan, asked, clock) for asked in options.asked)
    return first + sum(others) / torch.get_num_threads()


def retrieval_seconds(scan: "Opened", options: "RetrievalOptions", clock: Clock = perf_counter) -> float:
    """Of phase retrieval, from a trial on the scan."""
    from braggfill.retrieval.treatments import usual_treatment

    pattern = _pattern(scan, options)
    return _search_seconds(pattern, options.treatment or usual_treatment(pattern), options, clock)


def comparison_seconds(scan: "Opened", options: "ComparisonOptions", clock: Clock = perf_counter) -> float:
    """Of a comparison: as many searches as treatments, and a fill of what is not filled."""
    from braggfill.filling.options import FillOptions
    from braggfill.judging.comparison import allowed_treatments
    from braggfill.retrieval.treatments import usual_treatment

    pattern = _pattern(scan, options)
    filled = pattern if scan.scan.filled is not None else replace(pattern, filled=pattern.missing, std=pattern.counts + 1)
    number = len(options.treatments or allowed_treatments(filled))
    asked = FillOptions(device=options.device, counts_per_unit=options.counts_per_unit, negatives=options.negatives)
    fill = fill_seconds(scan, asked, clock) if scan.scan.filled is None else 0.0
    return fill + number * _search_seconds(pattern, usual_treatment(pattern), options, clock)


def _pattern(scan: "Opened", options: "SearchOptions") -> "Pattern":
    from braggfill.retrieval.pattern import prepare_pattern

    taken = scan.scan
    return prepare_pattern(taken.intensity, scan.mask, taken.filled, taken.std, options.counts_per_unit, options.negatives)


def _search_seconds(pattern: "Pattern", treatment: "TreatmentName", options: "SearchOptions", clock: Clock) -> float:
    """Of phase retrieval with one treatment of the gaps."""
    from braggfill.base.devices import find_device
    from braggfill.base.fallback import on_card_or_processor
    from braggfill.base.threads import at_a_time, side_by_side
    from braggfill.retrieval.options import SCHEDULE
    from braggfill.retrieval.pattern import clear_box
    from braggfill.retrieval.treatments import check_treatment
    from braggfill.retrieval.view import level_shares, view_of

    check_treatment(treatment, pattern)
    pattern = clear_box(pattern) if treatment == "crop" else pattern

    def seconds(device: "Device") -> float:
        place = find_device(device)
        if options.coherence == "full":
            return options.starts * _schedule_seconds(pattern, treatment, options.schedule or SCHEDULE, place, clock)
        view = view_of(pattern, treatment, options.seed, 0, place)
        levels = [view.level(share) for share in level_shares(pattern, treatment)]
        (rates,) = side_by_side([lambda: SearchRates.on(levels, clock)], device=place)
        return seconds_of_partial(rates, options.starts, options.kept, at_a_time(place))

    return on_card_or_processor(seconds, options.device)[0]


def _schedule_seconds(
    pattern: "Pattern", treatment: "TreatmentName", schedule: "Schedule", place: "torch.device", clock: Clock
) -> float:
    """Of one start with full coherence."""
    import torch

    from braggfill.base.devices import wait_for
    from braggfill.crystal.starts import first_support
    from braggfill.retrieval.iterations import Iterate
    from braggfill.retrieval.treatments import amplitude_bounds

    support = first_support(torch.from_numpy(pattern.counts).to(place))[0]
    bounds = amplitude_bounds(pattern, treatment, np.zeros_like(pattern.missing), device=place)
    iterate = Iterate(support.to(torch.complex64), support, bounds)

    def steps(name: str) -> Callable[[int], None]:
        def make(number: int) -> None:
            for _ in range(number):
                iterate.step(name)
            wait_for(place)

        return make

    rates = {name: each(steps(name), TRIED_ITERATIONS, clock) for name in dict(schedule)}
    return sum(count * rates[name] for name, count in schedule)
