from itertools import pairwise

import numpy as np
import pytest
import torch

from braggfill.crystal.model.descent import descend


@pytest.mark.parametrize("seed", range(3))
def test_a_quadratic_is_solved(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(12, 12))
    matrix = torch.from_numpy(root @ root.T / 12 + np.eye(12))
    place = torch.from_numpy(rng.normal(size=12))

    def loss(x):
        pulled = (x - place) @ matrix
        return 0.5 * ((x - place) * pulled).sum(), pulled

    found, value = descend(loss, torch.zeros(12, dtype=torch.float64), 60)
    np.testing.assert_allclose(found, place, atol=1e-5)
    assert value < 1e-9


@pytest.mark.parametrize("begin", [(-1.2, 1.0), (0.5, 2.0)])
def test_a_curved_valley_is_followed_and_the_loss_never_rises(begin):
    seen = []

    def rosenbrock(x):
        a, b = x
        value = (1 - a) ** 2 + 100 * (b - a**2) ** 2
        slope = torch.stack((-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)))
        return value / 400, slope / 400

    for evaluations in (2, 5, 20, 150):
        found, value = descend(rosenbrock, torch.tensor(begin, dtype=torch.float64), evaluations)
        seen.append(value)
    assert all(later <= earlier for earlier, later in pairwise(seen))
    np.testing.assert_allclose(found, np.ones(2), atol=1e-3)


def test_the_descent_ends_where_the_loss_no_longer_falls_by_enough():
    asked = []

    def loss(x):
        asked.append(1)
        return (x**2).sum() / 2, x

    descend(loss, torch.ones(4, dtype=torch.float64), 200, enough=1e-6)
    assert len(asked) < 30


def test_a_step_to_where_the_loss_is_no_number_is_not_taken_and_forgotten():
    """The logarithm's domain ends at 0, where the first steps lead."""

    def loss(x):
        return (5 * x - 0.01 * x.log()).sum(), 5 - 0.01 / x

    found, value = descend(loss, torch.tensor([1.0, 0.4], dtype=torch.float64), 200)
    np.testing.assert_allclose(found, 0.002, rtol=1e-2)
    assert value.isfinite()
