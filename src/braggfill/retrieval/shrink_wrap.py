"""Where the object is: a support made tighter as the object appears (shrink-wrap).

References
----------
S. Marchesini et al., Phys. Rev. B 68, 140101 (2003), https://doi.org/10.1103/PhysRevB.68.140101
"""

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from braggfill.base.errors import VanishedError
from braggfill.base.smoothing import gaussian_blur
from braggfill.scan.boxes import bounding_box

SUPPORT_SHARE = 0.2
"""Share of the bulk's blurred modulus above which a voxel belongs to the support."""
BULK = 0.9
"""Quantile of the blurred modulus inside the old support that stands for the bulk."""
WIDEST_BLUR, FINEST_BLUR = 2.5, 1.0
"""Widths in voxels of the Gaussian that blurs the modulus, at the first and the last shrink-wrap."""
MARGIN = 4
"""Voxels round the old support in which the new one is looked for: it may grow as well."""


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
    VanishedError
        If nothing is left.
    """
    box = bounding_box(support, MARGIN)
    smooth = gaussian_blur(modulus[box], blur)
    values = smooth[support[box]]
    bulk = values.kthvalue(max(1, round(BULK * values.numel()))).values
    tighter = torch.zeros_like(support)
    tighter[box] = smooth > SUPPORT_SHARE * bulk
    if not tighter.any():
        raise VanishedError
    return tighter
