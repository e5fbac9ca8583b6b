"""Where a search begins: the random numbers of a start, and the support that the autocorrelation tells of."""

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from braggfill.base.smoothing import gaussian_blur

STARTS = 2
"""Branch of the seed that random starts are drawn from."""
CORRELATION_SHARE = 0.03
"""Share of its maximum above which the autocorrelation tells of the object; at its rim it falls as the distance cubed."""
FAINT_SHARE = 0.01
"""The same for a support that has to hold the object: where phases are steep the autocorrelation falls faster."""
CORRELATION_BLUR = 1.0
"""Width in voxels of the Gaussian that the autocorrelation is smoothed with."""


def start_generator(seed: int, start: int) -> np.random.Generator:
    """Random numbers of one start, whatever the others are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STARTS, start)))


def first_support(
    counts: Float32[Tensor, "frames rows columns"], share: float = CORRELATION_SHARE
) -> tuple[Bool[Tensor, "frames rows columns"], tuple[float, float, float]]:
    """Half the size of the autocorrelation's support, and how often it fits into the array.

    Parameters
    ----------
    counts : float32 tensor
        The pattern, the peak at index 0.
    share : float
        Of the autocorrelation's maximum above which it counts as large.

    Returns
    -------
    support : bool tensor
        About the middle of the array: where the autocorrelation of twice the distance is large. For a convex object it is
        of the object's size along every axis.
    oversampling : three floats
        Array size over object size; it saturates at 2, where the autocorrelation fills the array.
    """
    lags = torch.fft.fftshift(torch.fft.ifftn(counts).abs())
    lags = gaussian_blur(lags, CORRELATION_BLUR)
    wide = lags > share * lags.amax()
    middle = [n // 2 for n in counts.shape]
    twice = [2 * (torch.arange(n, device=counts.device) - m) for n, m in zip(counts.shape, middle, strict=True)]
    places = [(t.clamp(-m, n - 1 - m) + m) for t, n, m in zip(twice, counts.shape, middle, strict=True)]
    inside = [t.abs() < m for t, m in zip(twice, middle, strict=True)]
    support = wide[places[0]][:, places[1]][:, :, places[2]]
    support &= inside[0][:, None, None] & inside[1][:, None] & inside[2]
    extents = [wide.any(tuple({0, 1, 2} - {axis})).sum() for axis in range(3)]
    return support, tuple(2 * n / float(e) for n, e in zip(counts.shape, extents, strict=True))  # type: ignore[return-value]
