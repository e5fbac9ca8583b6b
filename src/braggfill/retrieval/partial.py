"""The search with partial coherence: random starts on a coarse level, the best carried to the whole pattern and iterated there.

Whether the light was partially coherent at all is for the hidden counts to say: the best object is fitted once more with full
coherence, and what tells them better is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial as part

import torch
from jaxtyping import Bool
from torch import Tensor

from braggfill.base.errors import InputError
from braggfill.base.progress import Progress, Steps, Tick
from braggfill.base.vanishing import lasting, or_none, some
from braggfill.crystal.model.levels import WHOLE, Level
from braggfill.crystal.model.likelihood import NARROWEST
from braggfill.crystal.model.roughness import dilated
from braggfill.crystal.search.climb import BLUR, LIFT, Prior, climb
from braggfill.crystal.search.decimation import decimated, fine_axes, on_every_line
from braggfill.crystal.search.polish import SMOOTHER_BY, Way, settled
from braggfill.crystal.search.turns import (
    FIRST_TURNS,
    LATER_TURNS,
    REFINED_BLUR,
    TURNS,
    Fitting,
    State,
    improved,
    random_start,
    refined,
    search,
    start_inside,
    take_turn,
)
from braggfill.crystal.search.wraps import WRAPS, Wrap, in_wraps
from braggfill.retrieval.attempt import Attempt
from braggfill.retrieval.grids import centred, resampled, without_taper
from braggfill.retrieval.options import SearchOptions, TreatmentName
from braggfill.retrieval.pattern import Pattern
from braggfill.retrieval.result import Found, Start
from braggfill.retrieval.view import View, level_shares, view_of

LIFTS = 3
"""Times that an object which has not converged is iterated on the whole pattern and fitted again."""
SPARE = 1
"""Starts searched further beside those that are carried up."""
START_STEPS, FURTHER_STEPS, CLIMB_STEPS, LAST_STEPS = len(TURNS[FIRST_TURNS]), len(TURNS[LATER_TURNS]), 10, 3
"""Most steps that progress counts in a start, while it is searched further, while it is carried up, and of full coherence."""
FAR_WORSE = 1.2
"""Deviance of hidden counts, over that with the coherence fitted, from which on full coherence is given up before its last
fits: of three known crystals 2.2 to 7 times it with light blurred by half a voxel, 1.05 at most without blur."""
WITHIN = 1.1
"""Objects whose hidden counts' deviance is at most so many times the best one's are averaged."""
MOST_SIDE_BY_SIDE = 2**23
"""Voxels of the largest pattern whose starts are taken side by side: each takes some hundred bytes a voxel."""
PRIOR = Prior(mu=0.03, search_mu=0.003)
"""A tenth of the roughness' usual weights: iterated on the whole pattern, objects carry no stripes that it had to take off, and
the object is asked for, whose core of a dislocation and whose edges are rough."""
FITS = Way(kappa=0.01, evaluations=25, mu=PRIOR.mu), Way(kappa=0.0, evaluations=75, mu=PRIOR.mu)
"""Of the fits on the whole pattern."""
LAST = Way(kappa=0.0, evaluations=100, mu=PRIOR.mu)
Support = Bool[Tensor, "frames rows columns"]


def partial_starts(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Support | None,
    options: SearchOptions,
    device: torch.device,
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
    device : torch device
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
    most = min(options.kept + SPARE, options.starts)
    steps = Steps(on_progress, options.starts * START_STEPS + most * FURTHER_STEPS + options.kept * CLIMB_STEPS + LAST_STEPS)

    def begun(number: int, wrap: Wrap) -> Attempt:
        view = view_of(pattern, treatment, options.seed, number, device)
        with steps.piece(START_STEPS) as tick:
            return searched_coarsely(view, wrap, shares[0], support, tick)

    def further(attempt: Attempt) -> Attempt:
        with steps.piece(FURTHER_STEPS) as tick:
            return searched_further(attempt, tick)

    def carried(attempt: Attempt) -> Attempt:
        with steps.piece(CLIMB_STEPS) as tick:
            return carried_up(attempt, shares, tick)

    def all_begun(numbered: list[tuple[int, Wrap]]) -> list[Attempt]:
        return some(together(pattern, device, [part(begun, *one) for one in numbered], steps.stop)) if numbered else []

    started = sorted(in_wraps(WRAPS, options.starts, all_begun), key=lambda attempt: attempt.promise)
    promising = some(together(pattern, device, [part(further, attempt) for attempt in started[:most]], steps.stop))
    searched = sorted(promising, key=lambda attempt: attempt.promise) + started[most:]
    climbed = some(together(pattern, device, [part(carried, attempt) for attempt in searched[: options.kept]], steps.stop))
    climbed = sorted(as_hidden_counts_say(climbed, steps), key=lambda attempt: attempt.rank)
    best = climbed[0].end
    ends = [replace(attempt.end, averaged=as_good(attempt.end, best)) for attempt in climbed]
    found = [found_by(attempt, end) for attempt, end in zip(climbed, ends, strict=True) if end.averaged]
    return ends + [replace(attempt.end, finished=False) for attempt in searched[options.kept :]], found


def together(
    pattern: Pattern, device: torch.device, works: Sequence[Callable[[], Attempt]], stop: Callable[[], None]
) -> list[Attempt]:
    """What becomes of those starts that do not vanish: side by side, or of a large pattern one after the other."""
    if pattern.counts.size <= MOST_SIDE_BY_SIDE:
        return lasting(works, stop, device)
    return [attempt for attempt in (or_none(work)() for work in works) if attempt is not None]


def as_good(end: Start, best: Start) -> bool:
    """Whether a start is averaged with the best one: it converged if that did, and tells the hidden counts about as well."""
    return end.converged == best.converged and end.hidden_deviance <= WITHIN * best.hidden_deviance


def searched_coarsely(view: View, wrap: Wrap, share: float, support: Support | None, tick: Tick = lambda: None) -> Attempt:
    """A random start taken through the first turns of the search, on the coarse level."""
    level, fitting = view.level(share), PRIOR.searching(wrap)
    if support is not None:
        begin = begun_inside(level, support, view)
        return Attempt(view, wrap, share, search(level, begin, TURNS, fitting, tick, FIRST_TURNS))
    axes = fine_axes(level)
    thin = decimated(level, axes)
    state = search(thin, random_start(thin, view.rng), TURNS, fitting, tick, FIRST_TURNS)
    if any(axes):
        state = refined(level, on_every_line(state, level, axes), fitting)
    return Attempt(view, wrap, share, state)


def searched_further(attempt: Attempt, tick: Tick = lambda: None) -> Attempt:
    """A start taken through the other turns."""
    level, fitting = attempt.view.level(attempt.share), PRIOR.searching(attempt.wrap)
    return replace(attempt, state=search(level, attempt.state, TURNS, fitting, tick, LATER_TURNS))


def begun_inside(level: Level, support: Support, view: View) -> State:
    """Random phases in a support (frames, rows, columns) on another grid of the same extent."""
    inside = torch.from_numpy(resampled(support.cpu().numpy(), level.shape)).to(view.device)
    if not inside.any():
        raise InputError("support: got one too thin for any voxel of the coarse level, expected two voxels and more; dilate it")
    return start_inside(level, view.rng, inside)


def carried_up(attempt: Attempt, shares: list[float], tick: Tick) -> Attempt:
    """A start on the whole pattern, iterated there until it has converged."""
    levels = [attempt.view.level(share) for share in shares]
    whole, climbing = levels[-1], PRIOR.climbing(attempt.wrap)
    state = fitted(whole, climb(levels, attempt.state, climbing, tick=tick)[0])
    tick()
    for _ in range(LIFTS):
        if state.converged:
            break
        state = improved(state, part(lifted, whole, state, climbing))
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
    wider = replace(attempt, state=settled(level, replace(state, support=dilated(state.support)), LAST))
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


def as_hidden_counts_say(climbed: list[Attempt], steps: Steps) -> list[Attempt]:
    """Starts as they are, or with full coherence where that tells the best one's hidden counts as well.

    It is only fitted to the end where it is not far worse before.
    """
    best = min(climbed, key=lambda attempt: attempt.rank)
    with steps.piece(LAST_STEPS) as tick:
        coherent, view = or_none(part(with_full_coherence, best))(), best.view
        tick()
        if coherent is None or coherent.hidden_deviance > FAR_WORSE * best.hidden_deviance:
            return climbed
        coherent = or_none(part(fitted_to_the_end, coherent))()
        if coherent is None or coherent.hidden_deviance > best.hidden_deviance:
            return climbed
        tick()
        others = [attempt for attempt in climbed if attempt is not best]
        again = [part(lambda one: fitted_to_the_end(with_full_coherence(one)), other) for other in others]
        return [coherent, *together(view.pattern, view.device, again, steps.stop)]


def with_full_coherence(attempt: Attempt) -> Attempt:
    """A start refined with widths so narrow that the loss does not change with them, which therefore stay."""
    level, instrument = attempt.view.level(WHOLE), attempt.state.instrument
    narrow = replace(instrument, widths=torch.full_like(instrument.widths, NARROWEST))
    return replace(attempt, state=refined(level, replace(attempt.state, instrument=narrow), PRIOR.climbing()))


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
