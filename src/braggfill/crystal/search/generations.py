"""Guided generations: what the best starts have in common, fitted, comes nearer to the crystal than any of them.

Starts that are stuck are wrong in different places: one has lost a corner, the next has stripes in its amplitude. Their mean,
once they lie on each other, has half of each fault, and the fit goes on from there; what comes of it has a mean with the others
again.

References
----------
guided generations: C.-C. Chen, J. Miao, C. W. Wang, T. K. Lee, Phys. Rev. B 76, 064113 (2007),
https://doi.org/10.1103/PhysRevB.76.064113
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from braggfill.crystal.model.levels import Level
from braggfill.crystal.search.alignment import in_common
from braggfill.crystal.search.turns import REFINED_BLUR, Fitting, State, refined, tightened, wide_enough
from braggfill.crystal.search.wraps import Searched, Wrap

FAMILIES = 2, 3, 4
"""So many of the best have a mean of their own in each generation."""
REFINEMENTS_OF_A_MEAN = 2
"""Of the support, after a mean."""
WORTHWHILE = 0.9
"""Another generation follows one that left at most this share of the best misfit."""


@dataclass(frozen=True)
class Started:
    """A start after the first turns of the search, or what was made of the mean of some."""

    number: int
    """Of the start; means are numbered on from the starts."""
    wrap: Wrap
    """Of the start, or of the best one in the mean."""
    state: State

    @property
    def promise(self) -> float:
        """Less is better: its handicapped misfit."""
        return self.wrap.handicap * self.state.misfit


One = TypeVar("One", bound=Searched)


def guided(found: list[One], generations: int, make: Callable[[list[list[One]]], list[One]]) -> list[One]:
    """Objects that were found and, after them, generations of means of the best, as long as these are worth while.

    Parameters
    ----------
    found : list
        Whatever has a promise.
    generations : int
        At most.
    make : callable
        From the best by family, the best first, to what is made of the mean of each.
    """
    for _ in range(generations):
        best = sorted(found, key=lambda one: one.promise)
        found = found + make([best[:size] for size in FAMILIES if size <= len(best)])
        if min(one.promise for one in found) > WORTHWHILE * best[0].promise:
            break
    return found


def common(level: Level, states: Sequence[State], fitting: Fitting) -> State:
    """What the best object of some has in common with the others, refined.

    Parameters
    ----------
    level : Level
    states : sequence of State
        The best first; the instrument is that one's.
    fitting : Fitting

    Raises
    ------
    VanishedError
        If nothing is left of it.
    """
    mean, _ = in_common([state.crystal.cpu().numpy() for state in states])
    crystal = torch.from_numpy(mean).to(states[0].crystal)
    support = tightened(crystal.abs(), REFINED_BLUR, fitting.cut, level.roomiest)
    instrument = wide_enough(states[0].instrument)
    state = replace(states[0], crystal=crystal * support, support=support, instrument=instrument)
    for _ in range(REFINEMENTS_OF_A_MEAN):
        state = refined(level, state, fitting)
    return state
