from dataclasses import replace

import numpy as np
import pytest
import torch
from known_scans import scattered, state_of

from braggfill.crystal.search.astray import astray, forgotten, freed, set_free
from braggfill.crystal.search.turns import Fitting, State
from braggfill.simulation.scans import one_thread

SHAPE = (32, 32, 32)
FITTING = Fitting(kappa=0.0, mu=0.003)


@pytest.fixture(scope="module")
def scan():
    return scattered(SHAPE, 1e6)


def spoiled(level, state, places, by=1.3):
    """A state whose transform is too large at some places."""
    spectrum = torch.fft.fftn(state.crystal)
    crystal = torch.fft.ifftn(torch.where(places, by * spectrum, spectrum))
    return state_of(level, crystal, state.support, state.instrument)


def about(frame, row, column, size=2):
    """A cube of voxels, going on round the borders."""
    places = torch.zeros(SHAPE, dtype=torch.bool)
    places[(slice(2 * size + 1),) * 3] = True
    return places.roll((frame - size, row - size, column - size), (0, 1, 2))


def test_what_an_object_contradicts_is_found_and_little_else(scan):
    level, state = scan
    places = about(5, 4, 26)
    found = astray(level, spoiled(level, state, places), 0.0)
    assert (found & places & level.measured).sum() > 0.9 * (places & level.measured).sum()
    assert (found & ~about(5, 4, 26, size=6)).sum() == 0


def test_a_gap_goes_astray_with_what_lies_beside_it(scan):
    level, state = scan
    gap = ~level.measured
    assert gap[0, 0, 6]
    found = astray(level, spoiled(level, state, about(4, 4, 4, size=1)), 0.0)
    assert found[4, 4, 6]
    assert not found[20, 20, 6]
    assert (found & gap).sum() < 0.3 * gap.sum()


def test_the_peak_goes_astray_on_both_sides_of_the_rings_seam(scan):
    """It lies at index 0: what is beside it before it is at the array's other end, a gap there included."""
    level, state = scan
    seam = level.without(about(0, 0, -4, size=1))
    found = astray(seam, spoiled(seam, state, about(0, 0, 0, size=1)), 0.0)
    assert found[0, 0, -2]
    assert found[0, -2, 0]
    assert found[0, 0, -4]
    assert not seam.measured[0, 0, -4]


def test_no_more_than_a_tenth_of_the_pattern_decides_what_is_astray(scan):
    level, state = scan
    places = about(9, 9, 18, size=8)
    wrong = spoiled(level, state, places)
    found = astray(level, wrong, 0.0)
    assert places.float().mean() > 0.14
    assert 0.02 < found.float().mean() < 0.14


def test_what_was_forgotten_is_what_least_squares_make_of_the_rest():
    """The transform of an object in 5³ voxels, 60 frequencies of which are unknown, is determined by the others."""
    n, rng = 12, np.random.default_rng(1)
    support = np.zeros((n, n, n), bool)
    support[3:8, 4:9, 2:7] = True
    crystal = np.where(support, rng.normal(size=support.shape) + 1j * rng.normal(size=support.shape), 0)
    unknown = np.zeros_like(support)
    unknown[4:8, 2:5, 1:6] = True
    spectrum = np.fft.fftn(crystal)
    wrong = np.fft.ifftn(np.where(unknown, rng.normal(size=support.shape) * 40, spectrum))
    rows = np.exp(-2j * np.pi / n * (np.argwhere(~unknown) @ np.argwhere(support).T))
    determined = np.linalg.lstsq(rows, spectrum[~unknown], rcond=None)[0]
    state = State(torch.from_numpy(wrong.astype(np.complex64)), torch.from_numpy(support), None)
    found = forgotten(state, torch.from_numpy(unknown)).numpy()
    assert np.abs(found[~support]).max() == 0
    assert np.linalg.norm(found[support] - determined) < 0.15 * np.linalg.norm(wrong - crystal)
    assert np.linalg.norm(found[support] - determined) < 0.15 * np.linalg.norm(determined)


@pytest.mark.parametrize("forgetting", [False, True])
def test_an_object_with_one_wrong_region_is_freed(scan, forgetting):
    level, state = scan
    wrong = spoiled(level, state, about(5, 4, 26), by=-3)
    with one_thread():
        found = freed(level, wrong, FITTING, forgetting)
    assert wrong.misfit > 5 * wrong.counting_misfit
    assert found.misfit < 1.2 * found.counting_misfit


def test_an_object_that_converged_is_left_alone(scan):
    level, state = scan
    converged = replace(state, misfit=state.counting_misfit)
    assert set_free(level, converged, FITTING) is converged


def test_setting_free_never_makes_the_misfit_larger(scan):
    level, state = scan
    ticks = []
    turned = torch.polar(state.crystal.abs(), 2 * state.crystal.angle())
    wrong = state_of(level, turned, state.support, state.instrument)
    with one_thread():
        found = set_free(level, wrong, FITTING, lambda: ticks.append(1))
    assert found.misfit <= wrong.misfit
    assert 1 <= len(ticks) <= 6
