import numpy as np
import pytest
import torch
from known_instruments import instrument as plain_instrument
from known_instruments import ring

from braggfill.crystal.model.blur import Blur
from braggfill.crystal.model.box import BoxTransform
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, level_of
from braggfill.crystal.model.likelihood import Likelihood, Terms, anscombe, fit, poisson
from braggfill.crystal.model.misfit import misfit, noise_misfit

SHAPE = (24, 30, 32)


def truth(seed=0):
    """An ellipsoid with a smooth phase, its support, and its instrument."""
    z, y, x = (np.arange(n) - n // 2 for n in SHAPE)
    support = (z[:, None, None] / 5) ** 2 + (y[:, None] / 6) ** 2 + (x / 7) ** 2 <= 1
    phase = 0.05 * (z[:, None, None] * y[:, None] + x)
    crystal = torch.from_numpy((4 * support * np.exp(1j * phase)).astype(np.complex64))
    factors = torch.from_numpy(np.random.default_rng(seed).normal(1, 0.02, SHAPE[0]).astype(np.float32))
    instrument = plain_instrument(SHAPE[0], (0.6, 0.8, 0.7), 0.2, frame_factors=factors, dead_time=torch.tensor(2e-8))
    return crystal, torch.from_numpy(support), instrument


@pytest.fixture(scope="module")
def scan():
    """Counts of that crystal with a gap four columns wide, the peak in the middle of the array."""
    crystal, _, instrument = truth()
    expected = np.roll(expected_counts(crystal, instrument, ring(SHAPE)).numpy(), [n // 2 for n in SHAPE], (0, 1, 2))
    counts = np.random.default_rng(1).poisson(expected).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 20:24] = True
    nothing = np.full(SHAPE, np.nan, np.float32)
    return CountsWithPrior(
        np.where(mask, 0, counts).astype(np.float32), mask, nothing, nothing, (12, 15, 16), (4.0, 4.0, 4.0)
    ), expected


@pytest.mark.parametrize("unbiased", [False, True])
def test_gradient_is_a_finite_difference(scan, unbiased):
    """Float64 throughout, so that only the formula is tested."""
    level = level_of(scan[0], 1.0, border=0.2, beyond=0)
    crystal, support, instrument = truth()
    likelihood = Likelihood(level, support, Terms(0.02, 0.3, unbiased=unbiased))
    for name in ("weight", "root", "modulus", "scales", "lengths"):
        setattr(likelihood, name, getattr(likelihood, name).double())
    likelihood.blur = Blur(level.target.double())
    likelihood.transform = BoxTransform(likelihood.support.shape, level.target.double())
    parameters = likelihood.pack(crystal, instrument).double()
    rng = np.random.default_rng(2)
    parameters += torch.from_numpy(rng.normal(size=parameters.shape)) * 0.05
    _, gradient = likelihood(parameters)
    instruments = torch.zeros_like(parameters)
    instruments[-sum(likelihood.sizes) :] = 1
    for chosen in (1 - instruments, instruments, torch.eye(len(parameters), dtype=torch.float64)[-1]):
        direction = torch.from_numpy(rng.normal(size=parameters.shape)) * chosen
        above, below = (likelihood(parameters + s * direction)[0] for s in (1e-5, -1e-5))
        expected = ((above - below) / 2e-5).item()
        assert (gradient * direction).sum().item() == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("expected", [0.02, 0.3, 1.0, 5.0])
def test_faint_counts_are_not_expected_too_low(expected):
    """The mean gradient of Poisson counts vanishes at their expectation; by roots it still pushes it down there."""
    counts = torch.arange(60.0, dtype=torch.float64)
    shares = torch.exp(torch.distributions.Poisson(expected).log_prob(counts))
    root, one = (counts + 0.375).sqrt(), torch.ones_like(counts)
    by_deviance, by_roots = (
        (loss(torch.full_like(counts, expected), root, one)[1] * shares).sum().item() for loss in (poisson, anscombe)
    )
    assert abs(by_deviance) < 1e-6
    assert by_roots > 0.005


def test_a_fit_from_the_truth_stays_there_and_agrees_as_poisson_noise_does(scan):
    level = level_of(scan[0], 1.0, beyond=0)
    crystal, support, instrument = truth()
    found = fit(level, crystal, support, instrument, 30)
    expected = expected_counts(found.crystal, found.instrument, ring(SHAPE))
    assert misfit(level, expected) < 1.1 * noise_misfit(level, expected)
    np.testing.assert_allclose(found.instrument.widths, instrument.widths, atol=0.05)
    overlap = torch.linalg.vecdot(found.crystal.flatten(), crystal.flatten()).abs()
    assert overlap / found.crystal.norm() / crystal.norm() > 0.998


def test_a_fit_from_nearby_fills_the_gap(scan):
    level = level_of(scan[0], 1.0, beyond=0)
    crystal, support, _ = truth()
    rng = np.random.default_rng(3)
    noise = torch.from_numpy((rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE)).astype(np.complex64)) * 1.2
    plain = plain_instrument(SHAPE[0], background=0.05, dead_time=torch.tensor(1e-9))
    found = fit(level, (crystal + noise) * support, support, plain, 60, Terms(mu=0.1))
    counts = np.roll(expected_counts(found.crystal, found.instrument, ring(SHAPE)).numpy(), [n // 2 for n in SHAPE], (0, 1, 2))
    gap = scan[0].mask & (scan[1] > 1)
    assert np.corrcoef(counts[gap], scan[1][gap])[0, 1] > 0.999


def test_kappa_weighs_bright_counts_down(scan):
    level = level_of(scan[0], 1.0, beyond=0)
    bright = level.target.argmax()
    assert level.weighted(0.1).flatten()[bright].item() == pytest.approx(1 / (1 + 0.01 * level.target.max().item()), rel=1e-5)
    np.testing.assert_array_equal(level.weighted(0.0), level.weight)
