"""Simulated scans: a random crystal, its pattern on a random detector geometry, a dose, counting noise."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from braggfill.crystal import FILLED_SHARE_OF_BOX, CrystalRanges, random_crystal
from braggfill.degrade import counting_noise, expected_counts, partial_coherence
from braggfill.diffract import diffraction_pattern
from braggfill.errors import InputError

SCANS = 1
"""Branch of the seed that whole scans are drawn from; training portions are drawn from others."""


@dataclass(frozen=True)
class PatternRanges:
    """Ranges from which the geometry and the blur of a pattern are drawn."""

    detector_oversampling: tuple[float, float] = (2.4, 7.0)
    """Voxels per fringe on the detector, log-uniform."""
    rocking_stretch: tuple[float, float] = (0.6, 2.6)
    """Oversampling along the rocking axis over that on the detector, log-uniform."""
    detector_stretch: tuple[float, float] = (0.75, 1.33)
    """Oversampling along rows over that along columns, log-uniform."""
    peak_offset: tuple[float, float] = (-0.2, 0.2)
    """Distance of the peak from the centre as a share of the array, each axis by itself."""
    coherence_sigma: tuple[float, float] = (0.25, 1.1)
    """Gaussian blur of the intensity in voxels."""


@dataclass(frozen=True)
class DoseRanges:
    """Ranges from which the dose of a scan is drawn, log-uniform, in photon counts."""

    peak_counts: tuple[float, float] = (1e4, 1e7)
    background_counts: tuple[float, float] = (1e-4, 0.1)


@dataclass(frozen=True)
class SimulatedScan:
    """A simulated measurement; all arrays are float32 (frames, rows, columns)."""

    counts: np.ndarray
    expected: np.ndarray
    """Noise-free expected counts."""
    description: dict
    """Seed and every drawn parameter, JSON-ready."""


def log_uniform(rng: np.random.Generator, low_high: tuple[float, float]) -> float:
    """Draw a number whose logarithm is uniform in the given range."""
    return float(np.exp(rng.uniform(*np.log(low_high))))


def random_pattern(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    crystals: CrystalRanges | None = None,
    ranges: PatternRanges | None = None,
) -> tuple[np.ndarray, dict]:
    """Draw a noise-free pattern, float32 (frames, rows, columns) with maximum 1, and its parameters."""
    ranges = ranges or PatternRanges()
    detector = log_uniform(rng, ranges.detector_oversampling)
    stretch = log_uniform(rng, ranges.detector_stretch) ** 0.5
    oversampling = (
        max(2.2, detector * log_uniform(rng, ranges.rocking_stretch)),
        max(2.2, detector * stretch),
        max(2.2, detector / stretch),
    )
    frames, rows, columns = (n * (0.5 + rng.uniform(*ranges.peak_offset)) for n in shape)
    peak = (frames, rows, columns)
    sigma = rng.uniform(*ranges.coherence_sigma)
    farthest_fringe = max(max(p, n - p) / s for p, n, s in zip(peak, shape, oversampling, strict=True))
    box = 64 if farthest_fringe < 28 else 32 * math.ceil(2 * farthest_fringe / FILLED_SHARE_OF_BOX / 32)
    crystal = random_crystal(rng, box, crystals)
    pattern = partial_coherence(diffraction_pattern(crystal, shape, oversampling, peak), sigma)
    parameters = {"oversampling": oversampling, "peak": peak, "coherence_sigma": sigma, "box": box}
    return pattern / pattern.max(), parameters


def simulate(
    n: int = 1,
    *,
    shape: tuple[int, int, int] = (128, 128, 128),
    seed: int = 0,
    crystals: CrystalRanges | None = None,
    patterns: PatternRanges | None = None,
    doses: DoseRanges | None = None,
) -> Iterator[SimulatedScan]:
    """Simulate scans of random crystals, one after the other.

    Parameters
    ----------
    n : int
        Number of scans; scan ``i`` depends on ``seed`` and ``i`` alone.
    shape : (frames, rows, columns)
        Size of each scan in voxels.
    seed : int
        Seed of every random choice.
    crystals, patterns, doses : optional
        Ranges to draw from.

    Yields
    ------
    SimulatedScan

    Raises
    ------
    InputError
        If the shape has an axis under 8 voxels.
    """
    if seed < 0:
        raise InputError(f"seed: got {seed}, expected 0 or more")
    if min(shape) < 8:
        raise InputError(f"shape: got {shape}, expected at least 8 voxels along each axis")
    doses = doses or DoseRanges()
    for index in range(n):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SCANS, index)))
        pattern, parameters = random_pattern(rng, shape, crystals, patterns)
        peak_counts, background = log_uniform(rng, doses.peak_counts), log_uniform(rng, doses.background_counts)
        expected = expected_counts(pattern, peak_counts, background)
        dose = {"peak_counts": peak_counts, "background_counts": background}
        origin = {"seed": seed, "index": index, "crystals": asdict(crystals or CrystalRanges())}
        yield SimulatedScan(counting_noise(rng, expected), expected, origin | parameters | dose)


def detector_cross(scan: SimulatedScan, width: int) -> np.ndarray:
    """A detector mask (rows, columns), True = not measured: a cross of the given width, a few voxels beside the peak."""
    rows, columns = scan.counts.shape[1:]
    if not 0 < width < min(rows, columns) // 3:
        raise InputError(
            f"cross: got a width of {width} voxels, expected 1 to {min(rows, columns) // 3 - 1} on {rows} × {columns}"
        )
    _, peak_row, peak_column = scan.description["peak"]
    mask = np.zeros((rows, columns), bool)
    first_row = min(round(peak_row) + 6, rows - width - 1)
    first_column = max(round(peak_column) - 6 - width, 1)
    mask[first_row : first_row + width] = True
    mask[:, first_column : first_column + width] = True
    return mask
