"""How tight a support and how smooth an amplitude have to be, as counts say that were hidden from the search.

Where counts are few, noise fills the array with faint density. A support cut too loosely keeps it, agrees with all that was
measured and tells nothing of a gap; one cut too tightly loses the crystal's faint edge, which bright counts know. A crystal
whose density is uneven is held back by too large a weight of its roughness, and an even one gets stuck with too small a one. No
misfit says which, as what is freer always fits better; hidden counts do, on the coarse levels already, where it costs little.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, Level, tapered_level
from braggfill.crystal.model.misfit import misfit
from braggfill.crystal.search.turns import REFINED_CUT, Fitting, State, refined

CUTS = (REFINED_CUT, 0.12, 0.2, 0.3)
"""Of the blurred modulus' maximum, where a support may be cut."""
CLEARLY = 0.97
"""Hidden counts' misfit with a smaller weight over that with the larger one, at most: crystals that want it gain 5 to 11 %, one
that is even a hundredth at most, by chance, and ends worse."""
Refined = tuple[float, State, Fitting]
"""How wrong a refined state is where counts are hidden, the state, and how it was refined."""


def hidden_levels(
    scan: CountsWithPrior,
    where: NDArray[np.bool_],
    counts: NDArray[np.float32],
    shares: Sequence[float],
    device: torch.device | str = "cpu",
) -> list[Level]:
    """Levels of a scan on which hidden voxels are measured and no others.

    Parameters
    ----------
    scan : CountsWithPrior
        Without them.
    where : bool array (frames, rows, columns)
        True = hidden.
    counts : float32 array (voxels,)
        What was measured there.
    shares : sequence of float
        Shares of the pattern that the levels hold.
    device : torch device
    """
    known, nothing = np.zeros_like(scan.counts), np.full_like(scan.counts, np.nan)
    known[where] = counts
    hidden = CountsWithPrior(known, ~where, nothing, nothing, scan.peak, scan.oversampling)
    return [tapered_level(hidden, share, device) for share in shares]


def beside(cut: float) -> tuple[float, ...]:
    """A cut and its neighbours among those that a support may be cut at."""
    at = CUTS.index(cut)
    return CUTS[max(at - 1, 0) : at + 2]


def in_best_support(
    level: Level,
    hidden: Level,
    state: State,
    fitting: Fitting,
    cuts: tuple[float, ...] = CUTS,
    weights: tuple[float, ...] = (),
) -> tuple[State, Fitting]:
    """A state refined in supports cut more and more tightly, and the fitting that tells hidden counts best.

    Parameters
    ----------
    level, hidden : Level
        The same part of the pattern: without the hidden counts, and with them alone.
    state : State
    fitting : Fitting
    cuts : tuple of float
        Loose to tight; the next is tried as long as hidden counts gain by it. Where none are hidden in that part, the
        fitting's own is taken.
    weights : tuple of float
        Of the roughness, large to small, tried in the same way after the cuts, as long as hidden counts gain ``CLEARLY``.
    """
    if not hidden.measured.any():
        return refined(level, state, fitting), fitting

    def fitted(way: Fitting) -> Refined:
        found = refined(level, state, way)
        expected = expected_counts(found.crystal, found.instrument, level)
        return misfit(hidden, expected, fitting.kappa), found, way

    best = gained(fitted(replace(fitting, cut=cuts[0])), ({"cut": cut} for cut in cuts[1:]), fitted)
    return gained(best, ({"mu": mu} for mu in weights), fitted, CLEARLY)[1:]


def gained(
    best: Refined, changes: Iterable[dict[str, Any]], fitted: Callable[[Fitting], Refined], most: float = 1.0
) -> Refined:
    """The best after changes to how it was refined, one after the other as long as less than ``most`` of the misfit is left."""
    for change in changes:
        other = fitted(replace(best[2], **change))
        if other[0] >= most * best[0]:
            break
        best = other
    return best
