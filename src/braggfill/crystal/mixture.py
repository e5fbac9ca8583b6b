"""What several retrieved objects and an independent estimate say together of the gaps' counts, and how surely.

Everything is averaged and weighed as square roots of counts, whose counting noise is the same everywhere.

References
----------
Members chosen one after the other, with replacement: R. Caruana et al., Proc. 21st Int. Conf. Mach. Learn. (2004) 18,
https://doi.org/10.1145/1015330.1015432
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from braggfill.base.metrics import poisson_deviance
from braggfill.crystal.model.levels import ANSCOMBE
from braggfill.scan.copies import FEWEST_VOXELS

MOST_MEMBERS = 10
"""Most estimates that are averaged; one may be taken several times."""
BANDS = (1.0, 10.0, 100.0)
"""Expected counts between bands of brightness, in which the members are chosen each for itself."""
LEAST_GAIN = 5e-3
"""Share of the deviance that a further member has to remove."""
SCATTER_BLUR = 2.0
"""Voxels over which the scatter of a few estimates is averaged."""
UNSEEN = 3.0
"""How much larger the squared error is where nothing was measured than where the object was fitted."""
LEAST_VARIANCE = 0.01
"""Least variance of a retrieved square root, in counts."""
LEAST_ROOT = 0.5
"""Least root of expected counts, times which the deviation of a root is one of counts: a dark voxel is not sure either."""
BINS, LEAST_MEAN = 12, 0.5
"""Bins of brightness in which the excess of the residuals over Poisson noise is taken, from this many expected counts."""
Values = NDArray[np.float32]
"""(frames, rows, columns), or some (voxels,) of it."""
Variances = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Logarithms of 1 + expected counts (bins,), and a variance at each (bins,)."""


def chosen_members(estimates: list[Values], known: Values) -> list[int]:
    """Which estimates (voxels,) have the average that is nearest to ``known`` counts, chosen one after the other."""
    roots = [np.sqrt(e) for e in estimates]
    members: list[int] = []
    total, least = np.zeros_like(roots[0]), np.inf
    while len(members) < MOST_MEMBERS:
        tried = [poisson_deviance(((total + root) / (len(members) + 1)) ** 2, known) for root in roots]
        best = int(np.argmin(tried))
        if tried[best] > (1 - LEAST_GAIN) * least:
            break
        members, total, least = [*members, best], total + roots[best], tried[best]
    return members


@dataclass(frozen=True)
class Weights:
    """How much each of some estimates counts, by brightness."""

    brightness: NDArray[np.float64]
    """(bands,): logarithms of 1 + expected counts, rising."""
    shares: NDArray[np.float64]
    """(bands, estimates): every row's sum is 1."""

    @classmethod
    def chosen(cls, estimates: list[Values], guide: Values, known: Values) -> "Weights":
        """Those whose averages are nearest to ``known`` counts (voxels,) in bands of a guide's counts (voxels,).

        Bright voxels alone would rule them, and in faint ones another estimate may be the better one.
        """
        band = np.digitize(guide, BANDS)
        enough = [n for n in range(len(BANDS) + 1) if np.count_nonzero(band == n) >= FEWEST_VOXELS]
        parts = [band == n for n in enough] or [np.ones(len(known), bool)]
        centres, shares = [], []
        for part in parts:
            members = chosen_members([e[part] for e in estimates], known[part])
            shares.append(np.bincount(members, minlength=len(estimates)) / len(members))
            centres.append(float(np.median(np.log1p(guide[part]))))
        return cls(np.array(centres), np.array(shares))

    @property
    def used(self) -> list[int]:
        """Numbers of the estimates that count anywhere."""
        return [int(n) for n in np.flatnonzero(self.shares.any(0))]

    def at(self, number: int, guide: Values) -> NDArray[np.float64]:
        """Shares (voxels,) of an estimate where a guide expects some counts (voxels,)."""
        return np.interp(np.log1p(guide), self.brightness, self.shares[:, number])


def averaged(estimates: dict[int, Values], guide: Values, weights: Weights, where: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Weighed average of estimates (voxels,) at ``where`` (frames, rows, columns), and the smoothed variance of their roots.

    Parameters
    ----------
    estimates : dict of float32 arrays (voxels,)
        Those that count, by number.
    guide : float32 array (voxels,)
        Counts that tell the brightness.
    weights : Weights
    where : bool array (frames, rows, columns)
    """
    root, square = np.zeros(len(guide)), np.zeros(len(guide))
    for number, estimate in estimates.items():
        share = weights.at(number, guide)
        root += share * np.sqrt(estimate)
        square += share * estimate
    volume = np.zeros(where.shape, np.float32)
    volume[where] = np.nan_to_num(np.maximum(square - root**2, 0))
    near = gaussian_filter(where.astype(np.float32), SCATTER_BLUR)[where]
    return (root**2).astype(np.float32), gaussian_filter(volume, SCATTER_BLUR)[where] / near


def residual_variance(model: Values, counts: Values) -> Variances:
    """Variance of the roots beyond counting noise where counts were fitted, by brightness.

    Parameters
    ----------
    model, counts : float32 arrays (measured,)
        Expected and measured counts.
    """
    drawn = np.random.default_rng(0).poisson(model).astype(np.float32)
    difference = squared_roots(model, counts) - squared_roots(model, drawn)
    order = np.argsort(model)
    bins = np.array_split(order[np.searchsorted(model[order], LEAST_MEAN) :], BINS)
    excess = [max(float(difference[b].mean()), 0.0) for b in bins]
    return np.log1p([np.median(model[b]) for b in bins]), np.array(excess)


def squared_roots(model: Values, counts: Values) -> Values:
    """(√(m + 3/8) - √(c + 3/8))²."""
    difference: Values = np.sqrt(model + ANSCOMBE) - np.sqrt(counts + ANSCOMBE)
    return difference**2


def standard_deviation(mean: Values, scatter: Values, fitted: Variances, uneven: Values) -> Values:
    """Of counts (voxels,): how far one may be from their expectation beyond counting noise.

    Parameters
    ----------
    mean : float32 array (voxels,)
        Expected counts.
    scatter : float32 array (voxels,)
        Variance of their roots among estimates.
    fitted : Variances
        That of the fit where counts were measured.
    uneven : float32 array (voxels,)
        Spread of the log efficiency that a pixel there may have.
    """
    variance = scatter + UNSEEN * np.interp(np.log1p(mean), *fitted) + (uneven / 2) ** 2 * mean
    std: Values = 2 * np.maximum(np.sqrt(mean), LEAST_ROOT) * np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    return std.astype(np.float32)
