"""Regions of the pattern that an object contradicts, left out of one fit: the way out for an object that is right elsewhere.

Where the object's transform vanishes, along lines, its phase turns once about them. An object may agree with nearly all of the
pattern and have such a line on the wrong side of a few fringes; no small change brings it over, for the counts between hold it
back. The object is finite, so that the rest of the pattern says what belongs there, as it does in a gap: fitted without these
regions it forgets what it had there, and a fit to all counts goes on from what it expects.

References
----------
extrapolation of a finite object's transform: R. W. Gerchberg, Opt. Acta 21, 709 (1974), https://doi.org/10.1080/713818946
"""

from dataclasses import replace
from functools import partial

import torch

from braggfill.base.memory import give_back
from braggfill.base.progress import Tick
from braggfill.base.smoothing import gaussian_blur
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.misfit import square_errors
from braggfill.crystal.model.shapes import Object, Voxels
from braggfill.crystal.search.turns import Fitting, State, improved, refined

OVER = 1.5
"""Width in voxels of the Gaussian that squared errors are averaged with, so that no single voxel decides."""
CONTRADICTED = 3.0
"""Times the mean squared error of the pattern from which a region is left out, ..."""
MOST = 0.1
"""... most of the measured voxels, before the regions grow."""
GROWN, INTO_GAPS = 1, 5
"""Voxels that the regions grow by where they are measured, and in gaps: what is wrong is held by what lies about it."""
EXTRAPOLATED = 30
"""Iterations in which what was forgotten is made anew."""
TIMES, WORTHWHILE = 4, 0.95
"""Most times that one object is set free on a level, another one after one that left at most this share of its misfit."""


def set_free(level: Level, state: State, fitting: Fitting, tick: Tick = lambda: None) -> State:
    """One object, set free of what holds it as often as that is worth while until it converges."""
    for _ in range(TIMES):
        if state.converged:
            break
        give_back()
        before, state = state, improved(state, partial(freed, level, state, fitting))
        tick()
        if state.misfit > WORTHWHILE * before.misfit:
            break
    return state


def freed(level: Level, state: State, fitting: Fitting, forgetting: bool = False) -> State:
    """One object after a fit without what it contradicts, and one with it.

    Parameters
    ----------
    level : Level
    state : State
    fitting : Fitting
    forgetting : bool
        Whether its transform there is first made anew from what surrounds it, which frees an object that is right everywhere
        else and harms one that is not.
    """
    voxels = astray(level, state, fitting.kappa)
    begun = replace(state, crystal=forgotten(state, voxels)) if forgetting else state
    return refined(level, refined(level.without(voxels), begun, fitting), fitting)


def astray(level: Level, state: State, kappa: float) -> Voxels:
    """Voxels about which one object contradicts the counts, and those beside them, in gaps as far as ``INTO_GAPS``."""
    expected = expected_counts(state.crystal, state.instrument, level)
    known = level.weighted(kappa) * level.measured
    wrong = square_errors(expected, level.target, known)
    about = gaussian_blur(wrong, OVER, wrap=True) / gaussian_blur(known, OVER, wrap=True).clamp(min=known.max() / 100)
    inside = about[level.measured]
    most = inside.kthvalue(round((1 - MOST) * len(inside))).values
    found = about > torch.maximum(CONTRADICTED * wrong.sum() / known.sum(), most)
    near, far = grown(found, GROWN), grown(found, INTO_GAPS)
    voxels: Voxels = near & level.measured | far & ~level.measured
    return voxels


def grown(voxels: Voxels, by: int) -> Voxels:
    """Voxels (frames, rows, columns) and those beside them, on a ring: the peak is at its beginning and its end."""
    for _ in range(by):
        beside = [voxels.roll(step, axis) for axis in range(3) for step in (-1, 1)]
        voxels = torch.stack([voxels, *beside]).any(0)
    return voxels


def forgotten(state: State, voxels: Voxels) -> Object:
    """An object whose transform at voxels (frames, rows, columns) is what the others and its support make of it."""
    known = torch.fft.fftn(state.crystal) * ~voxels
    crystal: Object = torch.fft.ifftn(known) * state.support
    for _ in range(EXTRAPOLATED):
        spectrum = torch.fft.fftn(crystal) * voxels
        crystal = torch.fft.ifftn(spectrum.add_(known)) * state.support
    return crystal
