"""The fill by the crystal, and its honest gate: phase retrieval and the network side by side where counts were hidden.

What the crystal tells of a gap is right only where the search for it converged, which no fit tells for sure. So blocks shaped
like the gaps are hidden as well, elsewhere in the scan. Both methods fill them; what was measured there says which of the two
is returned, and how wide its standard deviation must be.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.metrics import coverage, poisson_deviance, predictive_rank
from braggfill.base.tasks import Progress
from braggfill.crystal.retrieved import CrystalFill, CrystalOptions, fill_by_crystal
from braggfill.filling.options import Effort, FillOptions
from braggfill.filling.terms import Estimate
from braggfill.network.config import PracticeConfig
from braggfill.network.practice import choose_held_out
from braggfill.scan.copies import FEWEST_VOXELS, bright
from braggfill.scan.gapped import GappedScan

Network = Callable[[GappedScan], Estimate]
"""From a scan to the network's estimate of it."""
EFFORTS: dict[Effort, tuple[int, int]] = {"low": (2, 1), "usual": (3, 2), "high": (8, 4)}
"""Random starts, and how many of the best are carried to the whole pattern."""
SMALLEST_AXIS = 24
"""Scans that are shorter along an axis are left to the network: no coarse level holds their crystal."""
HONEST = 0.9
"""Share of hidden counts that must lie in their 90 % intervals."""
WIDENINGS = np.geomspace(1, 8, 25)
"""Factors on the standard deviation that are tried for it."""


@dataclass(frozen=True)
class Trial:
    """Both fills of a scan with further blocks hidden, where the blocks' counts are known; arrays are (voxels,)."""

    known: NDArray[np.float32]
    """What was measured."""
    crystal: NDArray[np.float32]
    """Expected counts by phase retrieval."""
    crystal_std: NDArray[np.float32]
    network: NDArray[np.float32]
    """Expected counts by the network."""


@dataclass(frozen=True)
class Verdict:
    """What the hidden counts say, JSON-ready."""

    taken: bool
    """Whether the fill by phase retrieval is returned."""
    hidden_voxels: int
    crystal_deviance: float
    """Mean Poisson deviance of the hidden counts."""
    network_deviance: float
    widening: float
    """Factor on the standard deviation with which their intervals are honest."""

    def in_words(self, converged: int, climbs: int) -> str:
        """One sentence for a user; ``converged`` of ``climbs`` retrieved objects leave no more than counting noise."""
        found = f"deviance {self.crystal_deviance:.3g} a voxel against {self.network_deviance:.3g} by the network"
        of = f"on {self.hidden_voxels:,} hidden voxels; {converged} of {climbs} retrieved objects converged"
        return f"filled by {'phase retrieval' if self.taken else 'the network, for retrieval does no better'}: {found} {of}"


def by_crystal(scan: GappedScan, options: FillOptions, network: Network, on_progress: Progress) -> Estimate:
    """Fill by phase retrieval where hidden counts say that it is better than the network, else by the network.

    Parameters
    ----------
    scan : GappedScan
    options : FillOptions
    network : callable
    on_progress : callable

    Returns
    -------
    Estimate
        With what was decided, and why.
    """
    hidden = choose_held_out(np.random.default_rng(options.seed), scan, PracticeConfig())
    lit = hidden & bright(scan.counts)
    if np.count_nonzero(lit) < FEWEST_VOXELS or min(scan.mask.shape) < SMALLEST_AXIS:
        return network(scan).told(
            "filled by the network: the scan is too small or too dark to tell whether retrieval is right", {}
        )
    blank = GappedScan.blanked(scan.counts, scan.mask | hidden)
    prior = network(blank)
    at = lit & blank.wanted
    try:
        fill = retrieved(scan, hidden, prior, blank.wanted, options, on_progress)
    except InputError as error:
        return network(scan).told(f"filled by the network: phase retrieval failed ({error})", {})
    mean, std, found = fill.mean, fill.std, fill.record
    verdict = judged(Trial(scan.counts[at], mean[at], std[at], laid_out(prior.mean, blank.wanted)[at]))
    sentence = verdict.in_words(found.converged, len(found.climbed))
    record = {"retrieval": asdict(found), "gate": asdict(verdict)}
    if not verdict.taken:
        return network(scan).told(sentence, record)
    gap_mean, gap_std = (v[scan.wanted].astype(float) for v in (mean, std))
    return Estimate(gap_mean, verdict.widening * gap_std, prior.weights_sha256, None, sentence, record)


def retrieved(
    scan: GappedScan,
    hidden: NDArray[np.bool_],
    prior: Estimate,
    known: NDArray[np.bool_],
    options: FillOptions,
    on_progress: Progress,
) -> CrystalFill:
    """What the crystal tells of the gaps and of ``hidden`` voxels.

    Parameters
    ----------
    scan : GappedScan
    hidden : bool array (frames, rows, columns)
    prior : Estimate
        The network's, of the voxels that are ...
    known : bool array (frames, rows, columns)
    options : FillOptions
    on_progress : callable
    """
    starts, climbs = EFFORTS[options.effort]
    chosen = CrystalOptions(starts, climbs, seed=options.seed, device=str(find_device(options.device)))
    expected, spread = (laid_out(v, known) for v in (prior.mean, prior.std))
    fill = fill_by_crystal(scan.counts, scan.mask, hidden & ~scan.mask, expected, spread, chosen, on_progress)
    unknown = scan.mask | hidden
    if not (np.isfinite(fill.mean[unknown]).all() and np.isfinite(fill.std[unknown]).all()):
        raise InputError("the object that was found is not finite")
    return fill


def laid_out(values: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values (voxels,) at their places ``where``, as an array (frames, rows, columns) like it that is NaN elsewhere."""
    volume = np.full(where.shape, np.nan, np.float32)
    volume[where] = values
    return volume


def judged(trial: Trial) -> Verdict:
    """Compare both fills with the hidden counts."""
    ours, theirs = (poisson_deviance(v, trial.known) for v in (trial.crystal, trial.network))
    factor = widening(trial.crystal, trial.crystal_std, trial.known)
    return Verdict(ours < theirs, len(trial.known), ours, theirs, factor)


def widening(mean: NDArray[np.float32], std: NDArray[np.float32], known: NDArray[np.float32]) -> float:
    """The least factor on ``std`` with which ``known`` counts lie in their intervals often enough; all are (voxels,)."""
    for factor in WIDENINGS:
        if coverage(predictive_rank(np.random.default_rng(0), mean, factor * std, known), 0.9) >= HONEST:
            return float(factor)
    return float(WIDENINGS[-1])
