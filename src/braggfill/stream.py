"""The endless stream of training portions: simulated patterns, cut where it is bright, with gaps of every kind laid on them.

Everything depends on the seed and the step number alone, so that a resumed training sees the same stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from braggfill.errors import InputError
from braggfill.measurement import Pattern, counting_noise
from braggfill.patches import NORMAL
from braggfill.ranges import check_ranges, log_uniform, require_positive
from braggfill.relaxation import Relaxed
from braggfill.simulation import SimulationConfig, one_thread, random_pattern

PATTERNS, STEPS = 3, 4
"""Branches of the seed: one for the patterns, one for what is drawn at each step."""
WIDEST = 20
"""Widest gap that leaves banks of six voxels on both sides."""
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

    def __post_init__(self) -> None:
        check_ranges(self)
        if not 1 <= self.max_width <= WIDEST:
            raise InputError(f"max_width: got {self.max_width}, expected 1 to {WIDEST}")


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
    simulation: SimulationConfig = field(default_factory=SimulationConfig)

    def __post_init__(self) -> None:
        require_positive(self, "plane", "pattern_size", "pool", "renew_steps")
        if self.pattern_size < max(NORMAL, self.plane) or self.plane < 8:
            raise InputError(
                f"plane, pattern_size: got {self.plane} and {self.pattern_size}, expected a plane of at least 8 voxels "
                f"and patterns of at least {NORMAL} that hold it"
            )


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
    width = int(rng.integers(shortest, min(longest, length) + 1))
    start = int(rng.integers(0, length - width + 1))
    return slice(start, start + width)


class PortionStream:
    """Training portions by step number; the pool of patterns moves on by one every ``renew_steps`` steps.

    Parameters
    ----------
    seed : int
    config : StreamConfig, optional
    crystals : sequence of Relaxed
        Relaxed crystals that patterns are made of, beside those drawn anew.
    device : torch device
        Where patterns and portions are made.
    """

    def __init__(
        self,
        seed: int,
        config: StreamConfig | None = None,
        crystals: Sequence[Relaxed] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.seed, self.config, self.crystals, self.device = seed, config or StreamConfig(), crystals, device
        self._pool: dict[int, tuple[Pattern, np.ndarray]] = {}

    def pattern(self, number: int) -> tuple[Pattern, np.ndarray]:
        """Pattern ``number`` of the stream and its coarse brightness, the mean of blocks of ``COARSE`` voxels."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(PATTERNS, number)))
        shape = (self.config.pattern_size,) * 3
        with one_thread():
            pattern, _ = random_pattern(rng, shape, self.crystals, self.config.simulation, self.device)
        return pattern, F.avg_pool3d(pattern.intensity[None], COARSE, ceil_mode=True)[0].cpu().numpy()

    def fill_pool(self, step: int) -> list[int]:
        """Make the patterns that ``step`` draws from, drop older ones; return their numbers."""
        first = step // self.config.renew_steps
        numbers = list(range(first, first + self.config.pool))
        self._pool = {n: self._pool[n] if n in self._pool else self.pattern(n) for n in numbers}
        return numbers

    def batch(self, step: int, size: int) -> Portions:
        """The ``size`` portions of training step ``step``."""
        numbers = self.fill_pool(step)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(STEPS, step)))
        return self.cut(rng, [self._pool[int(rng.choice(numbers))] for _ in range(size)])

    def cut(self, rng: np.random.Generator, patterns: list[tuple[Pattern, np.ndarray]]) -> Portions:
        """One portion of each pattern (given with its coarse brightness), at random places, doses and under random gaps."""
        gaps = [random_gap(rng, self.config.plane, self.config.gaps) for _ in patterns]
        missing, target = (torch.from_numpy(np.stack([g[part] for g in gaps])).to(self.device) for part in (0, 1))
        expected = torch.empty(missing.shape, device=self.device)
        for number, (pattern, brightness) in enumerate(patterns):
            self._cut_portion(rng, pattern, brightness, expected[number], target[number])
        drawn = counting_noise(rng, expected)
        return Portions(torch.where(missing, 0.0, drawn), ~missing, target, expected, drawn)

    def _cut_portion(
        self,
        rng: np.random.Generator,
        pattern: Pattern,
        brightness: np.ndarray,
        expected: torch.Tensor,
        target: torch.Tensor,
    ) -> None:
        """Write the expected counts of a random portion (NORMAL, plane, plane), and take faulty pixels out of its target."""
        measurement = self.config.simulation.measurement
        peak_counts = log_uniform(rng, measurement.peak_counts)
        background = log_uniform(rng, measurement.background_counts)
        centre = self._bright_place(rng, brightness * peak_counts)
        axes = tuple(int(a) for a in rng.permutation(3))
        extents = [NORMAL if axis == axes[0] else self.config.plane for axis in range(3)]
        starts = [min(max(c - e // 2, 0), self.config.pattern_size - e) for c, e in zip(centre, extents, strict=True)]
        frames, rows, columns = (slice(s, s + e) for s, e in zip(starts, extents, strict=True))
        cut = pattern.expected(peak_counts, background, (frames, rows, columns))
        expected.copy_(cut.permute(axes))
        if not pattern.sound:
            target &= ~pattern.faulty[rows, columns].expand(cut.shape).permute(axes)

    def _bright_place(self, rng: np.random.Generator, brightness_counts: np.ndarray) -> list[int]:
        """Draw a portion's centre, in proportion to the logarithm of the local counts."""
        up_to = np.cumsum(np.log1p(20 * brightness_counts) + 0.02)
        place = np.searchsorted(up_to, up_to[-1] * rng.random(), "right")
        coarse = np.unravel_index(int(place), brightness_counts.shape)
        return [int(c) * COARSE + int(i) for c, i in zip(coarse, rng.integers(0, COARSE, 3), strict=True)]
