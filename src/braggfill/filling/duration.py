"""How long a fill by the crystal takes here: from a few steps of its search on the scan itself, timed."""

from itertools import chain
from math import ceil
from time import perf_counter

import numpy as np
from jaxtyping import Shaped

from braggfill.base.devices import find_device
from braggfill.base.fallback import on_card_or_processor, out_of_memory
from braggfill.base.options import Device
from braggfill.base.progress import Clock
from braggfill.base.threads import at_a_time
from braggfill.crystal.contest import FURTHER_TURN, LAST_TURNS, promising_of, starts_made
from braggfill.crystal.model.levels import CountsWithPrior, shares_of, tapered_level
from braggfill.crystal.rates import MAY_BE, SearchRates, Work, climbing, mean, refinement, turns
from braggfill.crystal.retrieved import GIVEN_BACK, counts_with_prior
from braggfill.crystal.search.annealing import ALL_EVALUATIONS
from braggfill.crystal.search.generations import FAMILIES
from braggfill.crystal.search.polish import BRIEF, FIRST, FIT, THOROUGH
from braggfill.crystal.search.support_cut import CUTS, beside
from braggfill.crystal.search.turns import FIRST_TURNS
from braggfill.filling.bright_part import bright_part
from braggfill.filling.by_crystal import EFFORTS, SMALLEST_AXIS
from braggfill.filling.options import Effort, FillOptions
from braggfill.scan.counts import taken_apart


def seconds_by_crystal(
    intensity: Shaped[np.ndarray, "frames rows columns"],
    mask: Shaped[np.ndarray, "..."] | None,
    options: FillOptions,
    clock: Clock = perf_counter,
) -> float:
    """Of phase retrieval in ``fill_gaps``, from a trial on the scan.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 = not measured.
    options : FillOptions
    clock : callable, optional
        Returns seconds from whenever.

    Returns
    -------
    float
        Seconds on the wall; 0 where the scan is too short, or memory does not suffice, so that the network fills it alone.

    Raises
    ------
    InputError
        If the input does not describe a scan.
    """
    measured, missing, unit = taken_apart(intensity, mask, options.counts_per_unit, options.negatives)
    if min(missing.shape) < SMALLEST_AXIS:
        return 0.0
    counts = np.maximum(measured * np.float32(unit), 0)
    part = bright_part(counts, missing, EFFORTS[options.effort].largest_part)
    nothing = np.full(missing[part].shape, np.nan, np.float32)
    scan = counts_with_prior(counts[part], missing[part], nothing, nothing)
    try:
        seconds, _ = on_card_or_processor(lambda device: seconds_on(scan, device, options.effort, clock), options.device)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return 0.0
    return seconds


def seconds_on(scan: CountsWithPrior, asked: Device, effort: Effort, clock: Clock) -> float:
    """Of phase retrieval of a scan, from steps of the search that are timed on its levels."""
    device = find_device(asked)
    known = SearchRates.on([tapered_level(scan, share, device) for share in shares_of(scan)], clock)
    return contest_seconds(known, effort, at_a_time(device))


def contest_seconds(known: SearchRates, effort: Effort, threads: int) -> float:
    """Of the fill by the crystal: starts and climbs, as many side by side as there are threads."""
    asked = EFFORTS[effort].crystal
    climbs, thorough, generations = asked.climbs, asked.thorough, asked.generations
    rates, made = known.levels, starts_made(asked.starts, known.decimated)
    promising = promising_of(climbs, thorough, made)
    between, last = climbing(len(rates), thorough, len(beside(CUTS[1])) + thorough)
    surer, *others = THOROUGH if thorough else BRIEF
    sure, other = (sum((FIT | change)["evaluations"] for change in changes) for changes in (surer, chain(*others)))
    last += Work(0, FIRST.evaluations + sure * (1 + MAY_BE) / 2 + MAY_BE * (other + thorough * ALL_EVALUATIONS) + GIVEN_BACK)
    last += (mean() + Work(0, FIRST.evaluations + sure)) * (MAY_BE if generations else 0)
    supports = refinement() * (2 + MAY_BE * (len(CUTS) - 2))
    further = rates[0].seconds(supports + turns(FURTHER_TURN) * MAY_BE)
    climb = rates[0].seconds(turns(LAST_TURNS) * MAY_BE) + known.climb_seconds(between, last)
    first = known.begun.seconds(turns(FIRST_TURNS))
    means = (known.begun.seconds(mean()) + rates[0].seconds(mean())) * min(1 + MAY_BE, generations)
    first, means = first * ceil(made / threads), means * ceil(len(FAMILIES) / threads)
    return first + means + further * ceil(promising / threads) + climb * ceil(climbs / threads)
