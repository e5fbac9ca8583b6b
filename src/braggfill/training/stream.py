"""The endless stream of training portions, cut from simulated scans with gaps exactly as a fill cuts them.

Everything depends on the seed and the step number alone, not on how many threads compute, so that a resumed training and
processes that share a batch see the same stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.ranges import check_ranges, log_uniform
from braggfill.classical.kriging import guessed
from braggfill.network.config import NORMAL
from braggfill.network.practice_scan import Portions, PracticeScan, stacked
from braggfill.scan.gapped import GappedScan
from braggfill.scan.measured import MeasuredScan
from braggfill.simulation.measurement import counting_noise
from braggfill.simulation.relaxation import Relaxed
from braggfill.simulation.scans import SimulationConfig, one_thread, random_pattern
from braggfill.training.random_gaps import GapRanges, random_mask

PRACTICE_SCANS, STEPS = 3, 4
"""Branches of the seed: one for the scans, one for what is drawn at each step."""


@dataclass(frozen=True)
class StreamConfig:
    """What the portions are cut from, and how."""

    plane: int = 32
    """Extent of a portion in the gap's plane, in voxels."""
    scan_size: int = 128
    """Extent of the simulated scans along each axis, in voxels."""
    pool: int = 40
    """Scans kept at a time."""
    renew_steps: int = 24
    """A new scan replaces the oldest after this many steps."""
    measured_share: float = 0.1
    """Scans that are a measured one thinned to a lower dose, where there is one."""
    gaps: GapRanges = field(default_factory=GapRanges)
    simulation: SimulationConfig = field(default_factory=SimulationConfig)

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.scan_size < max(NORMAL, self.plane) or self.plane < 8:
            raise InputError(
                f"plane, scan_size: got {self.plane} and {self.scan_size}, expected a plane of at least 8 voxels "
                f"and scans of at least {NORMAL} that hold it"
            )


class PortionStream:
    """Training portions by step number; the pool of scans moves on by one every ``renew_steps`` steps.

    Parameters
    ----------
    seed : int
    config : StreamConfig, optional
    crystals : sequence of Relaxed
        Relaxed crystals that patterns are made of, beside those drawn anew.
    device : torch device
        Where patterns are made and portions delivered.
    measured : sequence of MeasuredScan
        Measured scans to thin and learn from as well.
    """

    def __init__(
        self,
        seed: int,
        config: StreamConfig | None = None,
        crystals: Sequence[Relaxed] = (),
        device: torch.device | str = "cpu",
        measured: Sequence[MeasuredScan] = (),
    ) -> None:
        self.seed, self.config, self.crystals, self.device = seed, config or StreamConfig(), crystals, device
        self.measured = measured
        for scan in measured:
            least = max(NORMAL, self.config.plane)
            if min(scan.counts.shape) < least:
                raise InputError(
                    f"measured {scan.name}: got {scan.counts.shape} voxels, expected at least {least} along each axis"
                )
        self._pool: dict[int, PracticeScan] = {}

    def scan(self, number: int) -> PracticeScan:
        """Scan ``number`` of the stream."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(PRACTICE_SCANS, number)))
        if self.measured and rng.random() < self.config.measured_share:
            source = self.measured[int(rng.integers(len(self.measured)))]
            expected, drawn = source.thinned(rng, log_uniform(rng, self.config.simulation.measurement.peak_counts))
            peak = tuple(float(i) for i in np.unravel_index(expected.argmax(), expected.shape))
            missing, known = source.mask, ~source.mask
        else:
            expected, drawn, peak, known = self._simulated(rng)
            missing = np.zeros(expected.shape, bool)
        while True:
            mask = missing | random_mask(rng, expected.shape, peak, self.config.gaps)
            scan = GappedScan.blanked(drawn, mask)
            if scan.slabs:
                with one_thread():
                    return PracticeScan.of(guessed(scan, self.device), expected, drawn, known)

    def _simulated(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[float, ...], NDArray[np.bool_]]:
        """Expected and drawn counts of a random crystal, its peak in voxels, and the pixels (rows, columns) that follow it."""
        config, shape = self.config.simulation, (self.config.scan_size,) * 3
        with one_thread():
            pattern, parameters = random_pattern(rng, shape, self.crystals, config, self.device)
            peak_counts = log_uniform(rng, config.measurement.peak_counts)
            expected = pattern.expected(peak_counts, log_uniform(rng, config.measurement.background_counts))
            drawn = counting_noise(rng, expected)
        return expected.cpu().numpy(), drawn.cpu().numpy(), parameters["peak"], ~pattern.faulty.cpu().numpy()

    def fill_pool(self, step: int) -> list[int]:
        """Make the scans that ``step`` draws from, drop older ones; return their numbers."""
        first = step // self.config.renew_steps
        numbers = list(range(first, first + self.config.pool))
        self._pool = {n: self._pool[n] if n in self._pool else self.scan(n) for n in numbers}
        return numbers

    def batch(self, step: int, size: int, share: slice = slice(None)) -> Portions:
        """The ``size`` portions of training step ``step``, or a share of them."""
        numbers = self.fill_pool(step)
        portions = []
        for index in range(size)[share]:
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(STEPS, step, index)))
            portions.append(self._pool[int(rng.choice(numbers))].portion(rng, self.config.plane))
        return stacked(portions, self.device)
