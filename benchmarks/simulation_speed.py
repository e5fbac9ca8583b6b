"""How long the simulation takes: atoms against a direct sum, stored objects against bare transforms; ratios of one run.

Run: python benchmarks/simulation_speed.py            (writes docs/results/simulation_speed.json)
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from shared.timing import report, seconds

from braggfill.network.practice_scan import PracticeScan
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import find_slabs
from braggfill.simulation.crystal import Crystal
from braggfill.simulation.degrade import degraded_object
from braggfill.simulation.diffract import amplitude, diffraction_pattern
from braggfill.simulation.geometry import grid_over, measured_directions
from braggfill.simulation.measurement import counting_noise, measured_pattern
from braggfill.simulation.particle import body_corners, carve, facet_normals
from braggfill.simulation.scans import SimulationConfig, needed_size, random_object, random_sampling
from braggfill.training.random_gaps import GapRanges, random_mask
from braggfill.training.stream import StreamConfig

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "simulation_speed.json"
SHAPE = (128, 128, 128)
PORTIONS, TRANSFORMS = 64, 20


def least_seconds(work: Callable[[], object], repeats: int) -> float:
    """Least wall time of several calls, the first (warm-up) left out."""
    work()
    return min(seconds(work) for _ in range(repeats))


def large_crystal() -> Crystal:
    """A Pt particle of about 198 000 atoms, strained by a smooth field."""
    energies = np.repeat([1.0, 1.15, 1.2], [8, 6, 12])
    particle = carve("Pt", "wulff", facet_normals(), 78.6 * energies)
    return Crystal(particle, 0.1 * np.sin(particle.positions / 40), (1, 1, 1))


def amplitude_against_direct_sum() -> dict:
    """Time of the whole 128³ amplitude and of a direct sum, extrapolated from some of its voxels."""
    crystal = large_crystal()
    corners = body_corners(crystal.particle.normals, crystal.particle.distances_angstrom)
    directions = measured_directions(crystal.g_inv_angstrom, 9.0, 0.3, 0.0)
    grid = grid_over(corners, directions, (3.0, 3.0, 3.0), SHAPE, (64.0, 64.0, 64.0))
    moved = crystal.particle.positions + crystal.displacement_angstrom
    phase = crystal.displacement_angstrom @ crystal.g_inv_angstrom
    voxels = np.random.default_rng(0).integers(0, 128, (40, 3)) - 64

    def direct() -> np.ndarray:
        return np.array([np.exp(-1j * (phase + moved @ (v @ grid.steps_inv_angstrom))).sum() for v in voxels])

    ours, sample = least_seconds(lambda: amplitude(crystal, grid), 3), least_seconds(direct, 3)
    extrapolated = sample / len(voxels) * np.prod(SHAPE)
    return {
        "atoms": len(moved),
        "amplitude_s": ours,
        "direct_sum_extrapolated_s": extrapolated,
        "times_faster": extrapolated / ours,
    }


def portions_against_transforms(number: int = 8) -> dict:
    """Time from a stored object to 64 degraded portions of a 128³ pattern, and of bare transforms of that size."""
    rng, config = np.random.default_rng(1), SimulationConfig()
    mask = random_mask(rng, SHAPE, (64.0, 64.0, 64.0), GapRanges())
    slabs, guess = find_slabs(mask), np.zeros(SHAPE, np.float32)
    stored = []
    for _ in range(number):
        oversampling, peak = random_sampling(rng, SHAPE, config.patterns)
        stored.append((oversampling, peak, random_object(rng, needed_size(SHAPE, oversampling, peak), (), config)[0]))

    def portions() -> None:
        rng = np.random.default_rng(2)  # the same work in every repeat
        for oversampling, peak, ideal in stored:
            changed = degraded_object(rng, ideal, config.objects)
            pattern = measured_pattern(rng, diffraction_pattern(changed, SHAPE, oversampling, peak), peak, config.measurement)
            expected = pattern.expected(1e6, 0.01)
            drawn = counting_noise(rng, expected).numpy()
            gapped = GappedScan(np.where(mask, 0, drawn), mask, slabs, guess)
            scan = PracticeScan.of(gapped, expected.numpy(), drawn, ~pattern.faulty.numpy())
            for _ in range(PORTIONS):
                scan.portion(rng, StreamConfig().plane)

    volume = torch.randn(SHAPE, dtype=torch.complex64)

    def transforms() -> None:
        for _ in range(TRANSFORMS):
            torch.fft.fftn(volume)

    bare, ours = least_seconds(transforms, 5), least_seconds(portions, 5) / number
    return {
        "portions": PORTIONS,
        "portions_s": ours,
        f"fft_{TRANSFORMS}_s": bare,
        "bare_ffts": ours / bare * TRANSFORMS,
    }


def main() -> None:
    """Time both and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    out = parser.parse_args().out
    figures = {"threads": torch.get_num_threads(), **amplitude_against_direct_sum(), **portions_against_transforms()}
    report(figures, out)


if __name__ == "__main__":
    main()
