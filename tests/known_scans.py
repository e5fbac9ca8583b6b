"""Scans of crystals that are given, for the tests of the search."""

import numpy as np
import torch
from known_instruments import instrument, ring
from scipy.ndimage import gaussian_filter

from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, level_of
from braggfill.crystal.model.misfit import misfit, noise_misfit
from braggfill.crystal.search.turns import State


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


def scattered(shape, counts_at_peak):
    """The whole of a scan with a gap, and the crystal that scattered it as a state."""
    crystal, expected = expected_of(faceted(shape), widths=(0.6, 0.6, 0.6))
    factor = counts_at_peak / expected.max()
    mask = np.zeros(shape, bool)
    mask[:, :, 22:25] = True
    level = level_of(scan_of(factor * expected, mask, tuple(n // 2 for n in shape)), 1.0, beyond=0)
    seen_by = instrument(shape[0], (0.6, 0.6, 0.6), 0.02 * factor)
    return level, state_of(level, crystal * factor**0.5, crystal.abs() > 0.03 * crystal.abs().amax(), seen_by)


def state_of(level, crystal, support, instrument):
    """A state of some crystal, with its misfit."""
    expected = expected_counts(crystal, instrument, level)
    left, noise = misfit(level, expected), noise_misfit(level, expected)
    return State(crystal, support, instrument, left, noise)
