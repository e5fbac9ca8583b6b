"""What several retrieved objects and an independent estimate say together of the gaps' counts, and how surely.

Everything is weighed as square roots of counts, whose counting noise is the same everywhere.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from braggfill.crystal.levels import FAINT_COUNTS

WITHIN = 1.3
"""Objects whose misfit is at most so many times the best one's are averaged."""
SCATTER_BLUR = 2.0
"""Voxels over which the scatter of a few objects is averaged."""
UNSEEN = 3.0
"""How much larger the squared error is where nothing was measured than where the object was fitted."""
LEAST_VARIANCE = 0.01
"""Least variance of a retrieved square root, in counts."""
BINS, LEAST_MEAN = 12, 0.5
"""Bins of brightness in which the excess of the residuals over Poisson noise is taken, from this many expected counts."""
Field = NDArray[np.float32]
"""(frames, rows, columns), or some (voxels,) of it."""
"""(frames, rows, columns), or some (voxels,) of it."""


def mean_of_starts(expected: list[Field], misfits: list[float]) -> tuple[Field, Field]:
    """Mean counts of the starts with the smaller misfits, and the variance of their roots, smoothed; 0 of a single one."""
    kept = [e for e, m in zip(expected, misfits, strict=True) if m <= WITHIN * min(misfits)]
    mean: Field = np.mean(kept, axis=0, dtype=np.float32)
    scatter = np.zeros_like(mean)
    if len(kept) > 1:
        roots = np.sqrt(kept)
        scatter = gaussian_filter(roots.var(0, ddof=1), SCATTER_BLUR).astype(np.float32)
    return mean, scatter


def residual_variance(model: Field, counts: Field, at: Field) -> Field:
    """Variance of the roots beyond counting noise where counts were fitted, by brightness, at some expected counts (voxels,).

    Parameters
    ----------
    model, counts : float32 arrays (measured,)
        Expected and measured counts.
    at : float32 array (voxels,)
    """
    drawn = np.random.default_rng(0).poisson(model).astype(np.float32)
    difference = squared_roots(model, counts) - squared_roots(model, drawn)
    order = np.argsort(model)
    bins = np.array_split(order[np.searchsorted(model[order], LEAST_MEAN) :], BINS)
    excess = [max(float(difference[b].mean()), 0.0) for b in bins]
    brightness = np.log1p([np.median(model[b]) for b in bins])
    return np.interp(np.log1p(at), brightness, excess).astype(np.float32)


def squared_roots(model: Field, counts: Field) -> Field:
    """(√(m + 3/8) - √(c + 3/8))²."""
    difference: Field = np.sqrt(model + FAINT_COUNTS) - np.sqrt(counts + FAINT_COUNTS)
    return difference**2


def mixed(mean: Field, variance: Field, prior_mean: Field, prior_std: Field, trust: float = 1.0) -> tuple[Field, Field]:
    """Two independent estimates weighed by their variances: mean and standard deviation in counts.

    Parameters
    ----------
    mean, variance : float32 arrays (voxels,)
        Retrieved counts, and the variance of their square roots.
    prior_mean, prior_std : float32 arrays (voxels,)
        The other estimate's counts and their standard deviation; NaN where there is none.
    trust : float
        Factor on the other estimate's precision: 0 leaves it out.
    """
    known = np.isfinite(prior_mean)
    root, other = np.sqrt(mean), np.sqrt(np.where(known, prior_mean, 0))
    precision = 1 / np.maximum(variance, LEAST_VARIANCE)
    spread = np.where(known, prior_std, 1) ** 2 / (4 * np.maximum(np.where(known, prior_mean, 1), 0.25))
    other_precision = np.where(known, trust / np.maximum(spread, LEAST_VARIANCE), 0)
    together = (precision * root + other_precision * other) / (precision + other_precision)
    return together.astype(np.float32) ** 2, 2 * np.maximum(together, 0.5) * np.sqrt(1 / (precision + other_precision))
