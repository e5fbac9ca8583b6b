"""An object that is right nearly everywhere, made even and smooth beyond what counts allow, then ever less so.

Where light is little coherent an object may correlate with the true one by 0.98, and yet be held by lines along which its
transform vanishes, a fringe from where they belong, in too many places for any to be set free alone. What they add to the
object is rough. Asked to be as even and smooth as no crystal is, it loses them, for the bright voxels, which would hold it
back, do not decide yet (κ); as the weight falls, the counts bring back what is the crystal's.
"""

import numpy as np

from braggfill.base.memory import give_back
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.likelihood import Terms, fit
from braggfill.crystal.search.turns import State, judged

WEIGHTS = tuple(float(mu) for mu in np.geomspace(9, 0.03, 8))
"""μ of the roughness of amplitude and phase, one fit after the other."""
KAPPA, EVALUATIONS = 0.05, 30
"""Share of its counts that a voxel varies by beyond counting noise, and evaluations of the loss, in each."""
ALL_EVALUATIONS = len(WEIGHTS) * EVALUATIONS
"""Of the loss, at most."""


def annealed(level: Level, state: State) -> State:
    """A state after these fits within its support."""
    for mu in WEIGHTS:
        give_back()
        found = fit(level, state.crystal, state.support, state.instrument, EVALUATIONS, Terms(KAPPA, mu, True, unbiased=True))
        state = judged(level, found, state.support, KAPPA)
    return state
