"""What the measurement makes of an ideal pattern (S2.3): partial coherence, stray light, detector, dose, counting noise.

References
----------
Supplement of M. Masto et al., J. Appl. Cryst. 57, 966 (2024), https://arxiv.org/abs/2403.08596
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.randomness import poisson_counts, seeded
from braggfill.base.ranges import check_ranges, log_uniform
from braggfill.base.smoothing import gaussian_blur

Intensity = Float32[Tensor, "frames rows columns"]
NOISE_STREAMS = 8
"""Counting noise is drawn in so many parts, each from a generator of its own: the same counts on any number of threads."""


@dataclass(frozen=True)
class MeasurementRanges:
    """Ranges of what the measurement adds, and how often; counts are photons a voxel."""

    coherence_sigma: tuple[float, float] = (0.25, 1.1)
    """Gaussian blur of the intensity in voxels, each axis by itself within a factor of 1.4."""
    peak_counts: tuple[float, float] = (1e4, 1e7)
    """Expected counts at the maximum, log-uniform."""
    background_counts: tuple[float, float] = (1e-4, 0.1)
    """Flat background, log-uniform."""
    inelastic_share: float = 0.5
    """Scans with diffuse scattering about the peak."""
    inelastic: tuple[float, float] = (1e-8, 1e-5)
    """Its height over the peak's, log-uniform."""
    inelastic_width: tuple[float, float] = (0.1, 0.5)
    """Half width at half its height, as a share of the array."""
    alien_share: float = 0.1
    """Scans with a spot of another crystal's light."""
    alien: tuple[float, float] = (1e-7, 1e-3)
    """The spot's height over the peak's, log-uniform."""
    alien_sigma: tuple[float, float] = (0.8, 5.0)
    jitter_share: float = 0.3
    """Scans whose frames differ in exposure."""
    jitter: tuple[float, float] = (0.002, 0.06)
    """Standard deviation of the frames' exposures, log-uniform."""
    dead_time_share: float = 0.25
    """Scans whose detector loses counts where it is bright."""
    dead_time_loss: tuple[float, float] = (0.01, 0.15)
    """Share of the counts lost at the maximum."""
    dead_pixel_share: float = 0.15
    """Scans with pixels that never count."""
    hot_pixel_share: float = 0.15
    """Scans with pixels that count by themselves in every frame."""
    faulty_pixels: tuple[int, int] = (1, 12)
    hot_counts: tuple[float, float] = (0.3, 1e4)
    """Counts of a hot pixel in a frame, log-uniform."""

    def __post_init__(self) -> None:
        logarithmic = ("peak_counts", "background_counts", "inelastic", "alien", "jitter", "hot_counts")
        limits = {"coherence_sigma": (0, 100), "dead_time_loss": (0, 0.99), "jitter": (0, 10), "faulty_pixels": (1, 100_000)}
        check_ranges(self, (*logarithmic, "inelastic_width", "alien_sigma"), limits)


@dataclass(frozen=True)
class ExpectedPattern:
    """A noise-free pattern of any dose: intensity with maximum 1, and the pixels that do not follow it."""

    intensity: Intensity
    dead: Bool[Tensor, "rows columns"]
    hot_counts: Float32[Tensor, "rows columns"]
    """Counts that a pixel adds in every frame, 0 for a sound one."""

    def expected(
        self, peak_counts: float, background_counts: float, where: tuple[slice, slice, slice] | None = None
    ) -> Intensity:
        """Expected photon counts at a dose and over a flat background, in a part."""
        frames, rows, columns = where or (slice(None),) * 3
        counts = (self.intensity[frames, rows, columns] * peak_counts).add_(background_counts)
        if self.sound:
            return counts
        return counts.masked_fill_(self.dead[rows, columns], 0.0).add_(self.hot_counts[rows, columns])

    @cached_property
    def faulty(self) -> Bool[Tensor, "rows columns"]:
        """Pixels whose counts do not tell of the pattern."""
        return self.dead | (self.hot_counts > 0)

    @cached_property
    def sound(self) -> bool:
        """Whether every pixel follows the pattern."""
        return not bool(self.faulty.any())


