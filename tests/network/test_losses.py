import numpy as np
import torch
from scipy import stats
from scipy.special import gammaln

from braggfill.network.losses import expectation_and_spread, negative_binomial


def test_negative_binomial_is_scipy_s():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 10_000, 500).astype(float)
    mean, dispersion = rng.uniform(0.01, 1e4, 500), rng.uniform(1e-3, 5, 500)
    shape = 1 / dispersion
    expected = -stats.nbinom.logpmf(counts, shape, 1 / (1 + dispersion * mean)) - gammaln(counts + 1)
    ours = negative_binomial(*(torch.tensor(v) for v in (counts, np.log(mean), np.log(dispersion))))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-9, atol=1e-6)


def test_true_mean_and_spread_are_where_the_loss_is_stationary():
    rng = np.random.default_rng(1)
    mean, dispersion = 30.0, 0.2
    rate = rng.gamma(1 / dispersion, mean * dispersion, 400_000)
    log_mean = torch.full((400_000,), np.log(mean), dtype=torch.float64, requires_grad=True)
    log_dispersion = torch.full((400_000,), np.log(dispersion), dtype=torch.float64, requires_grad=True)
    counts = torch.tensor(rng.poisson(rate).astype(float))
    expectation_and_spread(torch.tensor(rate), counts, log_mean, log_dispersion).mean().backward()
    assert abs(float(log_mean.grad.sum())) < 0.02
    assert abs(float(log_dispersion.grad.sum())) < 0.02


def test_mean_s_gradient_is_the_expected_gradient_over_counts():
    rng = np.random.default_rng(2)
    counts = torch.tensor(rng.poisson(7.0, 400_000).astype(float))
    gradients = []
    for seen in (counts, torch.full_like(counts, 7.0)):
        log_mean = torch.zeros_like(counts).requires_grad_()
        negative_binomial(seen, log_mean, torch.full_like(counts, -1.0)).mean().backward()
        gradients.append(float(log_mean.grad.sum()))
    assert abs(gradients[0] - gradients[1]) < 0.02
