from itertools import pairwise

import numpy as np
import torch

from braggfill.crystal.model.descent import descend


def test_a_quadratic_is_solved_by_every_start():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(12, 12))
    matrix = torch.from_numpy(root @ root.T / 12 + np.eye(12))
    places = torch.from_numpy(rng.normal(size=(3, 12)))

    def loss(x):
        pulled = (x - places) @ matrix
        return 0.5 * ((x - places) * pulled).sum(1), pulled

    found, value = descend(loss, torch.zeros(3, 12, dtype=torch.float64), 60)
    np.testing.assert_allclose(found, places, atol=1e-5)
    assert (value < 1e-9).all()


def test_a_curved_valley_is_followed_and_the_loss_never_rises():
    seen = []

    def rosenbrock(x):
        a, b = x[:, 0], x[:, 1]
        value = (1 - a) ** 2 + 100 * (b - a**2) ** 2
        slope = torch.stack((-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)), 1)
        return value / 400, slope / 400

    begin = torch.tensor([[-1.2, 1.0], [0.5, 2.0]], dtype=torch.float64)
    for evaluations in (2, 5, 20, 150):
        found, value = descend(rosenbrock, begin, evaluations)
        seen.append(value)
    assert all((later <= earlier).all() for earlier, later in pairwise(seen))
    np.testing.assert_allclose(found, np.ones((2, 2)), atol=1e-3)


def test_each_start_goes_its_own_way():
    def loss(x):
        return (x**4).sum(1) / 12, x**3 / 3

    begin = torch.tensor([[3.0, -1.0], [0.1, 0.2]], dtype=torch.float64)
    together = descend(loss, begin, 15)[0]
    alone = torch.cat([descend(loss, one[None], 15)[0] for one in begin])
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_a_step_to_where_the_loss_is_no_number_is_not_taken_and_forgotten():
    """The logarithm's domain ends at 0, where the first steps lead."""

    def loss(x):
        return (5 * x - 0.01 * x.log()).sum(1), 5 - 0.01 / x

    found, value = descend(loss, torch.tensor([[1.0, 0.4]], dtype=torch.float64), 200)
    np.testing.assert_allclose(found, 0.002, rtol=1e-2)
    assert value.isfinite().all()
