"""The last fits on the whole pattern: how surely bright voxels are known, and where the object ends, as hidden counts say.

What voxels vary by beyond counting noise, κ, falls from fit to fit. On simulated scans the last one, with none, is the best; on
measured ones the model of the instrument is short where it is bright, and an object that follows it there is wrong in the gaps.
The same holds for how even the amplitude and how smooth the phase are, and for the support.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from braggfill.base.errors import VanishedError
from braggfill.base.progress import Tick
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.misfit import misfit, noise_misfit
from braggfill.crystal.search.annealing import annealed
from braggfill.crystal.search.astray import freed
from braggfill.crystal.search.efficiency import efficiency_of
from braggfill.crystal.search.kept import Kept
from braggfill.crystal.search.support_cut import CUTS
from braggfill.crystal.search.turns import (
    REFINED_BLUR,
    REFINED_CUT,
    SMALLER_WEIGHTS,
    State,
    improved,
    tightened,
)
from braggfill.crystal.search.ways import Change, Way, settled, settled_wider

StateJudge = Callable[[State], float]
"""How wrong a state is where counts are known that were hidden from it."""
Tried = set[tuple[float, Way]]
"""What was fitted already: how wrong it was before, and the way."""
FIT: Change = {"evaluations": 40}
"""Of every fit that does not say otherwise."""
FIRST = Way(kappa=0.1, evaluations=30)
SURER: tuple[Change, ...] = (
    {"kappa": 0.03, "evaluations": 30},
    {"kappa": 0.01, "evaluations": 30},
    {"kappa": 0.0, "evaluations": 75},
)
"""The last is a long fit, for each begins without memory of the curvature."""
BETWEEN = SURER[1]
"""Left out where an object explains the bright voxels already, but for ``NEARLY`` times the misfit of noise."""
NEARLY = 2.0
SMOOTHER_BY = (1.0, 10.0, 100.0)
"""Factors on the roughness' weight with which the phase is to be smooth as well."""
SMOOTHER: tuple[Change, ...] = tuple({"smoother": factor} for factor in SMOOTHER_BY)
ROUGHER: tuple[Change, ...] = tuple({"mu": mu} for mu in SMALLER_WEIGHTS)
TIGHTER: tuple[Change, ...] = tuple({"cut": cut} for cut in (*CUTS[1:], 0.4))
FREED: tuple[Change, ...] = tuple({"freed": times} for times in (1, 2, 3))
"""Its transform is made anew where it contradicts the counts, ..."""
MISSED = 1.0
"""... where the hidden counts' excess deviance is more than so many times their noise: less is no knot."""
ANNEALED: tuple[Change, ...] = tuple({"annealed": times, "evaluations": 75} for times in (1, 2))
"""It is made smooth beyond what counts allow, then ever less, where the same is missed by as much."""
LOOSER: tuple[Change, ...] = tuple({"loosened": times, "cut": REFINED_CUT} for times in (1, 2, 3))
"""Where its support was cut tightly it is loosened by a voxel: bright counts may know what coarse levels cut off, ..."""
UNMET = 0.12
"""... if the hidden counts' excess deviance is more than so many times their noise."""
Kinds = tuple[tuple[Change, ...], ...]
THOROUGH: Kinds = SURER, ANNEALED, SURER, ROUGHER, LOOSER, FREED, SMOOTHER, TIGHTER
"""All that is tried in a round: what annealing brings nearer may be fitted for a smaller κ."""
BRIEF: Kinds = (SURER[0], SURER[2]), SMOOTHER[:1]
"""Where it has to be quick."""
WORTHWHILE, CLOSE = 0.7, 0.3
"""Another round of all ways follows one that left at most this share of the hidden counts' excess deviance, unless that is as
small as this: once a wide gap's phases are smooth, smaller κ and tighter supports are better where they were not before."""


@dataclass(frozen=True)
class Polished:
    """A state on the whole pattern, how it was fitted, and what hidden counts say of it."""

    kept: Kept
    way: Way
    hidden_deviance: float
    """By the judge."""

    @property
    def state(self) -> State:
        """On the whole level."""
        return self.kept.state


