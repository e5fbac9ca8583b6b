import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from braggfill.crystal.search.algorithms import BETA
from braggfill.retrieval.iterations import Iterate, follow_counts, keep_within
from braggfill.retrieval.treatments import Bounds


def random_state(shape=(8, 9, 10), seed=0):
    """A random object, support and intervals: a third measured, a third free, a third bounded."""
    rng = np.random.default_rng(seed)
    crystal = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    support = rng.random(shape) < 0.3
    low = rng.uniform(0, 40, shape).astype(np.float32)
    kind = rng.integers(3, size=shape)
    high = np.choose(kind, [low, np.inf, low * 1.5]).astype(np.float32)
    low = np.where(kind == 1, 0, low).astype(np.float32)
    return crystal, support, low, high


def stepped(algorithm, crystal, support, low, high):
    bounds = Bounds(torch.from_numpy(low), torch.from_numpy(high))
    iterate = Iterate(torch.from_numpy(crystal.copy()), torch.from_numpy(support), bounds)
    iterate.step(algorithm)
    return iterate.crystal.numpy(), iterate.projected.numpy()


def projected(crystal, low, high):
    """Independent: put each modulus into its interval, with numpy's own transform."""
    amplitude = np.fft.fftn(crystal.astype(complex))
    return np.fft.ifftn(np.clip(np.abs(amplitude), low, high) * np.exp(1j * np.angle(amplitude)))


@pytest.mark.parametrize("algorithm", ["hio", "raar", "er"])
def test_an_iteration_is_its_formula(algorithm):
    crystal, support, low, high = random_state()
    inside = projected(crystal, low, high)
    reflected_s = {"hio": crystal - BETA * inside, "er": 0 * inside}
    # Luke 2005, eq. 2.2: β/2 (R_S R_M + 1) + (1 - β) P_M, with the reflectors R = 2 P - 1
    double = 2 * inside - crystal
    reflected_s["raar"] = BETA / 2 * ((2 * np.where(support, double, 0) - double) + crystal) + (1 - BETA) * inside
    expected = np.where(support, inside, reflected_s[algorithm])
    ours, has_amplitudes = stepped(algorithm, crystal, support, low, high)
    np.testing.assert_allclose(has_amplitudes, inside, atol=2e-5)
    np.testing.assert_allclose(ours, expected, atol=4e-5)


def test_the_true_object_is_a_fixed_point_of_every_algorithm():
    crystal, support, *_ = random_state(seed=1)
    crystal = np.where(support, crystal, 0)
    low = np.abs(np.fft.fftn(crystal)).astype(np.float32)
    for algorithm in ("hio", "raar", "er", "ml"):
        np.testing.assert_allclose(stepped(algorithm, crystal, support, low, low)[0], crystal, atol=1e-5)


def test_error_reduction_never_moves_away():
    """Fienup 1982: the distance from the measured amplitudes does not rise."""
    crystal, support, low, high = random_state(seed=2)
    distances = []
    for _ in range(15):
        crystal = stepped("er", crystal, support, low, high)[0]
        modulus = np.abs(np.fft.fftn(crystal))
        distances.append(np.linalg.norm(modulus - np.clip(modulus, low, high)))
    assert (np.diff(distances) <= 1e-4 * distances[0]).all()
    assert distances[-1] < 0.9 * distances[0]


@pytest.mark.parametrize(("count", "modulus"), [(0, 3.0), (1, 0.2), (7, 9.0), (1e6, 990.0)])
def test_the_poisson_step_minimises_likelihood_and_distance(count, modulus):
    low = torch.tensor([count**0.5])
    amplitude = torch.tensor([modulus * np.exp(0.7j)], dtype=torch.complex64)
    follow_counts(amplitude, low, low.clone())

    def cost(a):
        return a**2 - (count * np.log(a**2) if count else 0) / 1 + (a - modulus) ** 2

    best = minimize_scalar(cost, bounds=(1e-9, modulus + count**0.5 + 1), method="bounded", options={"xatol": 1e-9})
    assert abs(amplitude.item()) == pytest.approx(best.x, rel=1e-4)
    assert np.angle(amplitude.item()) == pytest.approx(0.7, abs=1e-5)


def test_the_likelihood_step_keeps_intervals_where_nothing_was_measured():
    low, high = torch.tensor([0.0, 2.0, 2.0]), torch.tensor([torch.inf, 3.0, 3.0])
    one, other = (torch.tensor([5.0, 1.0, 2.5], dtype=torch.complex64) for _ in range(2))
    follow_counts(one, low, high)
    keep_within(other, low, high)
    np.testing.assert_allclose(one.numpy(), [5, 2, 2.5], rtol=1e-6)
    np.testing.assert_array_equal(one.numpy(), other.numpy())
