"""The endless stream of training portions: simulated patterns, cut where it is bright, with gaps of every kind laid on them.

Everything depends on the seed and the step number alone, so that a resumed training sees the same stream.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from braggfill.crystal import CrystalRanges
from braggfill.errors import InputError
from braggfill.patches import NORMAL
from braggfill.simulation import DoseRanges, PatternRanges, log_uniform, random_pattern

PATTERN_SEED, STEP_SEED = 0, 1
"""Branches of the seed: one for the patterns, one for what is drawn at each step."""
COARSE = 8
"""Brightness is looked up on a grid this many voxels coarse when a portion's place is drawn."""


@dataclass(frozen=True)
class GapRanges:
    """How often each kind of gap is laid on a training portion."""

    max_width: int = 14
    cross_share: float = 0.35
    """Portions with a second arm across the plane."""
    box_share: float = 0.12
    """Portions whose gap spans only part of the plane."""
    border_share: float = 0.06
    """Portions whose gap touches the array's border along the normal: one bank is missing."""
    edge_share: float = 0.15
    """Portions with the array's border inside the plane."""
    hot_share: float = 0.15
    """Portions with isolated voxels missing as well, mostly as lines: a bad pixel is missing in every frame."""


@dataclass(frozen=True)
class StreamConfig:
    """What the portions are cut from, and how."""

    plane: int = 32
    """Extent of a portion in the gap's plane, in voxels."""
    pattern_size: int = 128
    """Extent of the simulated patterns along each axis, in voxels."""
    pool: int = 48
    """Patterns kept at a time."""
    renew_steps: int = 24
    """A new pattern replaces the oldest after this many steps."""
    gaps: GapRanges = field(default_factory=GapRanges)
    doses: DoseRanges = field(default_factory=DoseRanges)
    patterns: PatternRanges = field(default_factory=PatternRanges)
    crystals: CrystalRanges = field(default_factory=CrystalRanges)

    def __post_init__(self) -> None:
        require_positive(self, "plane", "pattern_size", "pool", "renew_steps")
        if self.pattern_size < max(NORMAL, self.plane) or self.plane < 8:
            raise InputError(
                f"plane, pattern_size: got {self.plane} and {self.pattern_size}, expected a plane of at least 8 voxels "
                f"and patterns of at least {NORMAL} that hold it"
            )


def require_positive(config: object, *names: str) -> None:
    """Raise InputError unless the named values of a configuration are at least 1."""
    for name in names:
        if getattr(config, name) < 1:
            raise InputError(f"{name}: got {getattr(config, name)}, expected at least 1")


@dataclass(frozen=True)
class Portions:
    """A batch of training portions; every tensor is (batch, NORMAL, plane, plane)."""

    counts: torch.Tensor
    """Photon counts, float32; zero where not measured."""
    measured: torch.Tensor
    """Bool."""
    target: torch.Tensor
    """Bool: the voxels of the gap, whose prediction is scored."""
    expected: torch.Tensor
    """Noise-free expected counts, float32."""
    drawn: torch.Tensor
    """A draw of counts from the expectation, float32, also inside the gap."""


