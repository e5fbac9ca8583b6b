"""Simulated scans: a crystal, its pattern on a random detector geometry, a dose, counting noise."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Complex64
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.errors import InputError
from braggfill.base.limits import check_kind, check_number, shown
from braggfill.base.ranges import check_ranges, log_uniform
from braggfill.simulation.crystal import FILLED_SHARE_OF_BOX, Crystal, CrystalBox, box_round, continuum_object, finest_size
from braggfill.simulation.degrade import ObjectRanges, degraded_object
from braggfill.simulation.diffract import atomic_object, diffraction_pattern
from braggfill.simulation.geometry import bragg_angle, measured_directions, reciprocal_vector
from braggfill.simulation.measurement import ExpectedPattern, MeasurementRanges, counting_noise, measured_pattern
from braggfill.simulation.particle import METALS, ParticleRanges, random_body
from braggfill.simulation.relaxation import Relaxed

SCANS = 1
"""Branch of the seed that whole scans are drawn from; training portions are drawn from others."""
COARSEST_BOX, FINEST_BOX = 48, 512
"""Least and largest size of the box that a crystal's facets are drawn in."""
MOST_SIMULATED = 2**27
"""Voxels of a scan: 512³ take about 10 GB."""
NYQUIST_MARGIN = 2.2
"""Least oversampling that is drawn."""


@dataclass(frozen=True)
class PatternRanges:
    """Ranges from which crystal and geometry of a pattern are drawn."""

    relaxed_share: float = 0.7
    """Crystals from the library of relaxed ones; the others have facets drawn anew, and an imposed phase only."""
    atomic_share: float = 0.5
    """Relaxed crystals summed atom by atom, where they are large enough for the pattern."""
    reflections: tuple[tuple[int, int, int], ...] = ((1, 1, 1), (1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1), (2, 2, 2))
    """Families to draw from, each as often as it is named."""
    energy_kev: tuple[float, float] = (7.5, 13.0)
    detector_roll_rad: tuple[float, float] = (-0.4, 0.4)
    """Turn of the detector about the scattered beam; half of the scans rock about the other detector axis."""
    edge_width: tuple[float, float] = (0.004, 0.012)
    """Softness of a drawn crystal's surface, as a share of its box."""
    detector_oversampling: tuple[float, float] = (2.4, 7.0)
    """Voxels per fringe on the detector, log-uniform."""
    rocking_stretch: tuple[float, float] = (0.6, 2.6)
    """Oversampling along the rocking axis over that on the detector, log-uniform."""
    detector_stretch: tuple[float, float] = (0.75, 1.33)
    """Oversampling along rows over that along columns, log-uniform."""
    peak_offset: tuple[float, float] = (-0.2, 0.2)
    """Distance of the peak from the centre as a share of the array, each axis by itself."""

    def __post_init__(self) -> None:
        check_ranges(self, ("energy_kev", "edge_width", "detector_oversampling", "rocking_stretch", "detector_stretch"))
        if max(map(abs, self.peak_offset)) > 0.5:
            raise InputError(f"peak_offset: got {list(self.peak_offset)}, expected shares of -0.5 to 0.5")
        smallest = min(metal.lattice_angstrom for metal in METALS.values())
        forbidden = [h for h in self.reflections if len({i % 2 for i in h}) > 1 or not any(h)]
        if forbidden or not self.reflections:
            raise InputError(f"reflections: got {forbidden}, expected indices all even or all odd, as fcc crystals have them")
        for family in self.reflections:
            bragg_angle(reciprocal_vector(family, smallest), self.energy_kev[0])


@dataclass(frozen=True)
class SimulationConfig:
    """Everything a simulated pattern is drawn from."""

    patterns: PatternRanges = field(default_factory=PatternRanges)
    bodies: ParticleRanges = field(default_factory=ParticleRanges)
    """For the crystals that are drawn anew."""
    objects: ObjectRanges = field(default_factory=ObjectRanges)
    measurement: MeasurementRanges = field(default_factory=MeasurementRanges)


@dataclass(frozen=True)
class SimulatedScan:
    """A simulated measurement; arrays are (frames, rows, columns)."""

    counts: NDArray[np.float32]
    """float32."""
    expected: NDArray[np.float32]
    """Noise-free expected counts, float32."""
    faulty: NDArray[np.bool_]
    """bool (rows, columns): dead and hot pixels."""
    description: dict[str, Any]
    """Seed and every drawn parameter, JSON-ready."""


