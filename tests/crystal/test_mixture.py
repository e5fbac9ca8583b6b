import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill.base.metrics import poisson_deviance
from braggfill.crystal.mixture import UNSEEN, Weights, averaged, chosen_members, residual_variance, standard_deviation


def noisy(truth, error, seed):
    return ((np.sqrt(truth) + error * np.random.default_rng(seed).normal(size=truth.size)) ** 2).astype(np.float32)


@given(st.integers(0, 1000), st.lists(st.floats(0.05, 3.0), min_size=1, max_size=5))
def test_members_are_never_worse_than_the_best_estimate_alone(seed, errors):
    truth = np.exp(np.random.default_rng(seed).uniform(1, 7, 400)).astype(np.float32)
    known = np.random.default_rng(seed + 1).poisson(truth).astype(np.float32)
    estimates = [noisy(truth, error, seed + n) for n, error in enumerate(errors)]
    members = chosen_members(estimates, known)
    mean = np.mean([np.sqrt(estimates[n]) for n in members], 0) ** 2
    assert poisson_deviance(mean, known) <= min(poisson_deviance(e, known) for e in estimates) * (1 + 1e-6)


def test_independent_errors_are_averaged_and_a_bad_estimate_is_left_out():
    truth = np.full(20_000, 400, np.float32)
    estimates = [noisy(truth, 1.0, n) for n in range(3)] + [3 * truth]
    assert set(chosen_members(estimates, truth)) == {0, 1, 2}


def test_every_band_of_brightness_has_its_own_members():
    rng = np.random.default_rng(0)
    truth = np.exp(rng.uniform(-3, 8, 60_000)).astype(np.float32)
    known = rng.poisson(truth).astype(np.float32)
    good, bad = (truth * np.exp(spread * rng.normal(size=truth.size)).astype(np.float32) for spread in (0.02, 0.8))
    faint = truth < 3
    one, other = np.where(faint, bad, good), np.where(faint, good, bad)
    weights = Weights.chosen([one, other], truth, known)
    assert weights.shares[-1, 0] == 1
    assert weights.shares[0, 1] > 0.7
    np.testing.assert_allclose(weights.shares.sum(1), 1)
    assert weights.used == [0, 1]
    where = np.ones((60, 100, 10), bool)
    mean, _ = averaged({0: one, 1: other}, truth, weights, where)
    assert poisson_deviance(mean, known) < min(poisson_deviance(one, known), poisson_deviance(other, known))


def test_too_few_known_counts_make_one_band():
    truth = np.exp(np.random.default_rng(0).uniform(0, 8, 100)).astype(np.float32)
    weights = Weights.chosen([truth, 2 * truth], truth, truth)
    np.testing.assert_array_equal(weights.shares, [[1, 0]])


def test_the_average_is_of_roots_and_their_scatter_is_smoothed_inside():
    where = np.zeros((8, 8, 8), bool)
    where[:, :, 3:5] = True
    fields = {n: np.full(where.sum(), value, np.float32) for n, value in enumerate((4.0, 16.0))}
    even = Weights(np.array([1.0]), np.array([[0.5, 0.5]]))
    mean, scatter = averaged(fields, fields[0], even, where)
    np.testing.assert_allclose(mean, 9, rtol=1e-6)
    np.testing.assert_allclose(scatter, 1, rtol=1e-5)  # of the roots 2 and 4
    assert not averaged({0: fields[0]}, fields[0], Weights(np.array([1.0]), np.array([[1.0]])), where)[1].any()


def test_nothing_is_left_where_counts_are_poisson_and_what_is_wrong_is_found_where_it_is():
    rng = np.random.default_rng(0)
    model = np.exp(rng.uniform(0, 9, 200_000)).astype(np.float32)
    counts = rng.poisson(model).astype(np.float32)
    at = np.log1p([3.0, 100.0, 5000.0])
    assert np.interp(at, *residual_variance(model, counts)).max() < 0.01
    wrong = rng.poisson(model * np.exp(0.06 * rng.normal(size=model.size))).astype(np.float32)
    found = np.interp(at, *residual_variance(model, wrong))
    assert found[2] == pytest.approx(0.03**2 * 5000, rel=0.15)  # the root varies by half of 6 %
    assert found[1] == pytest.approx(0.03**2 * 100, rel=0.3)


def test_the_standard_deviation_is_of_counts():
    curve = np.log1p([1.0, 1e4]), np.array([0.25, 0.25])
    mean, scatter, uneven = (np.array(v, np.float32) for v in ([100, 400, 400], [0, 1, 1], [0, 0, 0.2]))
    variance = np.array([0, 1, 1 + 0.1**2 * 400]) + UNSEEN / 4
    std = standard_deviation(mean, scatter, curve, uneven)
    np.testing.assert_allclose(std, 2 * np.array([10, 20, 20]) * np.sqrt(variance), rtol=1e-5)
