"""What the autocorrelation, the transform of the counts, tells of an object before it is known: its size."""

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from braggfill.base.smoothing import gaussian_blur

CORRELATION_SHARE = 0.03
"""Share of its maximum above which the autocorrelation tells of the object; at its rim it falls as the distance cubed."""
FAINT_SHARE = 0.01
"""The same for a support that has to hold the object: where phases are steep the autocorrelation falls faster."""
CORRELATION_BLUR = 1.0
"""Width in voxels of the Gaussian that the autocorrelation is smoothed with."""


def first_support(
    counts: Float32[Tensor, "frames rows columns"], share: float = CORRELATION_SHARE
) -> Bool[Tensor, "frames rows columns"]:
    """Where the autocorrelation of twice the distance from the middle of the array is large.

    For a convex object it has the object's size along every axis.

    Parameters
    ----------
    counts : float32 tensor
        The pattern, the peak at index 0.
    share : float
        Of the autocorrelation's maximum above which it counts as large.
    """
    wide = large_lags(counts, share)
    middle = [n // 2 for n in counts.shape]
    twice = [2 * (torch.arange(n, device=counts.device) - m) for n, m in zip(counts.shape, middle, strict=True)]
    places = [(t.clamp(-m, n - 1 - m) + m) for t, n, m in zip(twice, counts.shape, middle, strict=True)]
    inside = [t.abs() < m for t, m in zip(twice, middle, strict=True)]
    support: Bool[Tensor, "frames rows columns"] = wide[places[0]][:, places[1]][:, :, places[2]]
    return support & (inside[0][:, None, None] & inside[1][:, None] & inside[2])


def oversampling_of(
    counts: Float32[Tensor, "frames rows columns"], share: float = CORRELATION_SHARE
) -> tuple[float, float, float]:
    """Size of the array over the object's along each axis, which is how many voxels a fringe has.

    It saturates at 2, where the autocorrelation fills the array; the arguments are those of ``first_support``.
    """
    wide = large_lags(counts, share)
    extents = [wide.any(tuple({0, 1, 2} - {axis})).sum() for axis in range(3)]
    return tuple(2 * n / float(e) for n, e in zip(counts.shape, extents, strict=True))  # type: ignore[return-value]


def large_lags(counts: Float32[Tensor, "frames rows columns"], share: float) -> Bool[Tensor, "frames rows columns"]:
    """Where the autocorrelation, 0 in the middle of the array, is more than a share of its maximum."""
    lags = gaussian_blur(torch.fft.fftshift(torch.fft.ifftn(counts).abs()), CORRELATION_BLUR)
    return lags > share * lags.amax()
