"""The endless stream of training portions, cut from simulated scans with gaps exactly as a fill cuts them.

Everything depends on the seed and the step number alone, so that a resumed training sees the same stream.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from braggfill.errors import InputError
from braggfill.gaps import Slab, find_slabs
from braggfill.kriging import smoothed
from braggfill.layout import GapRanges, random_mask
from braggfill.patches import NORMAL, along_normal, normal_start
from braggfill.ranges import check_ranges, log_uniform, require_positive
from braggfill.simulation.measurement import counting_noise
from braggfill.simulation.relaxation import Relaxed
from braggfill.simulation.scans import SimulationConfig, one_thread, random_pattern

PRACTICE_SCANS, STEPS = 3, 4
"""Branches of the seed: one for the scans, one for what is drawn at each step."""
THINNEST = 0.1
"""Largest share of a measured scan's photons that is kept."""


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
        require_positive(self, "plane", "scan_size", "pool", "renew_steps")
        if self.scan_size < max(NORMAL, self.plane) or self.plane < 8:
            raise InputError(
                f"plane, scan_size: got {self.plane} and {self.scan_size}, expected a plane of at least 8 voxels "
                f"and scans of at least {NORMAL} that hold it"
            )


@dataclass(frozen=True)
class Portions:
    """A batch of training portions; every tensor is (batch, NORMAL, plane, plane)."""

    counts: torch.Tensor
    """Photon counts, float32; zero where not measured."""
    measured: torch.Tensor
    """Bool."""
    guess: torch.Tensor
    """First guess of log(1 + counts), float32; NaN where there is none."""
    target: torch.Tensor
    """Bool: the voxels of the gap, whose prediction is scored."""
    expected: torch.Tensor
    """Noise-free expected counts, float32."""
    drawn: torch.Tensor
    """A draw of counts from the expectation, float32, also inside the gap."""


@dataclass(frozen=True)
class PracticeScan:
    """A simulated scan with gaps whose contents are known; arrays are (frames, rows, columns)."""

    expected: np.ndarray
    drawn: np.ndarray
    mask: np.ndarray
    guess: np.ndarray
    """Of log(1 + counts)."""
    known: np.ndarray
    """Bool, whole or (rows, columns): voxels whose expected counts are told by ``expected``."""
    slabs: list[Slab]
    places: np.ndarray
    """(places, 3): slab number and a place in its plane."""
    chances: np.ndarray
    """Cumulative chance of each place."""

    @classmethod
    def of(
        cls,
        expected: np.ndarray,
        drawn: np.ndarray,
        mask: np.ndarray,
        known: np.ndarray,
        slabs: list[Slab],
        guess: np.ndarray,
    ) -> "PracticeScan":
        """Weigh the places where portions are drawn: more often where it is bright."""
        places, weights = [np.empty((0, 3), int)], [np.empty(0)]
        for number, slab in enumerate(slabs):
            inside = np.log1p(20 * np.moveaxis(expected, slab.axis, 0)[slab.first : slab.last + 1])
            weight = np.where(slab.target.any(0), (inside * slab.target).mean(0) + 0.02, 0)
            at = np.argwhere(weight)
            places.append(np.column_stack([np.full(len(at), number), at]))
            weights.append(weight[tuple(at.T)] / np.sqrt(weight.sum()))
        return cls(expected, drawn, mask, guess, known, slabs, np.concatenate(places), np.cumsum(np.concatenate(weights)))

    def portion(self, rng: np.random.Generator, plane: int) -> tuple[np.ndarray, ...]:
        """Counts, measured, guess, target, expected and drawn of a random portion, randomly mirrored and turned."""
        number, *centre = self.places[np.searchsorted(self.chances, self.chances[-1] * rng.random(), "right")]
        slab = self.slabs[number]
        shift = rng.integers(-plane // 2, plane // 2, 2)
        corner = [
            int(np.clip(c - plane // 2 + s, 0, n - plane)) for c, s, n in zip(centre, shift, slab.target.shape[1:], strict=True)
        ]
        crop = [slice(c, c + plane) for c in corner]
        crop.insert(slab.axis, slice(None))
        frames, rows, columns = crop
        drawn, mask = self.drawn[frames, rows, columns], self.mask[frames, rows, columns]
        volumes = [
            (np.where(mask, 0, drawn), 0.0),
            (~mask, False),
            (self.guess[frames, rows, columns], np.nan),
            (np.broadcast_to(self.known, self.mask.shape)[frames, rows, columns], False),
            (self.expected[frames, rows, columns], 0.0),
            (drawn, 0.0),
        ]
        cut = [along_normal(volume, slab, beyond) for volume, beyond in volumes]
        target = np.zeros_like(cut[1])
        first = slab.first - normal_start(slab)
        target[first : first + len(slab.target)] = slab.target[:, *(slice(c, c + plane) for c in corner)]
        cut[-3] = cut[-3] & target
        turn = [slice(None, None, int(step)) for step in rng.choice([-1, 1], 3)]
        order = (0, 1, 2) if rng.random() < 0.5 else (0, 2, 1)
        return tuple(v[tuple(turn)].transpose(order) for v in cut)


@dataclass(frozen=True)
class MeasuredScan:
    """A measured scan of so many counts that a tenth of them is as good as noise-free; arrays are (frames, rows, columns)."""

    name: str
    counts: np.ndarray
    """Whole numbers."""
    mask: np.ndarray
    """Bool: True = not measured."""

    @property
    def sha256(self) -> str:
        """SHA-256 of counts and mask, as 64 hexadecimal digits."""
        return hashlib.sha256(self.counts.tobytes() + self.mask.tobytes()).hexdigest()

    def thinned(self, rng: np.random.Generator, peak_counts: float) -> tuple[np.ndarray, np.ndarray]:
        """Expected and drawn counts, float32, as if measured with a lower dose: every photon is kept with one probability."""
        share = min(THINNEST, peak_counts / self.counts.max())
        drawn = rng.binomial(self.counts.astype(np.int64), share)
        return (self.counts * share).astype(np.float32), drawn.astype(np.float32)


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
            if min(scan.counts.shape) < self.config.plane:
                raise InputError(
                    f"measured {scan.name}: got {scan.counts.shape} voxels, expected at least the portions' plane of "
                    f"{self.config.plane} along each axis"
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
            if slabs := find_slabs(mask):
                guess = smoothed(np.where(mask, 0, drawn), mask, slabs, self.device)
                return PracticeScan.of(expected, drawn, mask, known, slabs, guess)

    def _simulated(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, tuple[float, ...], np.ndarray]:
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
        return Portions(*(torch.from_numpy(np.stack(part)).to(self.device) for part in zip(*portions, strict=True)))
