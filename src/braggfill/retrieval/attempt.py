"""Where a start of the search with partial coherence is, and what is said of it there."""

from dataclasses import dataclass
from functools import cached_property

from braggfill.base.metrics import poisson_deviance
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.likelihood import NARROWEST
from braggfill.crystal.model.misfit import misfit, noise_misfit
from braggfill.crystal.search.turns import State
from braggfill.crystal.search.wraps import Wrap
from braggfill.retrieval.result import LARGEST_SUPPORT, Start
from braggfill.retrieval.view import View

NO_WIDTH = 1.01 * NARROWEST
"""Voxels up to which a width says full coherence: the fit gives none below the narrowest."""


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
        return self.support_share > LARGEST_SUPPORT, self.wrap.handicap * self.state.misfit

    @cached_property
    def hidden_deviance(self) -> float:
        """Mean Poisson deviance of the hidden counts on its level."""
        hidden = self.view.hidden_level(self.share)
        expected = expected_counts(self.state.crystal, self.state.instrument, hidden)[hidden.measured]
        return poisson_deviance(expected.cpu().numpy(), hidden.target[hidden.measured].cpu().numpy())

    @cached_property
    def end(self) -> Start:
        """How it ended, if it goes no further."""
        level = self.view.level(self.share)
        expected = expected_counts(self.state.crystal, self.state.instrument, level)
        ours, noise = misfit(level, expected), noise_misfit(level, expected)
        f, r, c = (w if w > NO_WIDTH else 0.0 for w in self.state.instrument.widths.tolist())
        return Start(self.view.number, self.hidden_deviance, ours, noise, (f, r, c), self.support_share, finished=True)

    @property
    def rank(self) -> tuple[bool, float]:
        """Less is better: whether it did not converge, and what it says of the hidden counts."""
        return not self.end.converged, self.hidden_deviance
