"""What the network is trained on: the likelihood of photon counts under an uncertain expectation.

Tensors of one call have one shape, whichever, a value a voxel.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

Voxels = Float[Tensor, "*voxels"]


def negative_binomial(counts: Voxels, log_mean: Voxels, log_dispersion: Voxels) -> Float64[Tensor, "*voxels"]:
    """Negative log-likelihood of counts whose expectation is itself spread (gamma–Poisson mixture).

    Variance = mean + dispersion · mean². The term log(counts!) is left out.

    Parameters
    ----------
    counts, log_mean, log_dispersion : tensors
        Photon counts (need not be whole), natural logarithms of the mean and of the relative variance of the expectation.

    References
    ----------
    J. M. Hilbe, Negative Binomial Regression, 2nd ed. (2011), https://doi.org/10.1017/CBO9780511973420
    """
    counts, log_mean, log_dispersion = counts.double(), log_mean.double(), log_dispersion.double()
    shape = torch.exp(-log_dispersion)
    log_total = torch.nn.functional.softplus(log_mean + log_dispersion)
    return (
        torch.lgamma(shape) - torch.lgamma(counts + shape) + (counts + shape) * log_total - counts * (log_mean + log_dispersion)
    )


def expectation_and_spread(
    expected: Voxels, counts: Voxels, log_mean: Voxels, log_dispersion: Voxels
) -> Float64[Tensor, "*voxels"]:
    """Training loss for simulated voxels, where the noise-free expectation is known beside the drawn counts.

    The mean is fitted to the expectation (the same gradient as with counts, without their noise), the
    dispersion to the counts.
    """
    mean_part = negative_binomial(expected, log_mean, log_dispersion.detach())
    spread_part = negative_binomial(counts, log_mean.detach(), log_dispersion)
    return mean_part + spread_part


def likelihood_above_floor(counts: Voxels, expected: Voxels, log_mean: Voxels, log_dispersion: Voxels) -> float:
    """Mean negative log-likelihood of counts, less that of the true expectation known to a hundredth; about 0 is perfect."""
    floor = negative_binomial(counts, torch.log(expected.clamp(min=1e-6)), torch.full_like(log_dispersion, -9.0))
    return float((negative_binomial(counts, log_mean, log_dispersion) - floor).mean())
