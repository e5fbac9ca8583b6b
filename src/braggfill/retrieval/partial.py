"""The search with partial coherence: random starts on a coarse level, the best carried to the whole pattern.

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

from braggfill.base.errors import InputError
from braggfill.base.progress import Progress, Steps, Tick
from braggfill.base.vanishing import lasting, or_none, some
from braggfill.crystal.model.levels import Level
from braggfill.crystal.search.decimation import decimated, fine_axes, on_every_line
from braggfill.crystal.search.turns import FIRST_TURNS, LATER_TURNS, TURNS, State, random_start, refined, search, start_inside
from braggfill.crystal.search.wraps import WRAPS, Wrap, in_wraps
from braggfill.retrieval.attempt import Attempt
from braggfill.retrieval.carried import ROUGHNESS, carried_up, fitted_to_the_end, found_by, with_full_coherence
from braggfill.retrieval.grids import resampled
from braggfill.retrieval.options import SearchOptions, TreatmentName
from braggfill.retrieval.pattern import Pattern
from braggfill.retrieval.result import Found, Start
from braggfill.retrieval.view import View, level_shares, view_of

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
Support = Bool[Tensor, "frames rows columns"]


def partial_starts(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Support | None,
    options: SearchOptions,
    device: torch.device,
    on_progress: Progress,
) -> tuple[list[Start], list[Found]]:
    """How all random starts ended that did not vanish, and what the best of them found.

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
    most = searched_of(options)
    steps = Steps(on_progress, options.starts * START_STEPS + most * FURTHER_STEPS + options.kept * CLIMB_STEPS + LAST_STEPS)
    return PartialSearch(pattern, treatment, support, options, device, steps).ended()


def searched_of(options: SearchOptions) -> int:
    """How many starts are searched further."""
    return min(options.kept + SPARE, options.starts)


@dataclass(frozen=True)
class PartialSearch:
    """The search for the object of one pattern: starts side by side, and what they report to."""

    pattern: Pattern
    treatment: TreatmentName
    support: Support | None
    options: SearchOptions
    device: torch.device
    steps: Steps

    @cached_property
    def shares(self) -> list[float]:
        """Of the pattern that the levels hold."""
        return level_shares(self.pattern, self.treatment)

    def ended(self) -> tuple[list[Start], list[Found]]:
        """How the starts ended, the best first, and what the best one and those as good found."""
        kept = self.options.kept
        searched = self.searched()
        climbed = some(self.together([part(self._carried, attempt) for attempt in searched[:kept]]))
        climbed = sorted(self.as_hidden_counts_say(climbed), key=lambda attempt: attempt.rank)
        best = climbed[0].end
        ends = [replace(attempt.end, averaged=as_good(attempt.end, best)) for attempt in climbed]
        found = [found_by(attempt, end) for attempt, end in zip(climbed, ends, strict=True) if end.averaged]
        return ends + [replace(attempt.end, finished=False) for attempt in searched[kept:]], found

    def searched(self) -> list[Attempt]:
        """All starts on the coarse level, the promising ones searched further and before the others."""
        most = searched_of(self.options)
        started = sorted(in_wraps(WRAPS, self.options.starts, self._started), key=lambda attempt: attempt.promise)
        promising = some(self.together([part(self._further, attempt) for attempt in started[:most]]))
        return sorted(promising, key=lambda attempt: attempt.promise) + started[most:]

    def as_hidden_counts_say(self, climbed: list[Attempt]) -> list[Attempt]:
        """Starts as they are, or with full coherence where that tells the best one's hidden counts as well.

        It is only fitted to the end where it is not far worse before.
        """
        best = min(climbed, key=lambda attempt: attempt.rank)
        with self.steps.piece(LAST_STEPS) as tick:
            coherent = or_none(part(with_full_coherence, best))()
            tick()
            if coherent is None or coherent.hidden_deviance > FAR_WORSE * best.hidden_deviance:
                return climbed
            coherent = or_none(part(fitted_to_the_end, coherent))()
            if coherent is None or coherent.hidden_deviance > best.hidden_deviance:
                return climbed
            tick()
            others = [attempt for attempt in climbed if attempt is not best]
            again = [part(lambda one: fitted_to_the_end(with_full_coherence(one)), other) for other in others]
            return [coherent, *self.together(again)]

    def together(self, works: Sequence[Callable[[], Attempt]]) -> list[Attempt]:
        """What becomes of those starts that do not vanish: side by side, or of a large pattern one after the other."""
        if self.pattern.counts.size <= MOST_SIDE_BY_SIDE:
            return lasting(works, self.steps.stop, self.device)
        return [attempt for attempt in (or_none(work)() for work in works) if attempt is not None]

    def _started(self, numbered: list[tuple[int, Wrap]]) -> list[Attempt]:
        return self.together([part(self._begun, *one) for one in numbered])

    def _begun(self, number: int, wrap: Wrap) -> Attempt:
        view = view_of(self.pattern, self.treatment, self.options.seed, number, self.device)
        with self.steps.piece(START_STEPS) as tick:
            return searched_coarsely(view, wrap, self.shares[0], self.support, tick)

    def _further(self, attempt: Attempt) -> Attempt:
        with self.steps.piece(FURTHER_STEPS) as tick:
            return searched_further(attempt, tick)

    def _carried(self, attempt: Attempt) -> Attempt:
        with self.steps.piece(CLIMB_STEPS) as tick:
            return carried_up(attempt, self.shares, tick)


def as_good(end: Start, best: Start) -> bool:
    """Whether a start is averaged with the best one: it converged if that did, and tells the hidden counts about as well."""
    return end.converged == best.converged and end.hidden_deviance <= WITHIN * best.hidden_deviance


def searched_coarsely(view: View, wrap: Wrap, share: float, support: Support | None, tick: Tick = lambda: None) -> Attempt:
    """A random start taken through the first turns of the search, on the coarse level."""
    level, fitting = view.level(share), ROUGHNESS.searching(wrap)
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
    level, fitting = attempt.view.level(attempt.share), ROUGHNESS.searching(attempt.wrap)
    return replace(attempt, state=search(level, attempt.state, TURNS, fitting, tick, LATER_TURNS))


def begun_inside(level: Level, support: Support, view: View) -> State:
    """Random phases in a support (frames, rows, columns) on another grid of the same extent."""
    inside = torch.from_numpy(resampled(support.cpu().numpy(), level.shape)).to(view.device)
    if not inside.any():
        raise InputError("support: got one too thin for any voxel of the coarse level, expected two voxels and more; dilate it")
    return start_inside(level, view.rng, inside)
