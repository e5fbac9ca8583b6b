"""A start of the search with partial coherence carried to the whole pattern, iterated there and fitted."""

from dataclasses import replace
from functools import partial

import torch

from braggfill.base.progress import Tick
from braggfill.crystal.model.levels import WHOLE, Level
from braggfill.crystal.model.likelihood import NARROWEST
from braggfill.crystal.search.climb import BLUR, LIFT, RoughnessWeights, climb
from braggfill.crystal.search.polish import SMOOTHER_BY
from braggfill.crystal.search.turns import REFINED_BLUR, Fitting, State, improved, refined, take_turn
from braggfill.crystal.search.ways import Way, settled, settled_wider
from braggfill.retrieval.attempt import Attempt
from braggfill.retrieval.grids import centred, resampled, without_taper
from braggfill.retrieval.result import Found, Start

LIFTS = 3
"""Times that an object which has not converged is iterated on the whole pattern and fitted again."""
ROUGHNESS = RoughnessWeights(mu=0.03, search_mu=0.003)
"""A tenth of the roughness' usual weights: iterated on the whole pattern, objects carry no stripes that it had to take off, and
the object is asked for, whose core of a dislocation and whose edges are rough."""
FITS = Way(kappa=0.01, evaluations=25, mu=ROUGHNESS.mu), Way(kappa=0.0, evaluations=75, mu=ROUGHNESS.mu)
"""Of the fits on the whole pattern."""
LAST = Way(kappa=0.0, evaluations=100, mu=ROUGHNESS.mu)


def carried_up(attempt: Attempt, shares: list[float], tick: Tick) -> Attempt:
    """A start on the whole pattern, iterated there until it has converged."""
    levels = [attempt.view.level(share) for share in shares]
    whole, climbing = levels[-1], ROUGHNESS.climbing(attempt.wrap)
    state = fitted(whole, climb(levels, attempt.state, climbing, tick=tick)[0])
    tick()
    for _ in range(LIFTS):
        if state.converged:
            break
        state = improved(state, partial(lifted, whole, state, climbing))
        tick()
    return at_last(replace(attempt, share=WHOLE, state=state))


def lifted(level: Level, state: State, climbing: Fitting) -> State:
    """A state iterated on the whole pattern and fitted again."""
    return fitted(level, take_turn(level, state, LIFT, (BLUR, REFINED_BLUR), climbing))


def fitted(level: Level, state: State) -> State:
    """A state fitted until counting noise alone is expected."""
    for way in FITS:
        state = settled(level, state, way)
    return state


def loosened(attempt: Attempt) -> Attempt:
    """A start on the whole pattern fitted in a support a voxel wider, where its hidden counts say that it gains by it.

    The support was cut for the search, and at the crystal's soft edge a little too tightly.
    """
    level, state = attempt.view.level(WHOLE), attempt.state
    wider = replace(attempt, state=settled_wider(level, state, LAST))
    return min(attempt, wider, key=lambda a: a.hidden_deviance)


def smoothed(attempt: Attempt) -> Attempt:
    """A start on the whole pattern fitted with its phase smooth as well, as long as its hidden counts gain by it."""
    level = attempt.view.level(WHOLE)
    for smoother in SMOOTHER_BY:
        way = replace(LAST, smoother=smoother)
        smoother_one = replace(attempt, state=settled(level, attempt.state, way))
        if smoother_one.hidden_deviance > attempt.hidden_deviance:
            break
        attempt = smoother_one
    return attempt


def with_full_coherence(attempt: Attempt) -> Attempt:
    """A start refined with widths so narrow that the loss does not change with them, which therefore stay."""
    level, instrument = attempt.view.level(WHOLE), attempt.state.instrument
    narrow = replace(instrument, widths=torch.full_like(instrument.widths, NARROWEST))
    return replace(attempt, state=refined(level, replace(attempt.state, instrument=narrow), ROUGHNESS.climbing()))


def fitted_to_the_end(attempt: Attempt) -> Attempt:
    """A refined start on the whole pattern after all fits there."""
    return at_last(replace(attempt, state=fitted(attempt.view.level(WHOLE), attempt.state)))


def at_last(attempt: Attempt) -> Attempt:
    """A start on the whole pattern after its last fits, those of them that its hidden counts gain by."""
    return smoothed(loosened(attempt))


def found_by(attempt: Attempt, end: Start) -> Found:
    """The object of a start on the whole pattern, on the pattern's own grid; frames are as bright as it on average."""
    level, factors = attempt.view.level(WHOLE), attempt.state.instrument.frame_factors
    by_frame = level.target.sum((1, 2))
    crystal = without_taper(attempt.state.crystal, level, attempt.view.pattern)
    crystal *= ((factors * by_frame).sum() / by_frame.sum()).sqrt()
    inside = torch.from_numpy(resampled(attempt.state.support.cpu().numpy(), tuple(crystal.shape)))
    crystal, support = centred(crystal, inside.to(crystal.device))
    return Found(end, crystal.cpu().numpy(), support)
