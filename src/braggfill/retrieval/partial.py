"""The search with partial coherence: random starts on a coarse level, the best carried to the whole pattern and iterated there.

Whether the light was partially coherent at all is for the hidden counts to say: the best object is fitted once more with full
coherence, and what tells them better is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from functools import partial as part

import torch
from jaxtyping import Bool
from torch import Tensor

from braggfill.base.metrics import poisson_deviance
from braggfill.base.tasks import Progress, Steps, Tick
from braggfill.base.threads import side_by_side
from braggfill.crystal.climb import BLUR, LIFT, Prior, climb
from braggfill.crystal.coherence import expected_counts
from braggfill.crystal.decimation import decimated, fine_axes, on_every_line
from braggfill.crystal.levels import WHOLE, Level
from braggfill.crystal.likelihood import NARROWEST, misfit, noise_misfit
from braggfill.crystal.polish import SMOOTHER_BY, Way, settled
from braggfill.crystal.roughness import dilated
from braggfill.crystal.search import (
    FIRST_TURNS,
    LATER_TURNS,
    REFINED_BLUR,
    REFINING,
    TURNS,
    WRAPS,
    Fitting,
    State,
    Wrap,
    better,
    in_wraps,
    random_starts,
    refined,
    search,
    take_turn,
)
from braggfill.retrieval.grids import centred, resampled, without_taper
from braggfill.retrieval.options import SearchOptions, TreatmentName
from braggfill.retrieval.pattern import Pattern
from braggfill.retrieval.result import LARGEST_SUPPORT, Found, Start
from braggfill.retrieval.starts import random_crystal
from braggfill.retrieval.view import View, level_shares, view_of

LIFTS = 3
"""Times that an object which has not converged is iterated on the whole pattern and fitted again."""
STEPS = Way(kappa=0.01, evaluations=25), Way(kappa=0.0, evaluations=75)
"""Of the fits there."""
CLIMB_STEPS = 10
"""Most steps that progress counts while a start is carried up."""
LAST = Way(kappa=0.0, evaluations=100)
NO_WIDTH = 1.01 * NARROWEST
"""Voxels up to which a width says full coherence: the fit gives none below the narrowest."""
FAR_WORSE = 2.0
"""Deviance of hidden counts, over that with the coherence fitted, from which on full coherence is given up before its last
fits. Of three known crystals ``--coherence full`` had 6 to 8 times it with light blurred by half a voxel."""
WITHIN = 1.1
"""Objects whose hidden counts' deviance is at most so many times the best one's are averaged."""
MOST_SIDE_BY_SIDE = 2**23
"""Voxels of the largest pattern whose starts are taken side by side: each takes some hundred bytes a voxel."""
PRIOR = Prior(mu=0.03, search_mu=0.003)
"""A tenth of the roughness' usual weights: iterated on the whole pattern, objects carry no stripes that it had to take off, and
the object is asked for, whose core of a dislocation and whose edges are rough."""
Support = Bool[Tensor, "frames rows columns"]


@dataclass(frozen=True, eq=False)
class Attempt:
    """Where a start is."""

    view: View
    wrap: Wrap
    share: float
    """Of the pattern, that its state stands for."""
    state: State

    @property
    def support_share(self) -> float:
        """Of the array, that its support takes up."""
        return float(self.state.support.float().mean())

    @property
    def promise(self) -> tuple[bool, float]:
        """Less is better: whether it is too large to be determined, and its handicapped misfit on its level."""
        return self.support_share > LARGEST_SUPPORT, self.wrap.handicap * float(self.state.misfit)

    @cached_property
    def deviance(self) -> float:
        """Mean Poisson deviance of the hidden counts on its level."""
        hidden = self.view.hidden_level(self.share)
        expected = expected_counts(self.state.crystal, self.state.instrument, hidden)[0, hidden.measured]
        return poisson_deviance(expected.cpu().numpy(), hidden.target[hidden.measured].cpu().numpy())

    @cached_property
    def end(self) -> Start:
        """How it ended, if it goes no further."""
        level = self.view.level(self.share)
        expected = expected_counts(self.state.crystal, self.state.instrument, level)
        ours, noise = float(misfit(level, expected)), float(noise_misfit(level, expected))
        f, r, c = (w if w > NO_WIDTH else 0.0 for w in self.state.instrument.widths[0].tolist())
        return Start(self.view.number, self.deviance, ours, noise, (f, r, c), self.support_share, finished=True)

    @property
    def rank(self) -> tuple[bool, float]:
        """Less is better: whether it did not converge, and what it says of the hidden counts."""
        return not self.end.converged, self.deviance


def partial_starts(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Support | None,
    options: SearchOptions,
    place: torch.device,
    on_progress: Progress,
) -> tuple[list[Start], list[Found]]:
    """How all random starts ended, and what the best of them found.

    Parameters
    ----------
    pattern : Pattern
    treatment : TreatmentName
    support : bool tensor (frames, rows, columns), optional
        Where the object may be to begin with, about the middle of the array; else half the autocorrelation's.
    options : SearchOptions
    place : torch device
    on_progress : callable
        Called with the turns and fits made, and their total.

    Returns
    -------
    starts : list of Start
        Those that converged first, then those that tell the hidden counts better.
    found : list of Found
        Of the best one, and of those as good.
    """
    shares = level_shares(pattern, treatment)
    steps = Steps(on_progress, options.starts * len(TURNS) + options.keep * CLIMB_STEPS)

    def begun(number: int, wrap: Wrap) -> Attempt:
        view = view_of(pattern, treatment, options.seed, number, place)
        with steps.piece(len(TURNS)) as tick:
            return searched_coarsely(view, wrap, shares[0], support, tick)

    def carried(attempt: Attempt) -> Attempt:
        with steps.piece(CLIMB_STEPS) as tick:
            return carried_up(attempt, shares, tick)

    def all_begun(numbered: list[tuple[int, Wrap]]) -> list[Attempt]:
        return together(pattern, place, [part(begun, *one) for one in numbered], steps.stop)

    searched = sorted(in_wraps(WRAPS, options.starts, all_begun), key=lambda attempt: attempt.promise)
    climbed = together(pattern, place, [part(carried, attempt) for attempt in searched[: options.keep]], steps.stop)
    climbed = sorted(as_hidden_counts_say(climbed), key=lambda attempt: attempt.rank)
    best = climbed[0].end
    ends = [replace(attempt.end, averaged=as_good(attempt.end, best)) for attempt in climbed]
    found = [found_by(attempt, end) for attempt, end in zip(climbed, ends, strict=True) if end.averaged]
    return ends + [replace(attempt.end, finished=False) for attempt in searched[options.keep :]], found


def together(
    pattern: Pattern, place: torch.device, works: Sequence[Callable[[], Attempt]], stop: Callable[[], None] = lambda: None
) -> list[Attempt]:
    """What becomes of several starts: side by side, or of a large pattern one after the other."""
    small = pattern.counts.size <= MOST_SIDE_BY_SIDE
    return side_by_side(works, stop, place) if small else [work() for work in works]


def as_good(end: Start, best: Start) -> bool:
    """Whether a start is averaged with the best one: it converged if that did, and tells the hidden counts about as well."""
    return end.converged == best.converged and end.deviance <= WITHIN * best.deviance


def searched_coarsely(view: View, wrap: Wrap, share: float, support: Support | None, tick: Tick = lambda: None) -> Attempt:
    """A random start taken through the search on the coarse level."""
    level, fitting = view.level(share), PRIOR.searching(wrap)
    if support is not None:
        begin = begun_inside(level, support, view)
        return Attempt(view, wrap, share, search(level, begin, TURNS, fitting, tick))
    axes = fine_axes(level)
    thin = decimated(level, axes)
    state = search(thin, random_starts(thin, 1, view.rng), TURNS, fitting, tick, FIRST_TURNS)
    if any(axes):
        state = refined(level, on_every_line(state, level, axes), REFINING, fitting)
    return Attempt(view, wrap, share, search(level, state, TURNS, fitting, tick, LATER_TURNS))


def begun_inside(level: Level, support: Support, view: View) -> State:
    """Random phases in a support (frames, rows, columns) on another grid of the same extent."""
    inside = torch.from_numpy(resampled(support.cpu().numpy(), level.shape)).to(view.place)
    crystal = random_crystal(view.rng, inside, float((level.target * level.taper).sum()))
    return replace(random_starts(level, 1, view.rng), crystal=crystal[None], support=inside[None])


def carried_up(attempt: Attempt, shares: list[float], tick: Tick) -> Attempt:
    """A start on the whole pattern, iterated there until it has converged."""
    levels = [attempt.view.level(share) for share in shares]
    whole, climbing = levels[-1], PRIOR.climbing(attempt.wrap)
    state = fitted(whole, climb(levels, attempt.state, climbing, tick=tick)[0])
    tick()
    for _ in range(LIFTS):
        if state.converged:
            break
        state = better(state, lifted(whole, state, climbing))
        tick()
    return at_last(replace(attempt, share=WHOLE, state=state))


def lifted(level: Level, state: State, climbing: Fitting) -> State:
    """A state iterated on the whole pattern and fitted again."""
    return fitted(level, take_turn(level, state, LIFT, (BLUR, REFINED_BLUR), climbing))


def fitted(level: Level, state: State) -> State:
    """A state fitted until counting noise alone is expected."""
    for way in STEPS:
        state = settled(level, state, way, PRIOR.mu)
    return state


def loosened(attempt: Attempt) -> Attempt:
    """A start on the whole pattern fitted in a support a voxel wider, where its hidden counts say that it gains by it.

    The support was cut for the search, and at the crystal's soft edge a little too tightly.
    """
    level, state = attempt.view.level(WHOLE), attempt.state
    wider = replace(attempt, state=settled(level, replace(state, support=dilated(state.support)), LAST, PRIOR.mu))
    return min(attempt, wider, key=lambda a: a.deviance)


def smoothed(attempt: Attempt) -> Attempt:
    """A start on the whole pattern fitted with its phase smooth as well, as long as its hidden counts gain by it."""
    level = attempt.view.level(WHOLE)
    for smoother in SMOOTHER_BY:
        way = replace(LAST, smoother=smoother)
        smoother_one = replace(attempt, state=settled(level, attempt.state, way, PRIOR.mu))
        if smoother_one.deviance > attempt.deviance:
            break
        attempt = smoother_one
    return attempt


def as_hidden_counts_say(climbed: list[Attempt]) -> list[Attempt]:
    """Starts as they are, or with full coherence where that tells the best one's hidden counts as well.

    Its last fits are only made where it is not far worse before them.
    """
    best = min(climbed, key=lambda attempt: attempt.rank)
    coherent, view = with_full_coherence(best), best.view
    if coherent.deviance > FAR_WORSE * best.deviance or (coherent := at_last(coherent)).deviance > best.deviance:
        return climbed
    others = [attempt for attempt in climbed if attempt is not best]
    fitted_again = together(
        view.pattern, view.place, [part(lambda a: at_last(with_full_coherence(a)), other) for other in others]
    )
    return [coherent, *fitted_again]


def with_full_coherence(attempt: Attempt) -> Attempt:
    """A start fitted with widths so narrow that the loss does not change with them, which therefore stay."""
    level, instrument = attempt.view.level(WHOLE), attempt.state.instrument
    narrow = replace(instrument, widths=torch.full_like(instrument.widths, NARROWEST))
    state = refined(level, replace(attempt.state, instrument=narrow), REFINING, PRIOR.climbing())
    return replace(attempt, state=fitted(level, state))


def at_last(attempt: Attempt) -> Attempt:
    """A start on the whole pattern after its last fits, those of them that its hidden counts gain by."""
    return smoothed(loosened(attempt))


def found_by(attempt: Attempt, end: Start) -> Found:
    """The object of a start on the whole pattern, on the pattern's own grid; frames are as bright as it on average."""
    level, factors = attempt.view.level(WHOLE), attempt.state.instrument.frame_factors[0]
    by_frame = level.target.sum((1, 2))
    crystal = without_taper(attempt.state.crystal[0], level, attempt.view.pattern)
    crystal *= ((factors * by_frame).sum() / by_frame.sum()).sqrt()
    inside = torch.from_numpy(resampled(attempt.state.support[0].cpu().numpy(), tuple(crystal.shape)))
    crystal, support = centred(crystal, inside.to(crystal.device))
    return Found(end, crystal.cpu().numpy(), support)
