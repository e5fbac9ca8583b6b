"""What a retrieval gives: the object, how every start ended, and what a user should know before trusting it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Complex64, Float
from numpy.typing import NDArray
from torch import Tensor

from braggfill.crystal.search.turns import CONVERGED
from braggfill.retrieval.options import Coherence, RetrievalOptions
from braggfill.scan.gaps import AXIS_NAMES

LARGEST_SUPPORT = 1 / 8
"""Share of the array above which an object is not determined by its pattern: half of it along each axis."""
LEAST_OVERSAMPLING, ALIKE = 2.0, 0.9
"""Below these a user is warned."""


@dataclass(frozen=True)
class Start:
    """How one random start ended."""

    number: int
    hidden_deviance: float
    """Mean Poisson deviance of the hidden counts: the free log-likelihood, up to its sign and a constant; less is better."""
    misfit: float
    """Mean square difference of the counts' doubled roots, over what the iteration took as measured."""
    noise_misfit: float
    """What Poisson noise about its own model would have."""
    widths: tuple[float, float, float]
    """Of partial coherence's Gaussian along frames, rows and columns, in voxels; 0 for full coherence."""
    support_share: float
    """Of the array, that its support takes up."""
    finished: bool
    """Whether it was one of the best and taken to the end; if not, its figures are those of the search."""
    averaged: bool = False
    """Whether it is part of the object."""

    @property
    def converged(self) -> bool:
        """Whether no more than counting noise is left of the whole pattern, by an object that the pattern determines."""
        return self.finished and self.support_share <= LARGEST_SUPPORT and self.misfit <= CONVERGED * self.noise_misfit


@dataclass(frozen=True, eq=False)
class Found:
    """What one random start found."""

    start: Start
    crystal: Complex64[NDArray[np.complex64], "frames rows columns"]
    """The object in the middle."""
    support: Bool[Tensor, "frames rows columns"]
    """Where it is."""


@dataclass(frozen=True)
class RetrievalResult:
    """A retrieved object, in the middle of its arrays."""

    crystal: Complex64[NDArray[np.complex64], "frames rows columns"]
    """The best starts' common mode; the squared modulus of its Fourier transform is what fully coherent light would count."""
    support: Bool[NDArray[np.bool_], "frames rows columns"]
    """Where the object is."""
    starts: list[Start]
    """Best first."""
    modes: Float[NDArray[np.floating[Any]], " averaged"]
    """Shares of the energy in the orthogonal modes of the averaged starts; the first is 1 if all are alike."""
    oversampling: tuple[float, float, float]
    """Array size over the autocorrelation's half size; 2 where that fills the array."""
    options: RetrievalOptions
    """With the treatment that was taken."""
    fell_back: str = ""
    """Why the processor computed all of it and not the graphics card, where the card's memory did not suffice."""

    @property
    def coherence(self) -> Coherence:
        """What the hidden counts chose, or the user."""
        return "partial" if any(self.starts[0].widths) else "full"

    @property
    def converged(self) -> int:
        """How many starts converged."""
        return sum(start.converged for start in self.starts)

    @property
    def tried(self) -> int:
        """How many starts were taken to the end."""
        return sum(start.finished for start in self.starts)

    @property
    def summary(self) -> str:
        """How many starts converged, and how coherent the light was, as a part of a sentence."""
        f, r, c = self.starts[0].widths
        light = "full coherence"
        if self.coherence == "partial":
            light = f"partial coherence of {f:.2f}, {r:.2f} and {c:.2f} voxels along frames, rows and columns"
        return f"{self.converged} of {self.tried} starts taken to the end converged, {light}"

    @property
    def warnings(self) -> list[str]:
        """Plain sentences about what a user should know before trusting the result."""
        found = [self.fell_back] if self.fell_back else []
        coarse = [axis for axis, s in zip(AXIS_NAMES, self.oversampling, strict=True) if s <= LEAST_OVERSAMPLING]
        if coarse:
            found.append(
                f"the pattern is sampled too coarsely along {' and '.join(coarse)}s: the object seems to fill more than half "
                "of the array (oversampling under 2) and cannot be told from others; measure in finer steps, or farther away"
            )
        best = self.starts[0]
        if not self.converged:
            why = (
                f"misfit is {best.misfit / best.noise_misfit:.1f} times that of counting noise, at most {CONVERGED} is expected"
            )
            if best.support_share > LARGEST_SUPPORT:
                why = f"object takes up {100 * best.support_share:.0f} % of the array, in which any counts can be explained"
            found.append(
                f"no start converged: the best one's {why}; do not take this object for the crystal, but try more starts, "
                "another treatment of the gaps or a mask that leaves out aliens"
            )
        if len(self.modes) > 1 and self.modes[0] < ALIKE:
            found.append(
                f"the starts do not agree: only {100 * self.modes[0]:.0f} % of their energy is common to all; use more "
                "iterations or starts"
            )
        return found
