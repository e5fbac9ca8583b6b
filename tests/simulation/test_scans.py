import numpy as np
import pytest
import torch

from braggfill import InputError, Library
from braggfill.simulation.crystal import Crystal
from braggfill.simulation.degrade import ObjectRanges
from braggfill.simulation.diffract import amplitude
from braggfill.simulation.geometry import grid_over
from braggfill.simulation.measurement import MeasurementRanges
from braggfill.simulation.particle import body_corners
from braggfill.simulation.scans import PatternRanges, SimulationConfig, detector_cross, random_object, simulate
from braggfill.training.stream import PortionStream, StreamConfig


def test_a_scan_depends_on_seed_and_index_alone():
    alone = list(simulate(3, shape=(24, 32, 28), seed=4, crystals=Library()))[2]
    again = list(simulate(3, shape=(24, 32, 28), seed=4, crystals=Library()))[2]
    other = next(simulate(1, shape=(24, 32, 28), seed=5, crystals=Library()))
    np.testing.assert_array_equal(alone.counts, again.counts)
    assert alone.description == again.description
    assert not np.array_equal(alone.counts, other.counts)


def test_no_scan_is_a_training_pattern():
    """Held-out scans must not be drawn from the same numbers as the patterns of any training stream."""
    stream = PortionStream(4, StreamConfig(scan_size=32))
    patterns = [stream.scan(n).expected for n in range(3)]
    for scan in simulate(3, shape=(32, 32, 32), seed=4):
        likeness = [np.corrcoef(np.log(scan.expected + 1e-3).ravel(), np.log(p + 1e-3).ravel())[0, 1] for p in patterns]
        assert max(likeness) < 0.99


def test_crystals_come_from_the_library_as_often_as_asked():
    library = Library(split="test")
    ranges = PatternRanges(relaxed_share=0.5, atomic_share=0.0)
    drawn = [random_object(np.random.default_rng(i), 20, library, SimulationConfig(ranges))[1] for i in range(40)]
    named = [d["crystal"] for d in drawn if d["crystal"]]
    assert 10 < len(named) < 30
    assert set(named) <= set(library.names)
    assert len({tuple(d["reflection"]) for d in drawn}) > 10


def test_a_large_crystal_may_be_summed_atom_by_atom():
    ranges = PatternRanges(relaxed_share=1.0, atomic_share=1.0)
    drawn = [random_object(np.random.default_rng(i), 16, Library(), SimulationConfig(ranges)) for i in range(5)]
    assert {parameters["sum"] for _, parameters in drawn} == {"atoms"}
    for ideal, _ in drawn:
        modulus = ideal.abs()
        assert float(modulus[modulus > 0.5].median()) == pytest.approx(1, abs=0.1)


def test_a_pattern_is_the_sum_over_the_atoms_on_the_described_grid():
    """From the description alone: crystal, reflection, directions, oversampling, peak; nothing between is shared."""
    shares = dict.fromkeys(("inelastic_share", "alien_share", "jitter_share", "dead_time_share"), 0.0)
    shares |= {"dead_pixel_share": 0.0, "hot_pixel_share": 0.0, "coherence_sigma": (0.0, 0.0)}
    config = SimulationConfig(
        PatternRanges(relaxed_share=1.0, atomic_share=0.0, detector_oversampling=(5.0, 7.0)),
        objects=ObjectRanges(smoothing=(0.0, 0.0), modulus_noise=(0.0, 0.0), phase_share=0.0),
        measurement=MeasurementRanges(**shares),
    )
    library = Library()
    for seed in range(3):
        scan = next(simulate(1, shape=(32, 36, 40), seed=seed, crystals=library, config=config))
        told = scan.description
        relaxed = library[library.names.index(told["crystal"])]
        crystal = Crystal(relaxed.particle, relaxed.displacement_angstrom, told["reflection"])
        corners = body_corners(relaxed.particle.normals, relaxed.particle.distances_angstrom)
        grid = grid_over(corners, np.array(told["directions"]), told["oversampling"], (32, 36, 40), told["peak"])
        modulus = np.abs(amplitude(crystal, grid))
        assert np.corrcoef(np.sqrt(scan.expected).ravel(), modulus.ravel())[0, 1] > 0.99


def test_sums_over_atoms_do_not_depend_on_the_number_of_threads():
    config, found = SimulationConfig(PatternRanges(relaxed_share=1.0, atomic_share=1.0)), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        scan = next(simulate(1, shape=(20, 20, 20), seed=2, crystals=Library(), config=config))
        assert scan.description["sum"] == "atoms"
        found.append(scan.expected.tobytes())
    assert found[0] == found[1]


def test_counts_are_poisson_about_the_expectation(scan):
    bright = scan.expected > 5
    pulls = (scan.counts[bright] - scan.expected[bright]) / np.sqrt(scan.expected[bright])
    assert abs(pulls.mean()) < 4 / np.sqrt(pulls.size)
    assert abs(pulls.var() - 1) < 0.05


def test_peak_is_where_the_description_says():
    for scan in simulate(3, shape=(40, 48, 44), seed=2):
        peak = np.array(scan.description["peak"])
        weights = scan.expected / scan.expected.sum()
        centroid = [
            float((weights.sum(tuple(b for b in range(3) if b != a)) * np.arange(n)).sum()) for a, n in enumerate(weights.shape)
        ]
        assert np.abs(centroid - peak).max() < 8


def test_cross_has_its_width_and_misses_the_peak(scan):
    mask = detector_cross(scan, 5)
    assert mask.shape == scan.counts.shape[1:]
    assert mask.all(1).sum() == 5
    assert mask.all(0).sum() == 5
    _, row, column = np.unravel_index(scan.expected.argmax(), scan.expected.shape)
    assert not mask[row, column]


@pytest.mark.parametrize("seed", range(12))
def test_cross_keeps_its_width_and_misses_the_peak_at_the_border(seed):
    scan = next(simulate(1, shape=(16, 24, 24), seed=seed))
    mask = detector_cross(scan, 7)
    assert (mask.all(1).sum(), mask.all(0).sum()) == (7, 7)
    _, row, column = (round(p) for p in scan.description["peak"])
    assert not mask[row, column]


def test_impossible_requests_are_refused(scan):
    for width in (-1, 0, 40):
        with pytest.raises(InputError, match="cross"):
            detector_cross(scan, width)
    with pytest.raises(InputError, match="seed"):
        next(simulate(1, seed=-1))
    with pytest.raises(InputError, match="shape"):
        next(simulate(1, shape=(4, 64, 64)))
