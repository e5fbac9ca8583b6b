"""From the coarse level to the whole pattern: an object carried up by its transform and fitted, its support fitted with it.

What voxels may vary by beyond counting noise, κ, stays large on the way: the bright voxels, where any error of the model
outweighs all others, must not decide yet.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from braggfill.base.tasks import Tick
from braggfill.crystal.levels import Level
from braggfill.crystal.search import (
    REFINED_BLUR,
    REFINING,
    SUPPORT_SHARE,
    State,
    Turn,
    better,
    refined,
    take_turn,
    tightened,
)
from braggfill.crystal.windows import finer

LOOSE = 0.05
"""κ on the way up; what follows on the last level makes it smaller."""
REFINEMENTS = 2
"""Of the support, on every level but the last, which has one."""
BLUR = 1.0
"""Width in voxels of the Gaussian that blurs the modulus before the support is cut."""
NARROWEST_START = 0.35
"""Least width of partial coherence's Gaussian, in voxels, that a level begins with: from less than a third none comes back."""
LIFT = Turn(60, 40, 10, 25, refinements=2)
"""Iterations that may find a way out where a fit is stuck."""


@dataclass(frozen=True)
class Prior:
    """What is expected of the object: the weight μ of its interior amplitude's roughness."""

    mu: float = 0.3
    """On the way up."""
    search_mu: float = 0.03
    """On the coarse level, where κ makes little of the counts: with 0.3 crystals of ten voxels do not converge."""


def climb(levels: list[Level], state: State, prior: Prior, lifts: int = 1, tick: Tick = lambda: None) -> State:
    """Carry starts from the first of some levels to the last.

    Parameters
    ----------
    levels : list of Level
        Coarse to fine; the states are on the first one's grid.
    state : State
    prior : Prior
    lifts : int
        Times that a level after the first is iterated from what was fitted, and fitted again, as long as it has not converged;
        the better stays.
    tick : callable
        Called after every fit.

    Returns
    -------
    State
        On the grid of the last level.
    """
    for coarse, fine in pairwise(levels):
        state = raised(state, coarse, fine)
        between = fine is not levels[-1]
        for _ in range(REFINEMENTS if between else 1):
            state = refined(fine, state, REFINING, LOOSE, prior.mu)
            tick()
        for _ in range(lifts):
            if state.converged:
                break
            state = better(state, take_turn(fine, state, LIFT, (BLUR, REFINED_BLUR), LOOSE, prior.mu))
            tick()
    return state


def raised(state: State, coarse: Level, fine: Level) -> State:
    """States on the grid of a finer level, their supports cut anew."""
    crystal = finer(state.crystal, coarse, fine)
    factors = torch.ones(len(crystal), fine.shape[0], device=crystal.device)
    numbers = torch.arange(coarse.first[0], coarse.first[0] + coarse.shape[0], device=crystal.device)
    factors[:, numbers % fine.shape[0]] = state.instrument.frame_factors[:, numbers % coarse.shape[0]]
    support = tightened(crystal.abs(), BLUR, SUPPORT_SHARE, fine.roomiest)
    widths = state.instrument.widths.clamp(min=NARROWEST_START)
    return replace(
        state, crystal=crystal, support=support, instrument=replace(state.instrument, frame_factors=factors, widths=widths)
    )
