import numpy as np
import pytest

from braggfill.crystal.mixture import UNSEEN, mean_of_starts, mixed, residual_variance


def test_only_the_starts_that_agree_with_the_counts_are_averaged():
    fields = [np.full((6, 6, 6), value, np.float32) for value in (4.0, 9.0, 1e6)]
    mean, scatter = mean_of_starts(fields, [1.0, 1.2, 1.4])
    np.testing.assert_allclose(mean, 6.5)
    np.testing.assert_allclose(scatter, 0.5, rtol=1e-5)  # of the roots 2 and 3


def test_a_single_start_does_not_scatter():
    assert not mean_of_starts([np.ones((4, 4, 4), np.float32)], [1.0])[1].any()


def test_nothing_is_left_where_counts_are_poisson_and_what_is_wrong_is_found_where_it_is():
    rng = np.random.default_rng(0)
    model = np.exp(rng.uniform(0, 9, 200_000)).astype(np.float32)
    counts = rng.poisson(model).astype(np.float32)
    at = np.array([3.0, 100.0, 5000.0], np.float32)
    assert residual_variance(model, counts, at).max() < 0.01
    wrong = rng.poisson(model * np.exp(0.06 * rng.normal(size=model.size))).astype(np.float32)
    found = residual_variance(model, wrong, at)
    assert found[2] == pytest.approx(0.03**2 * 5000, rel=0.15)  # the root varies by half of 6 %
    assert found[1] == pytest.approx(0.03**2 * 100, rel=0.3)


def test_estimates_are_mixed_by_their_variances_and_unknown_ones_left_out():
    mean, variance = np.full(3, 100, np.float32), np.full(3, 0.25, np.float32)
    other, std = np.array([144, 144, np.nan], np.float32), np.array([2 * 12 * 0.5, 1e6, np.nan], np.float32)
    together, spread = mixed(mean, variance, other, std)
    np.testing.assert_allclose(together, [121, 100, 100], rtol=1e-3)  # roots 10 and 12, equally sure
    np.testing.assert_allclose(spread, [2 * 11 * np.sqrt(0.125), 10, 10], rtol=1e-3)


def test_an_estimate_that_is_not_trusted_changes_nothing():
    mean, variance = np.full(2, 100, np.float32), np.full(2, 0.25, np.float32)
    together, spread = mixed(mean, variance, np.full(2, 400, np.float32), np.full(2, 1, np.float32), trust=0.0)
    np.testing.assert_allclose(together, mean, rtol=1e-6)
    np.testing.assert_allclose(spread, 2 * 10 * 0.5, rtol=1e-6)


def test_the_mixture_is_as_sure_as_it_is_right():
    rng = np.random.default_rng(1)
    truth = np.exp(rng.uniform(3, 8, 20_000))
    ours = (np.sqrt(truth) + 0.6 * rng.normal(size=truth.size)) ** 2
    other = (np.sqrt(truth) + 0.9 * rng.normal(size=truth.size)) ** 2
    arrays = (ours, np.full(truth.size, 0.36), other, 2 * np.sqrt(other) * 0.9)
    mean, std = mixed(*(a.astype(np.float32) for a in arrays))
    deviations = (mean - truth) / std
    assert np.std(deviations) == pytest.approx(1, abs=0.03)
    assert UNSEEN >= 1