def random_gap(rng: np.random.Generator, plane: int, ranges: GapRanges) -> tuple[np.ndarray, np.ndarray]:
    """Lay a gap on a portion: (missing, target), bool arrays (NORMAL, plane, plane), True = not measured / to predict."""
    missing = np.zeros((NORMAL, plane, plane), bool)
    width = int(rng.integers(1, ranges.max_width + 1))
    first = NORMAL // 2 - width // 2 - int(rng.integers(2)) * (width % 2)
    target = missing.copy()
    target[first : first + width] = True
    if rng.random() < ranges.box_share:
        keep = np.zeros_like(target)
        longest = plane if rng.random() < 0.5 else 6
        keep[:, _span(rng, plane, 1, longest), _span(rng, plane, 1, longest)] = True
        target &= keep
    missing |= target
    if rng.random() < ranges.cross_share:
        arm = _span(rng, plane, 1, ranges.max_width)
        missing[(slice(None), arm) if rng.random() < 0.5 else (slice(None), slice(None), arm)] = True
    if rng.random() < ranges.border_share:
        if rng.random() < 0.5:
            missing[:first] = True
        else:
            missing[first + width :] = True
    if rng.random() < ranges.edge_share:
        axis, beyond = int(rng.integers(1, 3)), int(rng.integers(1, plane // 2))
        side = slice(None, beyond) if rng.random() < 0.5 else slice(plane - beyond, None)
        outside = (slice(None),) * axis + (side,)
        missing[outside], target[outside] = True, False
    if rng.random() < ranges.hot_share:
        extent = np.array(missing.shape)
        if rng.random() < 0.7:
            extent[rng.integers(3)] = 1
        missing |= rng.random(extent) < rng.uniform(0, 0.02)
    return missing, target


def _span(rng: np.random.Generator, length: int, shortest: int, longest: int) -> slice:
    """Draw a slice of random width that lies inside ``length``."""
    width = int(rng.integers(shortest, longest + 1))
    start = int(rng.integers(0, length - width + 1))
    return slice(start, start + width)


class PortionStream:
    """Training portions by step number; the pool of patterns moves on by one every ``renew_steps`` steps."""

    def __init__(self, seed: int, config: StreamConfig | None = None) -> None:
        self.seed, self.config = seed, config or StreamConfig()
        self._pool: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def pattern(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Pattern ``number`` of the stream (size, size, size) and its coarse brightness, maximum 1."""
        rng = np.random.default_rng([self.seed, PATTERN_SEED, number])
        size = self.config.pattern_size
        pattern, _ = random_pattern(rng, (size,) * 3, self.config.crystals, self.config.patterns)
        return pattern, uniform_filter(pattern, 9)[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE, COARSE // 2 :: COARSE]

    def fill_pool(self, step: int) -> list[int]:
        """Make the patterns that ``step`` draws from, drop older ones; return their numbers."""
        first = step // self.config.renew_steps
        numbers = list(range(first, first + self.config.pool))
        self._pool = {n: self._pool[n] if n in self._pool else self.pattern(n) for n in numbers}
        return numbers

    def batch(self, step: int, size: int) -> Portions:
        """The ``size`` portions of training step ``step``."""
        numbers = self.fill_pool(step)
        rng = np.random.default_rng([self.seed, STEP_SEED, step])
        portions = [self._portion(rng, *self._pool[int(rng.choice(numbers))]) for _ in range(size)]
        expected = torch.from_numpy(np.stack([p[0] for p in portions]))
        missing = torch.from_numpy(np.stack([p[1] for p in portions]))
        target = torch.from_numpy(np.stack([p[2] for p in portions]))
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        drawn = torch.poisson(expected, noise)
        return Portions(torch.where(missing, 0.0, drawn), ~missing, target, expected, drawn)

    def _portion(
        self, rng: np.random.Generator, pattern: np.ndarray, brightness: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Expected counts, missing voxels and target of one portion, each (NORMAL, plane, plane)."""
        peak_counts = log_uniform(rng, self.config.doses.peak_counts)
        background = log_uniform(rng, self.config.doses.background_counts)
        centre = self._bright_place(rng, brightness * peak_counts)
        axes = rng.permutation(3)
        extent = np.array([self.config.plane] * 3)
        extent[axes[0]] = NORMAL
        start = np.clip(centre - extent // 2, 0, self.config.pattern_size - extent)
        cut = pattern[tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))].transpose(axes)
        mirror = tuple(slice(None, None, int(d)) for d in rng.choice([-1, 1], 3))
        expected = cut[mirror] * np.float32(peak_counts) + np.float32(background)
        missing, target = random_gap(rng, self.config.plane, self.config.gaps)
        return np.ascontiguousarray(expected), missing, target

    def _bright_place(self, rng: np.random.Generator, brightness_counts: np.ndarray) -> np.ndarray:
        """Draw a portion's centre (3,), in proportion to the logarithm of the local counts."""
        chance = np.log1p(20 * brightness_counts).ravel() + 0.02
        place = rng.choice(chance.size, p=chance / chance.sum())
        coarse = np.array(np.unravel_index(place, brightness_counts.shape))
        return coarse * COARSE + rng.integers(0, COARSE, 3)
