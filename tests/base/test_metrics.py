import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from braggfill.base.metrics import (
    coverage,
    expected_deviance,
    linear_correlation,
    log_ceiling,
    log_correlation,
    mean_absolute_error,
    poisson_deviance,
    predictive_bounds,
    predictive_rank,
    shares_inside,
    skill,
    total_bias,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_correlation_is_scipy_s(rng):
    one, other = rng.gamma(1, 30, 500), rng.poisson(20, 500)
    assert log_correlation(one, other) == pytest.approx(stats.pearsonr(np.log1p(one), np.log1p(other))[0], abs=1e-12)
    assert np.isnan(log_correlation(np.ones(5), other[:5]))


@pytest.mark.parametrize("mean", [0.003, 0.1, 1.0, 1.7, 30.0, 59.0, 61.0, 5000.0])
def test_expected_deviance_is_what_true_expectations_score(rng, mean):
    counts = rng.poisson(mean, 4_000_000)
    assert expected_deviance(np.full(3, mean)) == pytest.approx(poisson_deviance(np.full(counts.shape, mean), counts), rel=0.01)


def test_plain_correlation_and_error_are_scipy_s_and_numpy_s(rng):
    one, other = rng.gamma(1, 30, 500), rng.poisson(20, 500)
    assert linear_correlation(one, other) == pytest.approx(stats.pearsonr(one, other)[0], abs=1e-12)
    assert mean_absolute_error(one, other) == pytest.approx(np.abs(one - other).mean(), abs=1e-12)


def test_deviance_is_twice_the_log_likelihood_ratio(rng):
    mean = rng.gamma(1, 10, 500)
    counts = rng.poisson(mean)
    saturated = stats.poisson.logpmf(counts, np.maximum(counts, 1e-300))
    expected = 2 * np.mean(saturated - stats.poisson.logpmf(counts, mean))
    assert poisson_deviance(mean, counts) == pytest.approx(expected, rel=1e-9)


def test_deviance_of_single_voxels(rng):
    counts, mean = rng.integers(0, 50, 200).astype(float), rng.uniform(0.1, 50, 200)
    best = stats.poisson.logpmf(counts, np.maximum(counts, 1e-300))
    expected = 2 * (best - stats.poisson.logpmf(counts, mean))
    ours = [poisson_deviance(mean[i : i + 1], counts[i : i + 1]) for i in range(200)]
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_a_perfect_bright_fill_has_a_deviance_of_one_and_skill_one(rng):
    mean = rng.uniform(50, 500, 100_000)
    counts, baseline = rng.poisson(mean), mean * rng.lognormal(0, 0.5, mean.size)
    assert poisson_deviance(mean, counts) == pytest.approx(1, abs=0.02)
    assert skill(mean, baseline, counts) == pytest.approx(1, abs=0.01)
    assert skill(baseline, baseline, counts) == 0
    assert skill(np.roll(mean, 1), baseline, counts) < 0
    assert np.isnan(skill(mean, mean, counts, floor=2.0))  # nothing to gain


def test_bias_is_of_the_totals():
    assert total_bias(np.array([1.0, 5.0]), np.array([2, 2])) == 1.5


@pytest.mark.parametrize("scale", [0.3, 30.0, 3e4])
def test_ranks_of_negative_binomial_counts_are_uniform(rng, scale):
    mean = rng.gamma(2, scale, 20_000)
    std = mean * rng.uniform(0.05, 1.5, mean.size)
    counts = rng.poisson(rng.gamma((mean / std) ** 2, std**2 / mean))
    ranks = predictive_rank(rng, mean, std, counts)
    assert stats.kstest(ranks, "uniform").pvalue > 1e-3
    for level in (0.5, 0.9):
        assert coverage(ranks, level) == pytest.approx(level, abs=0.015)
    assert coverage(predictive_rank(rng, mean, std / 3, counts), 0.9) < 0.9 or scale < 1


def test_predictive_bounds_are_scipy_s_negative_binomial(rng):
    mean = np.exp(rng.uniform(np.log(1e-3), np.log(1e9), 3000))
    std = mean * np.exp(rng.uniform(np.log(1e-3), np.log(3), mean.size))
    counts = np.floor(mean * rng.lognormal(0, std / mean))
    shape = (mean / std) ** 2
    for found, count in zip(predictive_bounds(mean, std, counts), (counts - 1, counts), strict=True):
        np.testing.assert_allclose(found, stats.nbinom.cdf(count, shape, shape / (shape + mean)), atol=1e-9)


@pytest.mark.parametrize("unit", [7, 41, 1000])
def test_scaled_counts_have_the_ranks_of_the_counts(rng, unit):
    counts = rng.poisson(rng.uniform(0.1, 300, 5000)).astype(np.float32)
    scaled = counts * np.float32(1 / unit) * np.float32(unit)
    assert (scaled != counts).any()
    mean = np.maximum(counts, 1)
    for found, expected in zip(
        predictive_bounds(mean, 0.3 * mean, scaled), predictive_bounds(mean, 0.3 * mean, counts), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("scale", [0.1, 5.0, 1e4])
def test_shares_inside_are_the_mean_coverage_of_drawn_ranks(rng, scale):
    mean, std = rng.gamma(2, scale, 500), rng.gamma(2, 0.3 * scale, 500)
    counts = rng.poisson(mean)
    drawn = np.mean([np.abs(predictive_rank(rng, mean, std, counts) - 0.5) <= 0.45 for _ in range(400)], 0)
    assert shares_inside(mean, std, counts, 0.9) == pytest.approx(drawn, abs=0.13)
    assert shares_inside(mean, std, counts, 0.9).mean() == pytest.approx(drawn.mean(), abs=0.003)


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.uint16])
def test_a_sure_estimate_is_poisson(rng, kind):
    mean = rng.gamma(2, 1, 20_000)
    ranks = predictive_rank(rng, mean, np.zeros_like(mean), rng.poisson(mean).astype(kind))
    assert stats.kstest(ranks, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.05, 3.0, 4e3])