def measured_pattern(
    rng: np.random.Generator,
    intensity: Intensity,
    peak: tuple[float, float, float],
    ranges: MeasurementRanges | None = None,
) -> ExpectedPattern:
    """Draw all changes of S2.3 but the dose, and what real scans show beyond them, and make them.

    Parameters
    ----------
    rng : numpy Generator
    intensity : float32 tensor
        Ideal pattern with maximum 1.
    peak : three floats
        Position of the Bragg peak in voxels.
    ranges : MeasurementRanges, optional

    Returns
    -------
    ExpectedPattern
    """
    ranges = ranges or MeasurementRanges()
    light = partial_coherence(rng, intensity, ranges)
    add_stray_light(rng, light, peak, ranges)
    distort_exposure(rng, light, ranges)
    pixels = (light.shape[1], light.shape[2])
    dead = _some_pixels(rng, pixels, ranges.dead_pixel_share, ranges.faulty_pixels)
    hot = _some_pixels(rng, pixels, ranges.hot_pixel_share, ranges.faulty_pixels)
    low, high = np.log(ranges.hot_counts)
    hot_counts = np.where(hot, np.exp(rng.uniform(low, high, hot.shape)), 0).astype(np.float32)
    return ExpectedPattern(light, torch.from_numpy(dead).to(light.device), torch.from_numpy(hot_counts).to(light.device))


def partial_coherence(rng: np.random.Generator, intensity: Intensity, ranges: MeasurementRanges) -> Intensity:
    """Blur a pattern by a random, slightly anisotropic Gaussian; its maximum becomes 1."""
    frames, rows, columns = rng.uniform(*ranges.coherence_sigma) * 1.4 ** rng.uniform(-0.5, 0.5, 3)
    blurred = gaussian_blur(intensity, (frames, rows, columns))
    return blurred.div_(blurred.amax())


def add_stray_light(
    rng: np.random.Generator, light: Intensity, peak: tuple[float, float, float], ranges: MeasurementRanges
) -> None:
    """Add diffuse scattering and another crystal's light, each in its share, to a pattern."""
    axes = _positions(light)
    if rng.random() < ranges.inelastic_share:
        width = rng.uniform(*ranges.inelastic_width)
        z, y, x = (((n - p) / (width * n.numel())).square() for n, p in zip(axes, peak, strict=True))
        light += (1 + y + x + z).reciprocal_().mul_(log_uniform(rng, ranges.inelastic))
    if rng.random() < ranges.alien_share:
        sigma, height = rng.uniform(*ranges.alien_sigma), log_uniform(rng, ranges.alien)
        z, y, x = (torch.exp(-0.5 * ((n - rng.random() * n.numel()) / sigma).square()) for n in axes)
        light += y * x * (z * height)


def distort_exposure(rng: np.random.Generator, light: Intensity, ranges: MeasurementRanges) -> None:
    """Let frames of a pattern differ in exposure and bright voxels lose counts, in their shares of the scans."""
    if rng.random() < ranges.jitter_share:
        exposures = rng.lognormal(0, log_uniform(rng, ranges.jitter), (light.shape[0], 1, 1))
        light *= torch.from_numpy(exposures.astype(np.float32)).to(light.device)
        light /= light.max()
    if rng.random() < ranges.dead_time_share:
        loss = rng.uniform(*ranges.dead_time_loss)
        light /= (1 - loss) + loss * light  # non-paralysable; the maximum stays 1


def counting_noise(rng: np.random.Generator, expected: Float32[Tensor, "*voxels"]) -> Float32[Tensor, "*voxels"]:
    """Photon counts, whole, drawn from Poisson distributions with the expected counts."""
    seeds = rng.integers(2**62, size=NOISE_STREAMS).tolist()

    def draw(part: torch.Tensor, seed: int) -> torch.Tensor:
        return poisson_counts(part, seeded(seed))

    parts = expected.cpu().flatten().chunk(NOISE_STREAMS)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return torch.cat(list(pool.map(draw, parts, seeds))).view(expected.shape).to(expected.device)


def _positions(like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Voxel numbers along each axis, float32, shaped (frames, 1, 1), (rows, 1) and (columns,)."""
    frames, rows, columns = (torch.arange(n, dtype=torch.float32, device=like.device) for n in like.shape)
    return frames[:, None, None], rows[:, None], columns


def _some_pixels(rng: np.random.Generator, shape: tuple[int, int], chance: float, number: tuple[int, int]) -> NDArray[np.bool_]:
    """A bool map (rows, columns) with a few random pixels set, or with ``1 - chance`` none."""
    chosen = np.zeros(shape, bool)
    if rng.random() < chance:
        chosen.flat[rng.integers(0, chosen.size, rng.integers(number[0], number[1] + 1))] = True
    return chosen