@dataclass(frozen=True)
class Polisher:
    """The fits of one start on the whole level, and what judges them."""

    level: Level
    judge: StateJudge
    expected_deviance: float
    """By the judge, of counting noise alone: less where hidden counts are few."""
    uneven: bool = False
    """Whether the pixels' efficiencies are fitted as well."""

    def fitted(self, state: State, way: Way, change: Iterable[str] = ()) -> Polished:
        """A state after a fit within its support, or within one cut from it or after it was set free if that is the change."""
        if self.uneven:
            state = with_efficiency(self.level, state, way.kappa)
        if "annealed" in change:
            state = annealed(self.level, state)
        if "freed" in change:
            state = improved(state, partial(freed, self.level, state, way.fitting, forgetting=True))
        if "loosened" in change:
            state = settled_wider(self.level, state, replace(way, smoother=None))
        if "cut" in change:
            support = tightened(state.crystal.abs(), REFINED_BLUR, way.cut, self.level.roomiest)
            state = replace(state, crystal=state.crystal * support, support=support)
        state = settled(self.level, state, way)
        return Polished(Kept.of(state), way, self.judge(state))

    def excess(self, found: Polished) -> float:
        """How much more wrong it is than counting noise."""
        return found.hidden_deviance - self.expected_deviance

    def needless(self, change: Change, last: Polished) -> bool:
        """Whether a change would mend what is right in the last fit: bright voxels, or the hidden counts."""
        if "freed" in change or "annealed" in change:
            return self.excess(last) < MISSED * self.expected_deviance
        if "loosened" in change:
            roomy = last.way.cut <= REFINED_CUT and not last.way.loosened
            return roomy or self.excess(last) < UNMET * self.expected_deviance
        return change is BETWEEN and self.explains(last.state)

    def explains(self, state: State) -> bool:
        """Whether an object nearly explains bright voxels, too."""
        expected = expected_counts(state.crystal, state.instrument, self.level)
        return misfit(self.level, expected) <= NEARLY * noise_misfit(self.level, expected)


@dataclass(frozen=True)
class Begun:
    """The first fits of one start on the whole level."""

    polisher: Polisher
    made: list[Polished]
    """The best first."""

    @property
    def excess(self) -> float:
        """How much more wrong the best is than counting noise."""
        return self.polisher.excess(self.made[0])


def first_fit(polisher: Polisher, state: State, first: Way = FIRST) -> Begun:
    """Fit a state for the largest κ, once more with uneven pixels where they are, and keep these if the judge says so."""
    even = polisher.fitted(state, first)
    if bool((with_efficiency(polisher.level, even.state, first.kappa).instrument.efficiency == 1).all()):
        return Begun(polisher, [even])
    polisher = replace(polisher, uneven=True)
    uneven = polisher.fitted(even.state, first)
    if uneven.hidden_deviance < even.hidden_deviance:
        return Begun(polisher, [uneven, even])
    return Begun(replace(polisher, uneven=False), [even, uneven])


def with_efficiency(level: Level, state: State, kappa: float) -> State:
    """A state with the pixels' efficiencies that agree best with it."""
    return replace(state, instrument=replace(state.instrument, efficiency=efficiency_of(level, state, kappa)))


def polished(begun: Begun, thorough: bool = True, tick: Tick = lambda: None) -> list[Polished]:
    """Fit a start for ever smaller κ and μ, smoother phases, tighter supports, as long as the judge finds it better.

    Parameters
    ----------
    begun : Begun
        Its first fits.
    thorough : bool
        Whether all ways are tried, and again as long as that is worth while; else a few, once.
    tick : callable
        Called before every fit.

    Returns
    -------
    list of Polished
        All that were made, the best first.
    """
    polisher, made, tried = begun.polisher, list(begun.made), Tried()
    while True:
        before = polisher.excess(best_of(made))
        for changes in THOROUGH if thorough else BRIEF:
            made += fits_of_a_kind(polisher, best_of(made), changes, tried, tick)
        excess = polisher.excess(best_of(made))
        if not thorough or excess > WORTHWHILE * before or excess < CLOSE:
            return sorted(reversed(made), key=lambda p: p.hidden_deviance)


def best_of(made: Sequence[Polished]) -> Polished:
    """What tells hidden counts best, the latest of some alike."""
    return min(reversed(made), key=lambda p: p.hidden_deviance)


def fits_of_a_kind(polisher: Polisher, best: Polished, changes: tuple[Change, ...], tried: Tried, tick: Tick) -> list[Polished]:
    """The best so far fitted in one way of a kind after the other, each from the one before, until one is worse.

    A smaller κ that is worse is gone on from if the object still converged with it: only without κ do bright voxels decide.
    """
    made, last = list[Polished](), best
    for change in changes:
        way = replace(last.way, **FIT | change)
        if not last.way.further(change) or polisher.needless(change, last):
            continue
        if (last.hidden_deviance, way) in tried:
            break
        tried.add((last.hidden_deviance, way))
        tick()
        try:
            last = polisher.fitted(last.state, way, change)
        except VanishedError:
            break
        made.append(last)
        worse = last.hidden_deviance > best.hidden_deviance
        if worse and not ("kappa" in change and last.kept.cut.converged):
            break
        best = best if worse else last
    return made
