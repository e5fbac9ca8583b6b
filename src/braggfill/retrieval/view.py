"""What one start of the search with partial coherence sees of a pattern, and what is hidden from it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray

from braggfill.base.randomness import start_generator
from braggfill.crystal.model.levels import WHOLE, Level, shares_of, tapered_level
from braggfill.retrieval.hidden_voxels import hide_voxels
from braggfill.retrieval.options import TreatmentName
from braggfill.retrieval.pattern import Pattern
from braggfill.retrieval.treatments import known_counts

SHORTEST_AXIS = 32
"""Voxels along an axis that a coarse level has at least: on fewer crystals do not converge."""


@dataclass(frozen=True, eq=False)
class View:
    """What one start sees of a pattern, and the counts that are hidden from it."""

    number: int
    pattern: Pattern
    treatment: TreatmentName
    hidden: Bool[NDArray[np.bool_], "frames rows columns"]
    rng: np.random.Generator
    """The start's random numbers, after hiding."""
    device: torch.device

    def level(self, share: float) -> Level:
        """The central share of what it sees."""
        return self._level(self.treatment, self.hidden, share)

    def hidden_level(self, share: float) -> Level:
        """The central share of what is hidden from it, measured where it is hidden; where anything is if nothing is hidden."""
        others = self.pattern.measured & ~self.hidden & self.hidden.any()
        return self._level("free", others, share)

    def _level(self, treatment: TreatmentName, unknown: NDArray[np.bool_], share: float) -> Level:
        scan = known_counts(self.pattern, treatment, unknown)
        return tapered_level(scan, share, self.device)


def level_shares(pattern: Pattern, treatment: TreatmentName) -> list[float]:
    """Shares of the pattern that the levels hold, coarse to fine."""
    scan = known_counts(pattern, treatment, np.zeros_like(pattern.missing))
    shortest = min(pattern.counts.shape)
    return [share for share in shares_of(scan) if share == WHOLE or share * shortest >= SHORTEST_AXIS]


def view_of(pattern: Pattern, treatment: TreatmentName, seed: int, number: int, device: torch.device) -> View:
    """What a start sees."""
    rng = start_generator(seed, number)
    return View(number, pattern, treatment, hide_voxels(rng, pattern), rng, device)
