"""Rates: a few steps of a search on the scan itself, timed, and how many of them a search makes.

How many follow depends on when it converges: of those that may be left out half are counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from braggfill.base.devices import wait_for
from braggfill.base.progress import Clock
from braggfill.base.threads import side_by_side
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.likelihood import fit
from braggfill.crystal.search.climb import BLUR, LIFT, REFINEMENTS, RoughnessWeights
from braggfill.crystal.search.decimation import decimated, fine_axes
from braggfill.crystal.search.generations import REFINEMENTS_OF_A_MEAN
from braggfill.crystal.search.turns import REFINING, TURNS, Turn, iterated, random_start
from braggfill.crystal.search.wraps import TIGHT

TRIED_ITERATIONS, TRIED_EVALUATIONS = 3, 4
"""Of a trial, after a first one that makes what is kept."""
COHERENT = 0.5
"""What an iteration with full coherence takes of one that blurs."""
MAY_BE = 0.5
"""Share that is counted of what is only done where nothing has converged."""


@dataclass(frozen=True)
class Work:
    """How often something is done on a level."""

    iterations: float = 0
    """Of HIO, RAAR or ER."""
    evaluations: float = 0
    """Of the loss and its gradient."""

    def __add__(self, other: "Work") -> "Work":
        return Work(self.iterations + other.iterations, self.evaluations + other.evaluations)

    def __mul__(self, times: float) -> "Work":
        return Work(times * self.iterations, times * self.evaluations)


@dataclass(frozen=True)
class Rates:
    """Seconds of one iteration and of one evaluation on a level."""

    iteration: float
    evaluation: float

    @classmethod
    def on(cls, level: Level, clock: Clock = perf_counter) -> "Rates":
        """As a few of them take, after a first one that makes what is kept."""
        state = random_start(level, np.random.default_rng(0))

        def iterate(number: int) -> None:
            iterated(level, state, Turn(number, 0, 0, 0), (BLUR, BLUR), TIGHT.cut)
            wait_for(level.target.device)

        def evaluate(number: int) -> None:
            fit(level, state.crystal, state.support, state.instrument, number, RoughnessWeights().searching().terms)

        return cls(each(iterate, TRIED_ITERATIONS, clock), each(evaluate, TRIED_EVALUATIONS, clock))

    def seconds(self, work: Work) -> float:
        """Of some work."""
        return self.iteration * work.iterations + self.evaluation * work.evaluations


@dataclass(frozen=True)
class SearchRates:
    """What steps of a search take on one scan."""

    begun: Rates
    """Where starts begin: on the first level, or on every other line of it."""
    decimated: bool
    levels: list[Rates]
    """Coarse to fine."""

    @classmethod
    def on(cls, levels: list[Level], clock: Clock = perf_counter) -> "SearchRates":
        """On the levels of a scan, coarse to fine; on one thread, as every start is searched for."""
        axes = fine_axes(levels[0])

        def timed() -> "SearchRates":
            rates = [Rates.on(level, clock) for level in levels]
            return cls(Rates.on(decimated(levels[0], axes), clock) if any(axes) else rates[0], any(axes), rates)

        return side_by_side([timed], device=levels[0].target.device)[0]

    def climb_seconds(self, between: Work, last: Work) -> float:
        """Of a climb with so much work on each level between the first and the last, and on the last one."""
        return sum(rates.seconds(between) for rates in self.levels[1:-1]) + self.levels[-1].seconds(last)


def each(work: Callable[[int], None], number: int, clock: Clock) -> float:
    """Seconds of one of some steps."""
    work(1)
    start = clock()
    work(number)
    return (clock() - start) / number


def turns(which: slice) -> Work:
    """Work of some turns of the coarse search."""
    total = Work()
    for turn in TURNS[which]:
        iterations = (turn.hio + turn.raar + turn.er) * (COHERENT if turn.coherent else 1.0)
        total += Work(iterations, turn.evaluations) + refinement() * turn.refinements
    return total


def refinement() -> Work:
    """Work of fitting a support once, and the object in it."""
    return Work(0, 2 * REFINING)


def lift() -> Work:
    """Work of a way out where a fit is stuck."""
    return Work(LIFT.hio + LIFT.raar + LIFT.er, LIFT.evaluations) + refinement() * LIFT.refinements


def freeing() -> Work:
    """Work of setting an object free on a level, twice."""
    return refinement() * 4


def mean() -> Work:
    """Work of what the best have in common."""
    return refinement() * REFINEMENTS_OF_A_MEAN


def climbing(levels: int, thorough: bool = True, supports: int = 1) -> tuple[Work, Work]:
    """Work of a climb on a level between the first and the last, where supports may be tried, and on the last one."""
    refined, freed = refinement(), freeing() * MAY_BE
    way_out = (freed + lift() * MAY_BE) * thorough
    between = refined * (REFINEMENTS - 1 + supports) + way_out if levels > 2 else Work()
    return between, (refined if levels > 1 else Work()) + freed
