"""The last fits on the whole pattern: how surely bright voxels are known, and where the object ends, as hidden counts say.

What voxels vary by beyond counting noise, κ, falls from fit to fit. On simulated scans the last one, with none, is the best; on
measured ones the model of the instrument is short where it is bright, and an object that follows it there is wrong in the gaps.
The same holds for the support.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from braggfill.crystal.levels import Level
from braggfill.crystal.likelihood import fit
from braggfill.crystal.search import REFINED_BLUR, State, judged, tightened
from braggfill.crystal.shapes import Supports

STEPS = ((0.1, 30), (0.03, 30), (0.01, 30), (0.0, 75))
"""κ of each fit, and evaluations of the loss: the last is a long one, for each begins without memory of the curvature."""
SHARES = (0.12, 0.2)
"""Of the blurred modulus' maximum: where a tighter support would end."""
EVALUATIONS = 40
"""Of the loss within a tighter support."""
StateJudge = Callable[[State], float]
"""How wrong a state is where counts are known that were hidden from it."""


@dataclass(frozen=True)
class Polished:
    """A state on the whole pattern, how it was fitted, and what hidden counts say of it."""

    state: State
    kappa: float
    share: float | None
    """Of the blurred modulus' maximum where its support was cut anew."""
    wrong: float
    """By the judge."""


def polished(level: Level, state: State, mu: float, judge: StateJudge) -> list[Polished]:
    """Fit a state of one start for ever smaller κ, then within tighter supports, as long as the judge finds it better.

    Parameters
    ----------
    level : Level
        Of the whole pattern.
    state : State
    mu : float
        Weight of the interior amplitude's roughness.
    judge : callable

    Returns
    -------
    list of Polished
        All that were made, the best first.
    """
    made: list[Polished] = []
    for kappa, evaluations in STEPS:
        state = settled(level, state, evaluations, kappa, mu)
        made.append(Polished(state, kappa, None, judge(state)))
        if made[-1].wrong > min(p.wrong for p in made):
            break
    best = min(made, key=lambda p: p.wrong)
    for share in SHARES:
        support = tightened(best.state.crystal.abs(), REFINED_BLUR, share, level.roomiest)
        state = settled(level, within(best.state, support), EVALUATIONS, best.kappa, mu)
        made.append(Polished(state, best.kappa, share, judge(state)))
        if made[-1].wrong > best.wrong:
            break
        best = made[-1]
    return sorted(made, key=lambda p: p.wrong)


def within(state: State, support: Supports) -> State:
    """A state cut to another support."""
    return replace(state, crystal=state.crystal * support, support=support)


def settled(level: Level, state: State, evaluations: int, kappa: float, mu: float) -> State:
    """A state after a fit within its support."""
    found = fit(level, state.crystal, state.support, state.instrument, evaluations, kappa, mu)
    return judged(level, found, state.support, kappa)
