"""Where the object is: a first guess from the autocorrelation, made tighter as the object appears (shrink-wrap).

References
----------
S. Marchesini et al., Phys. Rev. B 68, 140101 (2003), https://doi.org/10.1103/PhysRevB.68.140101
"""

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from braggfill.base.errors import InputError
from braggfill.base.smoothing import gaussian_blur
from braggfill.scan.boxes import bounding_box

CORRELATION_SHARE = 0.03
"""Share of its maximum above which the autocorrelation tells of the object; at its rim it falls as the distance cubed."""
CORRELATION_BLUR = 1.0
"""Width in voxels of the Gaussian that the autocorrelation is smoothed with."""
SUPPORT_SHARE = 0.2
"""Share of the bulk's blurred modulus above which a voxel belongs to the support."""
BULK = 0.9
"""Quantile of the blurred modulus inside the old support that stands for the bulk."""
WIDEST_BLUR, FINEST_BLUR = 2.5, 1.0
"""Widths in voxels of the Gaussian that blurs the modulus, at the first and the last shrink-wrap."""
MARGIN = 4
"""Voxels round the old support in which the new one is looked for: it may grow as well."""


def first_support(
    counts: Float32[Tensor, "frames rows columns"],
) -> tuple[Bool[Tensor, "frames rows columns"], tuple[float, float, float]]:
    """Half the size of the autocorrelation's support, and how often it fits into the array.

    Parameters
    ----------
    counts : float32 tensor
        The pattern, the peak at index 0.

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
    wide = lags > CORRELATION_SHARE * lags.amax()
    middle = [n // 2 for n in counts.shape]
    twice = [2 * (torch.arange(n, device=counts.device) - m) for n, m in zip(counts.shape, middle, strict=True)]
    places = [(t.clamp(-m, n - 1 - m) + m) for t, n, m in zip(twice, counts.shape, middle, strict=True)]
    inside = [t.abs() < m for t, m in zip(twice, middle, strict=True)]
    support = wide[places[0]][:, places[1]][:, :, places[2]]
    support &= inside[0][:, None, None] & inside[1][:, None] & inside[2]
    extents = [wide.any(tuple({0, 1, 2} - {axis})).sum() for axis in range(3)]
    return support, tuple(2 * n / float(e) for n, e in zip(counts.shape, extents, strict=True))  # type: ignore[return-value]


def shrink_wrap(
    modulus: Float32[Tensor, "frames rows columns"], support: Bool[Tensor, "frames rows columns"], blur: float
) -> Bool[Tensor, "frames rows columns"]:
    """Where the blurred modulus is large, in and near the old support.

    Parameters
    ----------
    modulus : float32 tensor
    support : bool tensor
    blur : float
        Width of the Gaussian in voxels.

    Raises
    ------
    InputError
        If nothing is left.
    """
    box = bounding_box(support, MARGIN)
    smooth = gaussian_blur(modulus[box], blur)
    values = smooth[support[box]]
    bulk = values.kthvalue(max(1, round(BULK * values.numel()))).values
    tighter = torch.zeros_like(support)
    tighter[box] = smooth > SUPPORT_SHARE * bulk
    if not tighter.any():
        raise InputError("support: got an empty one, the object vanished; check that the scan holds a Bragg peak with fringes")
    return tighter