def random_pattern(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    crystals: Sequence[Relaxed] = (),
    config: SimulationConfig | None = None,
    device: torch.device | str = "cpu",
) -> tuple[ExpectedPattern, dict[str, Any]]:
    """Draw a noise-free pattern of a crystal and its parameters.

    Parameters
    ----------
    rng : numpy Generator
    shape : (frames, rows, columns)
    crystals : sequence of Relaxed
        The library to draw from; without one every crystal is drawn anew.
    config : SimulationConfig, optional
    device : torch device
        Where to compute.
    """
    config = config or SimulationConfig()
    oversampling, peak = random_sampling(rng, shape, config.patterns)
    ideal, parameters = random_object(rng, needed_size(shape, oversampling, peak), crystals, config, device)
    intensity = diffraction_pattern(degraded_object(rng, ideal, config.objects), shape, oversampling, peak)
    parameters |= {"oversampling": oversampling, "peak": peak}
    return measured_pattern(rng, intensity, peak, config.measurement), parameters


def random_sampling(
    rng: np.random.Generator, shape: tuple[int, int, int], ranges: PatternRanges
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Draw oversampling and peak position along each axis."""
    detector = log_uniform(rng, ranges.detector_oversampling)
    rocking, stretch = log_uniform(rng, ranges.rocking_stretch), log_uniform(rng, ranges.detector_stretch) ** 0.5
    frames, rows, columns = (max(NYQUIST_MARGIN, detector * s) for s in (rocking, stretch, 1 / stretch))
    frame, row, column = (n * (0.5 + rng.uniform(*ranges.peak_offset)) for n in shape)
    return (frames, rows, columns), (frame, row, column)


def needed_size(shape: tuple[int, int, int], oversampling: tuple[float, float, float], peak: tuple[float, float, float]) -> int:
    """Least size of a box whose zone holds a pattern."""
    farthest_fringe = max(max(p, n - p) / s for p, n, s in zip(peak, shape, oversampling, strict=True))
    size = math.ceil(2 * farthest_fringe / FILLED_SHARE_OF_BOX) + 1
    if size > FINEST_BOX:
        raise InputError(
            f"shape {shape}: {farthest_fringe:.0f} fringes from the peak need a box of {size} voxels, expected at most "
            f"{FINEST_BOX}; use fewer voxels or a larger oversampling"
        )
    return size


def random_object(
    rng: np.random.Generator,
    size: int,
    crystals: Sequence[Relaxed],
    config: SimulationConfig,
    device: torch.device | str = "cpu",
) -> tuple[Complex64[Tensor, "box box box"], dict[str, Any]]:
    """Draw a crystal, a reflection and an orientation: the ideal object in a box of at least ``size``³, and its parameters."""
    ranges, from_library = config.patterns, len(crystals) > 0 and rng.random() < config.patterns.relaxed_share
    relaxed = crystals[int(rng.integers(len(crystals)))] if from_library else None
    family = np.array(ranges.reflections[rng.integers(len(ranges.reflections))])
    h, k, m = (int(i) for i in rng.permutation(family) * rng.choice([-1, 1], 3))
    crystal = Crystal(
        relaxed.particle if relaxed else random_body(rng, config.bodies),
        relaxed.displacement_angstrom if relaxed else None,
        (h, k, m),
    )
    directions = _random_directions(rng, crystal, ranges)
    atomic = rng.random() < ranges.atomic_share and relaxed is not None and finest_size(crystal, directions) > size
    edge_width = rng.uniform(*ranges.edge_width)
    box: CrystalBox = box_round(crystal, directions, size if atomic else max(COARSEST_BOX, 8 * math.ceil(size / 8)))
    parameters = {
        "crystal": relaxed.name if relaxed else None,
        "metal": crystal.particle.metal,
        "shape": crystal.particle.shape,
        "reflection": crystal.reflection,
        "directions": directions.tolist(),
        "sum": "atoms" if atomic else "continuum",
        "box": box.size,
    }
    if atomic:
        return atomic_object(crystal, box).to(device), parameters
    return continuum_object(crystal, box, box.size * edge_width, device), parameters


def _random_directions(rng: np.random.Generator, crystal: Crystal, ranges: PatternRanges) -> NDArray[np.float64]:
    """Draw how a scan measures: directions (3, 3) of frames, rows and columns in crystal axes."""
    energy, roll = rng.uniform(*ranges.energy_kev), rng.uniform(*ranges.detector_roll_rad)
    quarter = np.pi / 2 * rng.integers(2)
    return measured_directions(crystal.g_inv_angstrom, energy, rng.uniform(0, 2 * np.pi), roll + quarter)


def simulate(
    n: int = 1,
    *,
    shape: tuple[int, int, int] = (128, 128, 128),
    seed: int = 0,
    crystals: Sequence[Relaxed] = (),
    config: SimulationConfig | None = None,
) -> Iterator[SimulatedScan]:
    """Simulate scans of random crystals, one after the other.

    Parameters
    ----------
    n : int
        Number of scans; scan ``i`` depends on ``seed``, ``i``, ``crystals`` and ``config`` alone.
    shape : (frames, rows, columns)
        Size of each scan in voxels.
    seed : int
        Seed of every random choice.
    crystals : sequence of Relaxed
        Relaxed crystals to draw from, such as ``Library()``; without them every crystal has facets drawn anew.
    config : SimulationConfig, optional
        Ranges to draw from.

    Yields
    ------
    SimulatedScan

    Raises
    ------
    InputError
        If the shape has an axis under 8 voxels, or the seed is negative.
    """
    check_number("n", n, whole=True)
    config = SimulationConfig() if config is None else config
    check_kind("config", config, SimulationConfig)
    for index in range(n):
        yield simulate_scan(index, shape, seed, crystals, config)


def check_request(shape: tuple[int, int, int], seed: int, cross: int = 0) -> None:
    """Raise InputError unless scans of this shape and seed can be simulated, and a cross of this width cut (0 for none)."""
    check_number("seed", seed, whole=True)
    if not isinstance(shape, Sequence) or len(shape) != 3:
        raise InputError(f"shape: got {shown(shape)}, expected three numbers of voxels")
    for length in shape:
        check_number("shape", length, whole=True)
    if math.prod(shape) > MOST_SIMULATED:
        raise InputError(f"shape: got {math.prod(shape)} voxels {shape}, expected at most {MOST_SIMULATED}; simulate a crop")
    check_number("cross", cross, whole=True)
    rows, columns = shape[1:]
    if not cross < min(rows, columns) // 3:
        raise InputError(
            f"cross: got a width of {cross} voxels, expected 1 to {min(rows, columns) // 3 - 1} on {rows} × {columns}"
        )


def simulate_scan(
    index: int, shape: tuple[int, int, int], seed: int, crystals: Sequence[Relaxed], config: SimulationConfig
) -> SimulatedScan:
    """Scan ``index`` of ``simulate``, the same to the bit whatever process it is made in."""
    check_request(shape, seed)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SCANS, index)))
    with one_thread():
        pattern, parameters = random_pattern(rng, shape, crystals, config)
        peak_counts = log_uniform(rng, config.measurement.peak_counts)
        background_counts = log_uniform(rng, config.measurement.background_counts)
        expected = pattern.expected(peak_counts, background_counts)
        counts = counting_noise(rng, expected)
    parameters |= {"peak_counts": peak_counts, "background_counts": background_counts}
    origin = {"seed": seed, "index": index, "config": asdict(config)}
    return SimulatedScan(counts.numpy(), expected.numpy(), pattern.faulty.numpy(), origin | parameters)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: sums split over several would differ in the last bit from machine to machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def detector_cross(scan: SimulatedScan, width: int) -> NDArray[np.bool_]:
    """A detector mask (rows, columns), True = not measured: a cross of the given width, a few voxels beside the peak."""
    if width == 0:
        raise InputError("cross: got a width of 0 voxels, expected 1 or more")
    check_request(scan.counts.shape, 0, width)
    rows, columns = scan.counts.shape[1:]
    _, peak_row, peak_column = scan.description["peak"]
    mask = np.zeros((rows, columns), bool)
    first_row = _beside(round(peak_row), rows, width, 1)
    first_column = _beside(round(peak_column), columns, width, -1)
    mask[first_row : first_row + width] = True
    mask[:, first_column : first_column + width] = True
    return mask


def _beside(peak: int, length: int, width: int, side: int) -> int:
    """First line of a gap 6 voxels beside the peak, on the preferred side (1 after, -1 before) or else the roomier one."""
    places = {1: peak + 6, -1: peak - 5 - width}
    if 0 < places[side] < length - width:
        return places[side]
    return length - width - 1 if peak < length / 2 else 1
