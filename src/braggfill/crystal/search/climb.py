"""From the coarse level to the whole pattern: an object carried up by its transform and fitted, its support fitted with it.

What voxels may vary by beyond counting noise, κ, stays large on the way: the bright voxels, where any error of the model
outweighs all others, must not decide yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch

from braggfill.base.memory import give_back
from braggfill.base.progress import Tick
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.windows import on_larger_window
from braggfill.crystal.search.astray import set_free
from braggfill.crystal.search.support_cut import beside, in_best_support
from braggfill.crystal.search.turns import (
    REFINED_BLUR,
    ROUGHNESS_WEIGHT,
    SMALLER_WEIGHTS,
    Fitting,
    State,
    Turn,
    improved,
    refined,
    take_turn,
    tightened,
    wide_enough,
)
from braggfill.crystal.search.wraps import TIGHT, Wrap

UNSURE = 0.05
"""κ on the way up; what follows on the last level makes it smaller."""
REFINEMENTS = 2
"""Of the support, on every level but the last, which has one."""
BLUR = 1.0
"""Width in voxels of the Gaussian that blurs the modulus before the support is cut."""
LIFT = Turn(60, 40, 10, 25, refinements=2)
"""Iterations that may find a way out where a fit is stuck."""


@dataclass(frozen=True)
class RoughnessWeights:
    """What is expected of the object: the weight μ of its interior amplitude's roughness."""

    mu: float = ROUGHNESS_WEIGHT
    """On the way up."""
    search_mu: float = 0.03
    """On the coarse level, where κ makes little of the counts: with 0.3 crystals of ten voxels do not converge."""

    def searching(self, wrap: Wrap = TIGHT) -> Fitting:
        """On the coarse level."""
        return Fitting(UNSURE, self.search_mu, wrap=wrap)

    def climbing(self, wrap: Wrap = TIGHT) -> Fitting:
        """On the way up."""
        return Fitting(UNSURE, self.mu, wrap=wrap)


def climb(
    levels: list[Level],
    state: State,
    fitting: Fitting,
    hidden: Sequence[Level] = (),
    thorough: bool = True,
    tick: Tick = lambda: None,
) -> tuple[State, Fitting]:
    """Carry a start from the first of some levels to the last.

    Parameters
    ----------
    levels : list of Level
        Coarse to fine; the state is on the first one's grid.
    state : State
    fitting : Fitting
        With the cut of the support that was good on the first level.
    hidden : sequence of Level
        The same levels with hidden counts alone, which choose the cut anew on the way.
    thorough : bool
        Whether they choose the roughness' weight as well, and objects that have not converged are set free and iterated on
        levels between the first and the last; on the last one they are set free without it, too.
    tick : callable
        Called after every fit.

    Returns
    -------
    state : State
        On the grid of the last level.
    fitting : Fitting
        With the cut of its support, and the weight.
    """
    for number, (coarse, fine) in enumerate(pairwise(levels), 1):
        state = raised(state, coarse, fine, fitting.wrap.cut)
        give_back()
        between = fine is not levels[-1]
        choosing = between and len(hidden) > 0
        if choosing:
            weights = smaller(fitting.mu) if thorough else ()
            state, fitting = in_best_support(fine, hidden[number], state, fitting, beside(fitting.cut), weights)
            tick()
        for _ in range((REFINEMENTS if between else 1) - choosing):
            state = refined(fine, state, fitting)
            tick()
        if thorough or not between:
            state = with_a_way_out(fine, state, fitting, between, tick)
    return state, fitting


def with_a_way_out(level: Level, state: State, fitting: Fitting, iterating: bool, tick: Tick) -> State:
    """A start set free of what holds it; where that is not enough, iterated as well, and set free again."""
    state = set_free(level, state, fitting, tick)
    if iterating and not state.converged:
        give_back()
        state = improved(state, partial(iterated_again, level, state, fitting, tick))
    return state


def iterated_again(level: Level, state: State, fitting: Fitting, tick: Tick) -> State:
    """A start iterated from what was fitted, fitted again and set free."""
    state = take_turn(level, state, LIFT, (BLUR, REFINED_BLUR), fitting)
    tick()
    return set_free(level, state, fitting, tick)


def smaller(mu: float) -> tuple[float, ...]:
    """The weights that are smaller than one."""
    return tuple(weight for weight in SMALLER_WEIGHTS if weight < mu)


def raised(state: State, coarse: Level, fine: Level, cut: float) -> State:
    """A state on the grid of a finer level, its support cut anew."""
    crystal = on_larger_window(state.crystal, coarse, fine)
    factors = torch.ones(fine.shape[0], device=crystal.device)
    numbers = torch.arange(coarse.first[0], coarse.first[0] + coarse.shape[0], device=crystal.device)
    factors[numbers % fine.shape[0]] = state.instrument.frame_factors[numbers % coarse.shape[0]]
    support = tightened(crystal.abs(), BLUR, cut, fine.roomiest)
    instrument = replace(wide_enough(state.instrument), frame_factors=factors)
    return replace(state, crystal=crystal, support=support, instrument=instrument)
