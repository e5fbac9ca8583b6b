"""The last fits on the whole pattern: how surely bright voxels are known, and where the object ends, as hidden counts say.

What voxels vary by beyond counting noise, κ, falls from fit to fit. On simulated scans the last one, with none, is the best; on
measured ones the model of the instrument is short where it is bright, and an object that follows it there is wrong in the gaps.
The same holds for the support.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from braggfill.crystal.efficiency import efficiency_of
from braggfill.crystal.levels import Level
from braggfill.crystal.likelihood import fit
from braggfill.crystal.search import REFINED_BLUR, State, judged, tightened

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


@dataclass(frozen=True)
class Polisher:
    """The fits of one start on the whole level, and what judges them."""

    level: Level
    mu: float
    """Weight of the interior amplitude's roughness."""
    judge: StateJudge
    uneven: bool = False
    """Whether the pixels' efficiencies are fitted as well."""

    def fitted(self, state: State, kappa: float, evaluations: int, share: float | None = None) -> Polished:
        """A state after a fit within its support, or one cut at a ``share`` of its blurred maximum."""
        if self.uneven:
            efficiency = efficiency_of(self.level, state, kappa)
            state = replace(state, instrument=replace(state.instrument, efficiency=efficiency))
        if share:
            support = tightened(state.crystal.abs(), REFINED_BLUR, share, self.level.roomiest)
            state = replace(state, crystal=state.crystal * support, support=support)
        state = settled(self.level, state, evaluations, kappa, self.mu)
        return Polished(state, kappa, share, self.judge(state))


def polished(level: Level, state: State, mu: float, judge: StateJudge, supports: bool = True) -> list[Polished]:
    """Fit a state of one start for ever smaller κ, then within tighter supports, as long as the judge finds it better.

    Parameters
    ----------
    level : Level
        Of the whole pattern.
    state : State
    mu : float
        Weight of the interior amplitude's roughness.
    judge : callable
    supports : bool
        Whether tighter supports are tried.

    Returns
    -------
    list of Polished
        All that were made, the best first.
    """
    polisher = Polisher(level, mu, judge)
    made = [polisher.fitted(state, *STEPS[0])]
    uneven = replace(polisher, uneven=True).fitted(made[0].state, *STEPS[0])
    if uneven.wrong < made[0].wrong:
        polisher, made = replace(polisher, uneven=True), [uneven, *made]
    best = made[0]
    for kappa, evaluations in STEPS[1:]:
        made.append(polisher.fitted(best.state, kappa, evaluations))
        if made[-1].wrong > best.wrong:
            break
        best = made[-1]
    for share in SHARES if supports else ():
        made.append(polisher.fitted(best.state, best.kappa, EVALUATIONS, share))
        if made[-1].wrong > best.wrong:
            break
        best = made[-1]
    return sorted(made, key=lambda p: p.wrong)


def settled(level: Level, state: State, evaluations: int, kappa: float, mu: float) -> State:
    """A state after a fit within its support."""
    found = fit(level, state.crystal, state.support, state.instrument, evaluations, kappa, mu)
    return judged(level, found, state.support, kappa)
