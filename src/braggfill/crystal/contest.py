"""The contest of starts: many are searched for a while, the promising ones further, the best are carried to the whole pattern.

They begin on every other line of the coarse level where it is sampled finely, and go on on all of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, count

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.metrics import expected_deviance
from braggfill.base.progress import Steps, Tick, name_phase
from braggfill.base.randomness import start_generator
from braggfill.base.threads import side_by_side
from braggfill.base.vanishing import lasting, some
from braggfill.crystal.mixture import Values
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, Level, shares_of
from braggfill.crystal.model.misfit import misfit
from braggfill.crystal.model.outliers import aliens
from braggfill.crystal.record import CrystalOptions
from braggfill.crystal.search.climb import UNSURE, climb
from braggfill.crystal.search.decimation import Axes, decimated, on_every_line
from braggfill.crystal.search.generations import One, Started, common, guided
from braggfill.crystal.search.polish import FIRST, MISSED, UNMET, Begun, Polisher, first_fit, polished
from braggfill.crystal.search.support_cut import hidden_levels, in_best_support
from braggfill.crystal.search.turns import FIRST_TURNS, REFINED_CUT, TURNS, Fitting, State, random_start, search
from braggfill.crystal.search.ways import Way
from braggfill.crystal.search.wraps import WRAPS, Wrap, in_wraps
from braggfill.crystal.whole import Ended, WholeScan

MORE_STARTS = 1.5
"""So many times the starts where the first turns are taken on a decimated level, where they take half the time or less."""
PROMISING = 2
"""Starts taken through a further turn for every one that is carried up, where it need not be quick."""
FURTHER_TURN, LAST_TURNS = slice(2, 3), slice(3, None)
"""Of the coarse search: of promising starts, and of those that are carried up."""
START_STEPS, FURTHER_STEPS, FIT_STEPS = len(TURNS[FIRST_TURNS]), 1 + len(TURNS[FURTHER_TURN]), 10
CLIMB_STEPS, MEAN_STEPS = len(TURNS[LAST_TURNS]) + 8, 20
"""Most steps that progress counts in a start, in a further turn, in the fits after a climb, in it, and in means of the ends."""
WORTH, LEAST_EXCESS = 1.5, 0.02
"""Those climbs are fitted further that leave at most so many times the best one's excess deviance of the hidden counts, or this
much, which is none; where it has to be quick the best alone."""


@dataclass(frozen=True)
class Hidden:
    """Counts that were measured and kept from the search."""

    where: NDArray[np.bool_]
    """(frames, rows, columns)."""
    counts: Values
    """(voxels,)."""
    levels: list[Level]
    """All but the last of the scan, with these counts alone."""
    expected_deviance: float
    """Mean deviance that they would have if what is known of them without the crystal were right."""

    @classmethod
    def of(cls, scan: CountsWithPrior, where: NDArray[np.bool_], counts: Values, device: str) -> "Hidden":
        """Voxels of a scan that hides them, and their counts (voxels,)."""
        expected = scan.prior_mean[where]
        deviance = expected_deviance(np.where(np.isfinite(expected), expected, counts))
        return cls(where, counts, hidden_levels(scan, where, counts, shares_of(scan)[:-1], device), deviance)


@dataclass(frozen=True)
class Promising:
    """A start on the whole of the coarse level."""

    number: int
    state: State
    fitting: Fitting
    """With the cut that hidden counts want of its support."""
    promise: float
    """Less is better: misfit of the hidden counts, or of all where none are hidden on that level, handicapped."""
    wrap: Wrap


@dataclass(frozen=True)
class Contest:
    """The search for one scan's crystal: starts and climbs side by side, and what they report to."""

    levels: list[Level]
    axes: Axes
    """Along which every start begins with every other line of the first level."""
    whole: WholeScan
    hidden: Hidden
    options: CrystalOptions
    steps: Steps

    @cached_property
    def thin(self) -> Level:
        """The lines of the first level that starts begin with."""
        return decimated(self.levels[0], self.axes)

    def started(self) -> list[Started]:
        """Random starts after the first turns: first some in all wraps, then the others in that of the best of them."""
        starts = starts_made(self.options.starts, any(self.axes))
        name_phase(self.steps.on_progress, f"{starts} random starts")
        return in_wraps(WRAPS, starts, self._started)

    def _started(self, numbered: list[tuple[int, Wrap]]) -> list[Started]:
        def start(number: int, wrap: Wrap) -> Started:
            begin = random_start(self.thin, start_generator(self.options.seed, number))
            with self.steps.piece(START_STEPS) as tick:
                state = search(self.thin, begin, TURNS, self.options.roughness.searching(wrap), tick, FIRST_TURNS)
            return Started(number, wrap, state)

        return side_by_side([partial(start, *one) for one in numbered], self.steps.stop, self.options.device)

    def won_by(self, started: list[Started]) -> list[Ended]:
        """What becomes of the best of some starts, and of means of them, on the whole pattern."""
        return self.ended(self.guided_further(self.taken_on(self.guided(started), len(started))))

    def guided(self, started: list[Started]) -> list[Started]:
        """The starts and, after them, what was made of the means of the best."""

        def mean(number: int, family: list[Started]) -> Started:
            wrap = family[0].wrap
            return Started(
                number, wrap, common(self.thin, [one.state for one in family], self.options.roughness.searching(wrap))
            )

        return self._generations(started, len(started), mean)

    def taken_on(self, started: list[Started], starts: int) -> list[Promising]:
        """The best of the first ``starts`` and of the means after them through a further turn on all of the first level."""

        def further(one: Started) -> Promising:
            with self.steps.piece(FURTHER_STEPS) as tick:
                return self._further(one, tick)

        most = promising_of(self.options.climbs, self.options.thorough, starts)
        chosen = best_of_both(started[:starts], started[starts:], most)
        name_phase(self.steps.on_progress, f"the best {len(chosen)} searched further")
        return some(lasting([partial(further, one) for one in chosen], self.steps.stop, self.options.device))

    def guided_further(self, promising: list[Promising]) -> list[Promising]:
        """Those on all of the first level and, after them, what was made of the means of the best, as hidden counts say."""

        def mean(number: int, family: list[Promising]) -> Promising:
            best = family[0]
            state = common(self.levels[0], [one.state for one in family], best.fitting)
            return self._judged(number, best.wrap, state, best.fitting)

        return self._generations(promising, 1 + max(one.number for one in promising), mean)

    def _generations(self, found: list[One], first: int, mean: Callable[[int, list[One]], One]) -> list[One]:
        """What was found and generations of means, numbered from the ``first`` on."""
        numbers, most = count(first), self.options.generations
        if most:
            name_phase(self.steps.on_progress, "means of the best")
        with self.steps.piece(most) as tick:

            def generation(families: list[list[One]]) -> list[One]:
                work = [partial(mean, next(numbers), family) for family in families]
                made = lasting(work, self.steps.stop, self.options.device)
                tick()
                return made

            return guided(found, most, generation)

    def ended(self, promising: list[Promising]) -> list[Ended]:
        """What becomes of the best of them on the whole pattern, the ends that tell the hidden counts best first."""
        chosen = sorted(promising, key=lambda one: one.promise)[: self.options.climbs]
        name_phase(self.steps.on_progress, f"the best {len(chosen)} carried to the whole pattern")
        device = self.options.device
        climbs = some(lasting([partial(self._climb, one) for one in chosen], self.steps.stop, device))
        least = min(climb.excess for _, climb in climbs)
        most = max(WORTH * least, LEAST_EXCESS) if self.options.thorough else least
        name_phase(self.steps.on_progress, "last fits, judged by hidden counts")
        last = [partial(self._end, number, climb, climb.excess <= most) for number, climb in climbs]
        ends = list(chain.from_iterable(side_by_side(last, self.steps.stop, device)))
        means = self._means_of_ends(ends, 1 + max(one.number for one in promising))
        return sorted([*ends, *means], key=lambda end: end.polished.hidden_deviance)

    def _means_of_ends(self, ends: list[Ended], first: int) -> list[Ended]:
        """What the best ends of all starts have in common, fitted as they were, where hidden counts are nearly, not quite met.

        Where more is missed, ends are wrong in so many places that what they have in common is no better.
        """
        if not self.options.generations:
            return []
        best = best_of_each(ends)
        noise = self.hidden.expected_deviance
        excess = best[0].polished.hidden_deviance - noise
        with self.steps.piece(MEAN_STEPS) as tick:
            if len(best) < 2 or not UNMET * noise <= excess < MISSED * noise:
                return []
            name_phase(self.steps.on_progress, "means of what was found")
            cuts = sorted({REFINED_CUT, best[0].polished.way.cut})
            work = [partial(self._mean_of_ends, number, best, cut, tick) for number, cut in enumerate(cuts, first)]
            return list(chain.from_iterable(lasting(work, self.steps.stop, self.options.device)))

    def _mean_of_ends(self, number: int, best: list[Ended], cut: float, tick: Tick) -> list[Ended]:
        mu = best[0].polished.way.mu
        state = common(self.whole.level, [end.polished.state for end in best], Fitting(UNSURE, mu, cut))
        tick()
        begun = first_fit_of(self.whole, self.hidden, state, replace(FIRST, cut=cut, mu=mu))
        return [self.whole.ended(number, one) for one in polished(begun, tick=tick)]

    def _further(self, one: Started, tick: Tick) -> Promising:
        level, hidden = self.levels[0], self.hidden.levels[0]
        state = on_every_line(one.state, level, self.axes)
        state, fitting = in_best_support(level, hidden, state, self.options.roughness.searching(one.wrap))
        tick()
        return self._judged(one.number, one.wrap, search(level, state, TURNS, fitting, tick, FURTHER_TURN), fitting)

    def _judged(self, number: int, wrap: Wrap, state: State, fitting: Fitting) -> Promising:
        level, hidden = self.levels[0], self.hidden.levels[0]
        judge = hidden if hidden.measured.any() else level
        expected = expected_counts(state.crystal, state.instrument, level)
        return Promising(number, state, fitting, wrap.handicap * misfit(judge, expected, fitting.kappa), wrap)

    def _climb(self, promising: Promising) -> tuple[int, Begun]:
        with self.steps.piece(CLIMB_STEPS) as tick:
            return promising.number, carried_up(self.levels, self.whole, promising, self.options, self.hidden, tick)

    def _end(self, number: int, begun: Begun, further: bool) -> list[Ended]:
        with self.steps.piece(FIT_STEPS) as tick:
            made = polished(begun, self.options.thorough, tick) if further else begun.made
        return [self.whole.ended(number, one) for one in made]


