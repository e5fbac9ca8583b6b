"""Pulls and what they should be, against scipy's distributions."""

import numpy as np
import pytest
from scipy import stats

from braggfill.judging.pulls import pull_histogram, pulls

RNG = np.random.default_rng(0)


def negative_binomial(mean, std):
    """Counts drawn by hand: a gamma-distributed expectation, then photons."""
    return RNG.poisson(RNG.gamma((mean / std) ** 2, std**2 / mean))


def test_pulls_of_bright_poisson_counts_are_normal():
    mean = RNG.uniform(1e4, 1e6, 5000)
    found = pulls(mean, np.zeros(5000), RNG.poisson(mean))
    assert stats.kstest(found, "norm").pvalue > 0.01
    doubled = pulls(mean, np.sqrt(3 * mean), RNG.poisson(mean))  # twice the deviation that the counts have
    assert stats.kstest(2 * doubled, "norm").pvalue > 0.01
    assert stats.kstest(doubled, "norm").pvalue < 1e-6


def test_the_expected_histogram_of_bright_counts_is_the_normal_distribution():
    mean = np.full(2000, 1e6)
    histogram = pull_histogram(mean, np.zeros(2000), RNG.poisson(mean))
    chances = np.diff(stats.norm.cdf(np.concatenate([[-np.inf], histogram.edges[1:-1], [np.inf]])))
    np.testing.assert_allclose(histogram.expected, 2000 * chances, atol=2000 * 1e-3)


def test_faint_counts_should_pile_up_where_poisson_has_them():
    """Expected 0.2: no photon is a pull of -0.45, one is 1.79."""
    histogram = pull_histogram(np.full(500, 0.2), np.zeros(500), RNG.poisson(0.2, 500))
    for count in (0, 1):
        pull = (count - 0.2) / np.sqrt(0.2)
        (bin_,) = np.flatnonzero((histogram.edges[:-1] <= pull) & (pull < histogram.edges[1:]))
        assert histogram.expected[bin_] == pytest.approx(500 * stats.poisson.pmf(count, 0.2), rel=1e-3)
    assert histogram.expected.sum() == pytest.approx(500)


@pytest.mark.parametrize("voxels", [3000, 40_000])
def test_every_voxel_is_counted_and_right_deviations_give_the_expected_histogram(voxels):
    mean = 10 ** RNG.uniform(-1, 4, voxels)
    std = mean * RNG.uniform(0.1, 1, voxels)
    histogram = pull_histogram(mean, std, negative_binomial(mean, std))
    assert histogram.found.sum() == voxels
    assert histogram.expected.sum() == pytest.approx(voxels)
    filled = histogram.expected > 20
    excess = (histogram.found - histogram.expected)[filled] / np.sqrt(histogram.expected[filled])
    assert np.mean(excess**2) < 2.5  # about 1 for multinomial noise, more where the expectation is from a part of the voxels


def test_a_deviation_that_is_too_small_shows_in_the_tails():
    mean = 10 ** RNG.uniform(1, 4, 5000)
    histogram = pull_histogram(mean, 0.1 * mean, negative_binomial(mean, 0.5 * mean))
    assert histogram.found[0] + histogram.found[-1] > 10 * (histogram.expected[0] + histogram.expected[-1])