def test_metrics_are_those_of_scipy_and_scikit_learn(seed, scale):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(0.7, scale, (7, 11, 13)) + 0.01
    counts, estimate = rng.poisson(truth), truth * rng.lognormal(0, 0.4, truth.shape)
    flat = (counts.ravel(), estimate.ravel())
    assert mean_absolute_error(estimate, counts) == pytest.approx(oracle.mean_absolute_error(*flat), rel=1e-12)
    assert poisson_deviance(estimate, counts) == pytest.approx(oracle.mean_poisson_deviance(*flat), rel=1e-12)
    assert linear_correlation(estimate, counts) == pytest.approx(stats.pearsonr(*flat)[0], abs=1e-12)
    assert log_correlation(estimate, counts) == pytest.approx(stats.pearsonr(*map(np.log1p, flat))[0], abs=1e-12)
    share = oracle.d2_tweedie_score(*flat, power=1)  # share of the deviance of the mean that is explained
    assert skill(estimate, np.full(counts.shape, counts.mean()), counts, floor=0) == pytest.approx(share, abs=1e-12)


def a_pattern(kind, dose):
    """Expected counts of a pattern of the given kind whose maximum is the dose."""
    x = np.linspace(-9, 9, 60)
    if kind == "fringes":
        pattern = np.sinc(x)[:, None, None] ** 2 * np.sinc(0.7 * x)[:, None] ** 2 * np.sinc(0.9 * x) ** 2 + 1e-9
    else:
        pattern = np.random.default_rng(1).lognormal(-5, 2, (60, 60, 60))
    return pattern / pattern.max() * dose


@pytest.mark.parametrize("kind", ["fringes", "random"])
@pytest.mark.parametrize("dose", [1e4, 1e6, 1e8])
def test_the_ceiling_without_the_truth_is_what_the_truth_scores(rng, kind, dose):
    truth = a_pattern(kind, dose)
    counts = rng.poisson(truth)
    assert log_ceiling(rng, counts) == pytest.approx(log_correlation(truth, counts), abs=0.01)


def test_a_perfect_prediction_scores_the_ceiling_and_a_shifted_one_does_not(rng):
    truth = a_pattern("fringes", 1e6)
    counts = rng.poisson(truth)
    bright = truth > 3
    perfect, shifted = (log_correlation(v[bright], counts[bright]) for v in (truth, np.roll(truth, 1, 0)))
    ceiling = log_ceiling(rng, counts[bright])
    assert perfect == pytest.approx(ceiling, abs=0.005)
    assert shifted < ceiling - 0.05
    assert poisson_deviance(truth[bright], counts[bright]) == pytest.approx(expected_deviance(truth[bright]), rel=0.02)
    assert poisson_deviance(np.roll(truth, 1, 0)[bright], counts[bright]) > 2 * expected_deviance(truth[bright])


def test_there_is_no_ceiling_where_nothing_tells_signal_from_noise(rng):
    assert np.isnan(log_ceiling(rng, np.zeros(50)))
