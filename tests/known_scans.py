"""Scans of crystals that are given, for the tests of the search."""

import numpy as np
import torch
from known_instruments import instrument, ring
from scipy.ndimage import gaussian_filter

from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior


def faceted(shape):
    """A faceted, strained crystal (frames, rows, columns) in the middle of an array."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    inside = (np.abs(z) + np.abs(y) < 6) & (np.abs(x) < 4) & (z + y + x < 4)
    return inside * np.exp(1j * (0.02 * z * x + 0.03 * y**2))


def expected_of(crystal, widths=(0.5, 0.6, 0.4)):
    """A crystal (frames, rows, columns) without light beyond the array, and its counts, blurred by partial coherence."""
    smooth = gaussian_filter(crystal.real, 0.8) + 1j * gaussian_filter(crystal.imag, 0.8)
    crystal = torch.from_numpy(smooth.astype(np.complex64))
    seen_by = instrument(len(crystal), widths, 0.02)
    return crystal, np.fft.fftshift(expected_counts(crystal, seen_by, ring(crystal.shape)).numpy())


def scan_of(expected, mask, peak, fringe=3.0):
    """Counts where a mask is False; ``fringe`` is its voxels along every axis."""
    counts, nothing = np.random.default_rng(0).poisson(expected), np.full(expected.shape, np.nan, np.float32)
    return CountsWithPrior(np.where(mask, 0, counts).astype(np.float32), mask, nothing, nothing, peak, (fringe,) * 3)
