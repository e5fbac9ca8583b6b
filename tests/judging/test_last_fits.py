from dataclasses import replace

import numpy as np
import pytest

from braggfill.judging.studies.last_fits import LastFits
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.strained import strained_crystal


@pytest.fixture(scope="module")
def gap():
    mask = np.zeros((40, 40, 40), bool)
    mask[:, :, 26:30] = True
    return mask


@pytest.fixture(scope="module")
def crystal(gap):
    """A nearly unstrained one, well inside its scan."""
    return strained_crystal(np.random.default_rng(2), gap.shape, (0, 1))


@pytest.fixture(scope="module")
def found(crystal, gap):
    return LastFits(crystal, GappedScan.blanked(crystal.counts, gap)).from_the_truth()


def noise(crystal, where, kappa):
    """Mean square of the doubled roots' differences between counts and what was expected when they were drawn."""
    drawn, expected = (np.sqrt(values[where] + 0.375) for values in (crystal.counts, crystal.expected))
    return np.mean(4 * (drawn - expected) ** 2 / (1 + kappa**2 * crystal.counts[where]))


def test_from_the_true_object_no_more_than_counting_noise_is_left(crystal, gap, found):
    for kappa, misfit in found.items():
        assert misfit == pytest.approx(noise(crystal, ~gap & ~crystal.faulty, kappa), rel=0.1)


def test_a_pixel_that_counts_by_itself_is_not_held_against_the_true_object(crystal, gap, found):
    counts = crystal.counts.copy()
    counts[:, 33, 7] = counts.max() / 2
    spoiled = LastFits(replace(crystal, counts=counts), GappedScan.blanked(counts, gap)).from_the_truth()
    assert spoiled[0.0] == pytest.approx(found[0.0], rel=0.02)
