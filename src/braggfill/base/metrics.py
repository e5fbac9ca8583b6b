"""How right a fill is: arrays in, numbers out; the same for simulated and measured counts.

Arrays of one call have one shape, whichever, a value a voxel in counts.
"""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Values = NDArray[np.floating[Any] | np.integer[Any]]
"""Of any shape, which those of one call share."""
LEAST_MEAN = 1e-3
"""Estimates below this many counts are taken as this many: an estimate of zero rules a photon out."""
WHOLE = 1e-6
"""How far from a whole number of counts, or share of it, scaling and rounding leave what stands for it."""
BRIGHT_MEAN = 60.0
"""Expectations above this many counts are as good as normally distributed."""
THINNINGS = 3
"""How often photons are divided at random to estimate a ceiling."""


def linear_correlation(estimate: Values, counts: Values) -> float:
    """Pearson correlation of two arrays of one shape; NaN where either does not vary."""
    one, other = (v.astype(float) - v.mean(dtype=float) for v in (estimate, counts))
    spread = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / spread) if spread > 0 else np.nan


def log_correlation(estimate: Values, counts: Values) -> float:
    """Pearson correlation of log(1 + counts) of two arrays of one shape; NaN where either does not vary."""
    return linear_correlation(np.log1p(estimate.astype(float)), np.log1p(counts.astype(float)))


def mean_absolute_error(estimate: Values, counts: Values) -> float:
    """Mean of |estimate - counts|, in counts, of two arrays of one shape."""
    return float(np.mean(np.abs(estimate.astype(float) - counts)))


def poisson_deviance(estimate: Values, counts: Values) -> float:
    """Mean Poisson deviance of counts from estimated expectations: about 1 where a bright fill is perfect, less where faint."""
    mean, counts = np.maximum(estimate.astype(float), LEAST_MEAN), counts.astype(float)
    return float(2 * np.mean(scipy.special.xlogy(counts, counts / mean) - (counts - mean)))


def expected_deviance(mean: Values) -> float:
    """The mean Poisson deviance of counts whose expectations are exactly ``mean``: 0 where dark, 1 where bright.

    Sums of the Poisson distribution at 400 means, interpolated; above ``BRIGHT_MEAN`` counts 1 + 1 / (6 mean).
    """
    mean = np.maximum(mean.astype(float), LEAST_MEAN)
    grid = np.geomspace(LEAST_MEAN, BRIGHT_MEAN, 400)
    counts = np.arange(int(BRIGHT_MEAN + 12 * np.sqrt(BRIGHT_MEAN)))
    each = 2 * (scipy.stats.poisson.pmf(counts, grid[:, None]) * scipy.special.xlogy(counts, counts / grid[:, None])).sum(1)
    bright = 1 + 1 / (6 * np.maximum(mean, BRIGHT_MEAN))
    return float(np.mean(np.where(mean < BRIGHT_MEAN, np.interp(np.log(mean), np.log(grid), each), bright)))


def skill(estimate: Values, baseline: Values, counts: Values, floor: float = 1.0) -> float:
    """Share of a baseline's excess deviance over ``floor`` that is removed: 1 is perfect, 0 the baseline, negative worse.

    NaN where the baseline leaves no excess.
    """
    excess = poisson_deviance(baseline, counts) - floor
    return 1 - (poisson_deviance(estimate, counts) - floor) / excess if excess > 0 else np.nan


def total_bias(estimate: Values, counts: Values) -> float:
    """Estimated over hidden counts, all voxels of arrays of one shape together."""
    return float(estimate.sum(dtype=float) / counts.sum(dtype=float))


def predictive_rank(rng: np.random.Generator, mean: Values, std: Values, counts: Values) -> NDArray[np.float64]:
    """Where counts lie in their predicted distributions, 0 to 1, an array like them; uniform if these are right.

    Predicted counts are negative binomial: an expectation ``mean`` ± ``std`` and counting noise. Counts are whole, so that each
    stands for an interval of ranks, of which one is drawn.

    References
    ----------
    C. Czado, T. Gneiting, L. Held, Biometrics 65, 1254 (2009), https://doi.org/10.1111/j.1541-0420.2009.01191.x
    """
    below, upto = predictive_bounds(mean, std, counts)
    rank: NDArray[np.float64] = below + rng.random(counts.shape) * (upto - below)
    return rank


def predictive_bounds(mean: Values, std: Values, counts: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The interval of ranks that a voxel's count stands for in its predicted distribution: both bounds are arrays like it.

    The distribution function of the negative binomial is an incomplete beta function; of scipy it takes no ``stats``, whose
    import takes as long as a small fill.
    """
    mean, counts = np.maximum(mean.astype(float), LEAST_MEAN), counts.astype(float)
    shape = (mean / np.maximum(std.astype(float), 1e-3 * mean)) ** 2
    nearest = np.rint(counts)
    whole = np.where(np.abs(counts - nearest) <= WHOLE * np.maximum(counts, 1), nearest, np.floor(counts))
    upto = scipy.special.betainc(shape, whole + 1, shape / (shape + mean))
    below = scipy.special.betainc(shape, np.maximum(whole, 1e-300), shape / (shape + mean))
    return np.where(whole < 1, 0.0, below), upto


def shares_inside(mean: Values, std: Values, counts: Values, level: float) -> NDArray[np.float64]:
    """Share of the ranks that each count stands for inside the central interval of probability ``level``; an array like it.

    Its mean is what ``coverage`` of drawn ranks scatters about: nothing is drawn.
    """
    below, upto = predictive_bounds(mean, std, counts)
    inside = np.minimum(upto, 0.5 + level / 2) - np.maximum(below, 0.5 - level / 2)
    shares: NDArray[np.float64] = np.clip(inside / np.maximum(upto - below, 1e-12), 0, 1)
    return shares


def coverage(ranks: Values, level: float) -> float:
    """Share of counts inside their central interval of probability ``level``, from their predictive ranks."""
    return float(np.mean(np.abs(ranks - 0.5) <= level / 2)) if ranks.size else np.nan


def log_ceiling(rng: np.random.Generator, counts: Values) -> float:
    """Estimate, from the counts alone, the correlation of log(1 + counts) with their unknown true expectations.

    No fill can be expected to correlate better. Photons thinned into two parts at random are two independent measurements
    of a lower dose; noise over signal is told by their correlation r as (1 - r) / r. From a quarter of the dose to a half it
    falls by some factor, and is taken to fall by it once more to the whole. NaN where the parts do not correlate.

    Parameters
    ----------
    rng : numpy Generator
        Draws the parts.
    counts : array
        Whole numbers of photons.

    References
    ----------
    The rule for a doubled test when noise is additive: C. Spearman, Br. J. Psychol. 3, 271 (1910),
    https://doi.org/10.1111/j.2044-8295.1910.tb00206.x
    """
    photons = np.rint(counts).astype(np.int64)
    half, quarter = (np.mean([_noise_over_signal(rng, photons, share) for _ in range(THINNINGS)]) for share in (0.5, 0.25))
    return float(1 / np.sqrt(1 + half * np.minimum(half / quarter, 1))) if half > 0 and quarter > 0 else np.nan


def _noise_over_signal(rng: np.random.Generator, photons: NDArray[np.int64], share: float) -> float:
    """Of log(1 + counts) when a share of the photons is measured, at most a half."""
    one = rng.binomial(photons, share)
    other = rng.binomial(photons - one, share / (1 - share))
    correlation = log_correlation(one, other)
    return (1 - correlation) / correlation if correlation > 0 else np.nan
