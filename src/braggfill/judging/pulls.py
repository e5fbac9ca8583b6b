"""Pulls: how far counts lie from what was expected, in standard deviations, and how far they should lie.

Counts are few in most voxels of a scan, where pulls are no Gaussian even if everything is right; so the histogram that they
should have is computed voxel by voxel from the predicted distribution itself, negative binomial as for the coverage.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from braggfill.base.metrics import LEAST_MEAN, Values

LARGEST_PULL, BIN = 5.0, 0.25
"""Reach of the histogram on both sides, and width of its bins; the outermost hold what lies beyond."""
MOST_VOXELS = 10_000
"""From more voxels as many are drawn, to compute what their pulls should be."""


@dataclass(frozen=True)
class PullHistogram:
    """Pulls counted in bins."""

    edges: NDArray[np.float64]
    """(bins + 1,): the first bin reaches down to minus infinity, the last up to infinity."""
    found: NDArray[np.int64]
    """(bins,): voxels in each."""
    expected: NDArray[np.float64]
    """(bins,): voxels that should be there if means and standard deviations are right."""


def pulls(mean: Values, std: Values, counts: Values) -> NDArray[np.float64]:
    """(counts - mean) / sd, arrays of one shape: sd² is the estimate's variance ``std``² and that of counting, ``mean``."""
    mean, std = np.maximum(mean.astype(float), LEAST_MEAN), std.astype(float)
    found: NDArray[np.float64] = (counts.astype(float) - mean) / np.sqrt(std**2 + mean)
    return found


def pull_histogram(mean: Values, std: Values, counts: Values) -> PullHistogram:
    """Count pulls, and say how many there should be in each bin; the arguments are (voxels,), in counts."""
    edges = np.arange(-LARGEST_PULL, LARGEST_PULL + BIN / 2, BIN)
    found, _ = np.histogram(np.clip(pulls(mean, std, counts), edges[0], np.nextafter(edges[-1], 0)), edges)
    chosen = np.arange(mean.size)
    if mean.size > MOST_VOXELS:
        chosen = np.random.default_rng(0).choice(mean.size, MOST_VOXELS, replace=False)
    below = chance_below(mean[chosen], std[chosen], edges[1:-1])
    shares = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return PullHistogram(edges, found, shares * mean.size)


def chance_below(mean: Values, std: Values, limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean chance (limits,) that a pull lies below each limit, over voxels with these means and standard deviations."""
    mean = np.maximum(mean.astype(float), LEAST_MEAN)
    std = np.maximum(std.astype(float), 1e-3 * mean)
    shape, spread = (mean / std) ** 2, np.sqrt(std**2 + mean)
    last = (np.ceil(mean + limit * spread) - 1 for limit in limits)  # the largest count below the limit
    return np.array([scipy.stats.nbinom.cdf(count, shape, shape / (shape + mean)).mean() for count in last])
