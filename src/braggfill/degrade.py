"""What the measurement does to an ideal pattern: partial coherence, finite dose, background, counting noise."""

import numpy as np
from scipy.ndimage import gaussian_filter


def partial_coherence(intensity: np.ndarray, sigma: float) -> np.ndarray:
    """Blur a pattern (frames, rows, columns) with a Gaussian of ``sigma`` voxels; the fringes lose contrast."""
    return gaussian_filter(intensity, sigma)


def expected_counts(intensity: np.ndarray, peak_counts: float, background_counts: float) -> np.ndarray:
    """Expected photon counts: the pattern scaled to ``peak_counts`` at its maximum, plus a flat background per voxel."""
    return intensity * np.float32(peak_counts / intensity.max()) + np.float32(background_counts)


def counting_noise(rng: np.random.Generator, expected: np.ndarray) -> np.ndarray:
    """Photon counts (float32, integer-valued) drawn from Poisson distributions with the expected counts."""
    return rng.poisson(expected).astype(np.float32)
