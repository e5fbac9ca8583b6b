"""An object that is right nearly everywhere, made even and smooth beyond what counts allow, then ever less so.

Where light is little coherent an object may correlate with the true one by 0.98, and yet be held by lines along which its
transform vanishes, a fringe from where they belong, in too many places for any to be set free alone. What they add to the
object is rough. Asked to be as even and smooth as no crystal is, it loses them, for the bright voxels, which would hold it
back, do not decide yet (κ); as the weight falls, the counts bring back what is the crystal's.
"""

import numpy as np

from braggfill.crystal.model.levels import Level
from braggfill.crystal.search.climb import UNSURE
from braggfill.crystal.search.turns import State
from braggfill.crystal.search.ways import Way, settled

ANNEALING = tuple(Way(UNSURE, 30, smoother=1.0, mu=float(mu)) for mu in np.geomspace(9, 0.03, 8))
"""One fit after the other, the roughness of amplitude and phase weighing ever less."""
ALL_EVALUATIONS = sum(way.evaluations for way in ANNEALING)
"""Of the loss, at most."""


def annealed(level: Level, state: State) -> State:
    """A state after these fits within its support."""
    for way in ANNEALING:
        state = settled(level, state, way)
    return state
