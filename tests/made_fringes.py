"""Counts whose fringes are known: those of a cube."""

import numpy as np
from scipy.ndimage import gaussian_filter


def fringes(oversampling=2.2, shape=(40, 48, 48), peak=1e5):
    """Counts of a cube, its facets along the axes, averaged over a pixel's size; the peak is beside the middle."""
    axes = [np.sinc((np.arange(n) - n // 2 + 0.3) / oversampling) ** 2 for n in shape]
    expected = gaussian_filter(peak * axes[0][:, None, None] * axes[1][:, None] * axes[2], 0.4) + 0.01
    return expected, np.random.default_rng(0).poisson(expected).astype(np.float32)