def starts_made(asked: int, decimated: bool) -> int:
    """Random starts of a contest that was asked for some, by whether they are made on a decimated level."""
    return round(asked * (MORE_STARTS if decimated else 1))


def promising_of(climbs: int, thorough: bool, starts: int) -> int:
    """How many of some starts are searched further."""
    return min(climbs * (PROMISING if thorough else 1), starts)


def best_of_both(starts: list[Started], means: list[Started], most: int) -> list[Started]:
    """The best means and, for they are much alike, as many of the best starts."""
    starts, means = (sorted(some, key=lambda one: one.promise) for some in (starts, means))
    of_means = min(len(means), most // 2)
    return means[:of_means] + starts[: most - of_means]


def steps_of(options: CrystalOptions, decimated: bool) -> int:
    """Most steps that progress counts in a contest."""
    starts = starts_made(options.starts, decimated)
    further = promising_of(options.climbs, options.thorough, starts) * FURTHER_STEPS
    means = 2 * options.generations + (MEAN_STEPS if options.generations else 0)
    return starts * START_STEPS + further + means + options.climbs * (CLIMB_STEPS + FIT_STEPS)


def without_aliens(level: Level, state: State) -> Level:
    """The level less what a state on it cannot have scattered."""
    expected = expected_counts(state.crystal, state.instrument, level)
    found = aliens(*(v.cpu().numpy() for v in (expected, level.target, level.measured)))
    return level.without(torch.from_numpy(found).to(expected.device)) if found.any() else level


def carried_up(
    levels: list[Level], whole: WholeScan, promising: Promising, options: CrystalOptions, hidden: Hidden, tick: Tick
) -> Begun:
    """A start carried to the whole pattern and fitted there for the first time."""
    state = search(levels[0], promising.state, TURNS, promising.fitting, tick, LAST_TURNS)
    climbing = replace(options.roughness.climbing(promising.fitting.wrap), cut=promising.fitting.cut)
    state, fitting = climb(levels, state, climbing, hidden.levels, options.thorough, tick)
    return first_fit_of(whole, hidden, state, replace(FIRST, cut=fitting.cut, mu=fitting.mu))


def first_fit_of(whole: WholeScan, hidden: Hidden, state: State, way: Way) -> Begun:
    """A state on the whole pattern fitted there for the first time, less what it cannot have scattered."""
    judge = partial(whole.deviance, where=hidden.where, counts=hidden.counts)
    return first_fit(Polisher(without_aliens(whole.level, state), judge, hidden.expected_deviance), state, way)


def best_of_each(ends: list[Ended]) -> list[Ended]:
    """Of every start the end that tells hidden counts best, the best first."""
    best: dict[int, Ended] = {}
    for end in sorted(ends, key=lambda end: end.polished.hidden_deviance):
        best.setdefault(end.number, end)
    return list(best.values())
