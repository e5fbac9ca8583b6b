"""Ways of fitting a state on the whole pattern."""

from dataclasses import dataclass, replace
from typing import Any

from braggfill.base.memory import give_back
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.likelihood import Terms, fit
from braggfill.crystal.model.roughness import dilated
from braggfill.crystal.search.turns import REFINED_CUT, ROUGHNESS_WEIGHT, Fitting, State, judged

Change = dict[str, Any]
"""What is other in a way than in the one before."""
COUNTED = "smoother", "cut", "freed", "loosened", "annealed"
"""What a change may make larger."""


@dataclass(frozen=True)
class Way:
    """How a state is fitted."""

    kappa: float
    evaluations: int
    """Of the loss, at most."""
    smoother: float | None = None
    """Factor on the weight of the roughness if the phase is to be smooth as well as the amplitude."""
    cut: float = REFINED_CUT
    """Of the blurred modulus' maximum where the support is cut anew, or was cut when the state came to the whole level."""
    mu: float = ROUGHNESS_WEIGHT
    """Weight of the interior amplitude's roughness."""
    freed: int = 0
    """Times that its transform was made anew where it contradicts the counts."""
    loosened: int = 0
    """Times that its support was loosened by a voxel, fitted in, and cut anew."""
    annealed: int = 0
    """Times that it was made smooth beyond what counts allow, then ever less."""

    def further(self, change: Change) -> bool:
        """Whether a change would make κ or μ smaller, the phase smoother or the support tighter, loosen, free or anneal it."""
        smaller = any(change[name] < getattr(self, name) for name in ("kappa", "mu") if name in change)
        larger = any(change.get(name, 0) > (getattr(self, name) or 0) for name in COUNTED)
        return smaller or larger

    @property
    def fitting(self) -> Fitting:
        """As it is on the way up."""
        return Fitting(self.kappa, self.mu, self.cut)


def settled(level: Level, state: State, way: Way) -> State:
    """A state after a fit within its support."""
    give_back()
    terms = Terms(way.kappa, way.mu * (way.smoother or 1.0), way.smoother is not None, unbiased=True)
    found = fit(level, state.crystal, state.support, state.instrument, way.evaluations, terms)
    return judged(level, found, state.support, way.kappa)


def settled_wider(level: Level, state: State, way: Way) -> State:
    """A state after a fit within a support a voxel wider than its own."""
    return settled(level, replace(state, support=dilated(state.support)), way)
