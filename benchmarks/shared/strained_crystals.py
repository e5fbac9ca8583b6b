"""Scans of strained crystals whose object is known, measured with blur, dead time, faults, aliens and photons."""

from dataclasses import dataclass

import numpy as np
import torch
from shared.known_crystals import dislocated

from braggfill.base.fourier import box_to_reciprocal
from braggfill.base.ranges import log_uniform
from braggfill.crystal.levels import Level
from braggfill.crystal.search import REFINED_BLUR, REFINED_SHARE, State, first_instrument, tightened
from braggfill.simulation.crystal import FILLED_SHARE_OF_BOX, Crystal, box_round, continuum_object
from braggfill.simulation.degrade import ObjectRanges, replaced_phase, smooth_modulus, uneven_modulus
from braggfill.simulation.measurement import MeasurementRanges, counting_noise, measured_pattern
from braggfill.simulation.particle import random_body
from braggfill.simulation.scans import PatternRanges, needed_size, random_sampling

SEED, SHAPE = 910_000, (128, 128, 128)
LARGEST_RANGE = 3 * np.pi
EVERY_DISLOCATED = 10
"""Every such crystal holds a screw dislocation."""


@dataclass(frozen=True)
class Strained:
    """A measured crystal; arrays are (frames, rows, columns)."""

    drawn: torch.Tensor
    """complex64: the object in its box, its transform's square the counts that an ideal instrument would expect."""
    steps: tuple[float, float, float]
    """Radians a voxel of the box from one voxel of the scan to the next."""
    peak: tuple[float, float, float]
    """Where the Bragg peak lies in the scan."""
    counts: np.ndarray
    """float32."""
    expected: np.ndarray
    """float32."""
    faulty: np.ndarray
    """bool (rows, columns)."""
    about: dict[str, float]

    def amplitude(self, first: tuple[int, int, int], shape: tuple[int, int, int]) -> torch.Tensor:
        """Transform of the object from a voxel of the scan on, which may lie outside it."""
        return transform(self.drawn, self.steps, self.peak, first, shape)


def strained_crystal(index: int) -> Strained:
    """A crystal with facets drawn anew and a smooth phase of a range up to 3π, measured once."""
    rng, ranges = np.random.default_rng(SEED + index), ObjectRanges()
    oversampling, peak = random_sampling(rng, SHAPE, PatternRanges())
    size = max(48, needed_size(SHAPE, oversampling, peak))
    crystal = Crystal(random_body(rng), None, (1, -1, 1))
    box = box_round(crystal, np.linalg.qr(rng.normal(size=(3, 3)))[0], size)
    drawn = smooth_modulus(continuum_object(crystal, box, 0.008 * size), size * rng.uniform(*ranges.smoothing))
    phase = float(rng.uniform(0, LARGEST_RANGE))
    drawn = replaced_phase(rng, drawn, phase, size * rng.uniform(*ranges.phase_correlation))
    drawn = uneven_modulus(rng, drawn, rng.uniform(*ranges.modulus_noise), size * rng.uniform(*ranges.modulus_correlation))
    broken = index % EVERY_DISLOCATED == EVERY_DISLOCATED - 1
    if broken:
        drawn = drawn * torch.from_numpy(dislocated(crystal.particle, box, crystal.g_inv_angstrom))
    f, r, c = (2 * np.pi / (s * FILLED_SHARE_OF_BOX * size) for s in oversampling)
    amplitude = transform(drawn, (f, r, c), peak, (0, 0, 0), SHAPE)
    brightest = amplitude.abs().amax()
    pattern = measured_pattern(rng, (amplitude / brightest).abs().square(), peak, MeasurementRanges())
    doses = MeasurementRanges()
    peak_counts = log_uniform(rng, doses.peak_counts)
    expected = pattern.expected(peak_counts, log_uniform(rng, doses.background_counts))
    counts = counting_noise(rng, expected).numpy()
    about = {"phase_over_pi": phase / np.pi, "dislocated": float(broken), "peak_counts": peak_counts}
    about |= dict(zip(("oversampling_frames", "oversampling_rows", "oversampling_columns"), oversampling, strict=True))
    scaled = drawn * (peak_counts**0.5 / brightest)
    return Strained(scaled, (f, r, c), peak, counts, expected.numpy(), pattern.faulty.numpy(), about)


def transform(
    drawn: torch.Tensor,
    steps: tuple[float, float, float],
    peak: tuple[float, float, float],
    first: tuple[int, int, int],
    shape: tuple[int, int, int],
) -> torch.Tensor:
    """Transform (frames, rows, columns) of an object in its box where voxels lie some steps apart."""
    axes = zip(steps, peak, first, shape, strict=True)
    f, r, c = (step * (torch.arange(start, start + n, dtype=torch.float64) - at) for step, at, start, n in axes)
    return box_to_reciprocal(drawn, (f, r, c))


def true_state(crystal: Strained, level: Level, peak: tuple[int, int, int]) -> State:
    """The true object on the whole level, in its support, with the instrument that a search begins with."""
    start = tuple(p + f for p, f in zip(peak, level.first, strict=True))
    amplitude = crystal.amplitude((start[0], start[1], start[2]), level.shape)
    tapered = torch.fft.ifftn(torch.roll(amplitude, level.first, (0, 1, 2)) * level.taper.sqrt())
    found = torch.fft.fftshift(tapered)[None]
    support = tightened(found.abs(), REFINED_BLUR, REFINED_SHARE, found.numel())
    one = torch.ones(1)
    return State(found * support, support, first_instrument(level, 1), torch.inf * one, one)
