"""Objects whose every value is known, and their patterns, for the tests of phase retrieval."""

import numpy as np
from scipy.ndimage import gaussian_filter


def faceted(shape=(48, 48, 48), size=13.0, phase=1.0):
    """An irregular polyhedron with a smooth phase, about the middle of the array."""
    z, y, x = np.meshgrid(*((np.arange(n) - n // 2) / size for n in shape), indexing="ij")
    inside = (abs(z) < 0.5) & (abs(y) < 0.45) & (abs(x) < 0.5) & (x + y + z < 0.55) & (x - y < 0.5) & (z - x < 0.7)
    smooth = np.cos(4 * x + 1) + np.sin(5 * y * z + 2 * y)
    return (gaussian_filter(inside.astype(float), 0.6) * np.exp(1j * phase * smooth)).astype(np.complex64)


def pattern_of(crystal, peak_counts=1e7):
    """Expected counts with the zero frequency in the middle."""
    intensity = np.fft.fftshift(np.abs(np.fft.fftn(crystal)) ** 2)
    return (intensity * (peak_counts / intensity.max())).astype(np.float32)


def ramp_free(crystal):
    """The object whose pattern has its brightest voxel at frequency zero."""
    spectrum = np.fft.fftn(crystal)
    peak = np.unravel_index(np.abs(spectrum).argmax(), spectrum.shape)
    return np.fft.ifftn(np.roll(spectrum, [-p for p in peak], (0, 1, 2)))


def cuboid(shape, sizes):
    """Where a cuboid of some sizes is, in the middle of an array."""
    inside = np.zeros(shape, bool)
    inside[tuple(slice(n // 2 - s // 2, n // 2 - s // 2 + s) for n, s in zip(shape, sizes, strict=True))] = True
    return inside
