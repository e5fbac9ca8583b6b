"""The last fits on the whole pattern: how surely bright voxels are known, and where the object ends, as hidden counts say.

What voxels vary by beyond counting noise, κ, falls from fit to fit. On simulated scans the last one, with none, is the best; on
measured ones the model of the instrument is short where it is bright, and an object that follows it there is wrong in the gaps.
The same holds for the support.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from braggfill.base.tasks import Tick
from braggfill.crystal.efficiency import efficiency_of
from braggfill.crystal.kept import Kept
from braggfill.crystal.levels import Level
from braggfill.crystal.likelihood import fit
from braggfill.crystal.search import REFINED_BLUR, State, judged, tightened

STEPS = ((0.1, 30), (0.03, 30), (0.01, 30), (0.0, 75))
"""κ of each fit, and evaluations of the loss: the last is a long one, for each begins without memory of the curvature."""
SMOOTHER = (1.0, 10.0)
"""Factors on the weight of the roughness where the phase is to be smooth as well."""
SHARES = (0.12, 0.2)
"""Of the blurred modulus' maximum: where a tighter support would end."""
EVALUATIONS = 40
"""Of the loss with a smoother phase, or within a tighter support."""
StateJudge = Callable[[State], float]
"""How wrong a state is where counts are known that were hidden from it."""


@dataclass(frozen=True)
class Polished:
    """A state on the whole pattern, how it was fitted, and what hidden counts say of it."""

    kept: Kept
    kappa: float
    smoother: float | None
    """Factor on the weight of the roughness if the phase was to be smooth as well."""
    share: float | None
    """Of the blurred modulus' maximum where its support was cut anew."""
    wrong: float
    """By the judge."""

    @property
    def state(self) -> State:
        """On the whole level."""
        return self.kept.state


@dataclass(frozen=True)
class Polisher:
    """The fits of one start on the whole level, and what judges them."""

    level: Level
    mu: float
    """Weight of the interior amplitude's roughness."""
    judge: StateJudge
    uneven: bool = False
    """Whether the pixels' efficiencies are fitted as well."""
    smoother: float | None = None
    """Factor on the weight of the roughness where the phase is to be smooth as well."""

    def fitted(self, state: State, kappa: float, evaluations: int, share: float | None = None) -> Polished:
        """A state after a fit within its support, or one cut at a ``share`` of its blurred maximum."""
        if self.uneven:
            state = with_efficiency(self.level, state, kappa)
        if share:
            support = tightened(state.crystal.abs(), REFINED_BLUR, share, self.level.roomiest)
            state = replace(state, crystal=state.crystal * support, support=support)
        state = settled(self.level, state, evaluations, kappa, self.mu, self.smoother)
        return Polished(Kept.of(state), kappa, self.smoother, share, self.judge(state))


@dataclass(frozen=True)
class Begun:
    """The first fits of one start on the whole level."""

    polisher: Polisher
    made: list[Polished]
    """The best first."""

    @property
    def excess(self) -> float:
        """How much more wrong it is than counting noise."""
        return self.made[0].wrong - 1


def first_fit(polisher: Polisher, state: State) -> Begun:
    """Fit a state for the largest κ, once more with uneven pixels where they are, and keep these if the judge says so."""
    even = polisher.fitted(state, *STEPS[0])
    if bool((with_efficiency(polisher.level, even.state, even.kappa).instrument.efficiency == 1).all()):
        return Begun(polisher, [even])
    polisher = replace(polisher, uneven=True)
    uneven = polisher.fitted(even.state, *STEPS[0])
    if uneven.wrong < even.wrong:
        return Begun(polisher, [uneven, even])
    return Begun(replace(polisher, uneven=False), [even, uneven])


def with_efficiency(level: Level, state: State, kappa: float) -> State:
    """A state with the pixels' efficiencies that agree best with it."""
    return replace(state, instrument=replace(state.instrument, efficiency=efficiency_of(level, state, kappa)))


def polished(begun: Begun, supports: bool = True, tick: Tick = lambda: None) -> list[Polished]:
    """Fit a start for ever smaller κ, smoother phases, then within tighter supports, as long as the judge finds it better.

    Parameters
    ----------
    begun : Begun
        Its first fits.
    supports : bool
        Whether tighter supports are tried.
    tick : callable
        Called before every fit.

    Returns
    -------
    list of Polished
        All that were made, the best first.
    """
    polisher, made = begun.polisher, list(begun.made)
    best = made[0]
    for kappa, evaluations in STEPS[1:]:
        tick()
        made.append(polisher.fitted(best.state, kappa, evaluations))
        if made[-1].wrong > best.wrong:
            break
        best = made[-1]
    for smoother in SMOOTHER:
        tick()
        smooth = replace(polisher, smoother=smoother)
        made.append(smooth.fitted(best.state, best.kappa, EVALUATIONS))
        if made[-1].wrong > best.wrong:
            break
        best, polisher = made[-1], smooth
    for share in SHARES if supports else ():
        tick()
        made.append(polisher.fitted(best.state, best.kappa, EVALUATIONS, share))
        if made[-1].wrong > best.wrong:
            break
        best = made[-1]
    return sorted(made, key=lambda p: p.wrong)


def settled(level: Level, state: State, evaluations: int, kappa: float, mu: float, smoother: float | None = None) -> State:
    """A state after a fit within its support; ``smoother`` is a factor on μ where the phase is to be smooth as well."""
    weight, smooth = mu * (smoother or 1.0), smoother is not None
    found = fit(level, state.crystal, state.support, state.instrument, evaluations, kappa, weight, smooth)
    return judged(level, found, state.support, kappa)
