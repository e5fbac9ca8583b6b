from dataclasses import replace

import numpy as np
import pytest
import torch
from known_objects import cuboid
from known_scans import expected_of, faceted, scan_of

from braggfill.base.errors import VanishedError
from braggfill.base.randomness import start_generator
from braggfill.base.smoothing import gaussian_blur
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import level_of
from braggfill.crystal.model.likelihood import Terms, fit
from braggfill.crystal.model.misfit import misfit, noise_misfit
from braggfill.crystal.search import turns as searches
from braggfill.crystal.search.alignment import align
from braggfill.crystal.search.climb import RoughnessWeights, climb, raised
from braggfill.crystal.search.turns import (
    Fitting,
    Turn,
    better,
    improved,
    judged,
    random_start,
    search,
    stepped,
    tightened,
)
from braggfill.crystal.search.wraps import LOOSEST
from braggfill.simulation.scans import one_thread

SHAPE = (32, 32, 32)


@pytest.fixture(scope="module")
def measured():
    """A faceted, strained crystal, and its scan blurred by partial coherence, with a gap beside the peak."""
    crystal, expected = expected_of(faceted(SHAPE))
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 21:23] = True
    return crystal, scan_of(expected, mask, tuple(n // 2 for n in SHAPE)), expected


TURNS = (Turn(80, 40, 10, 20, coherent=True), Turn(60, 40, 10, 20, refinements=1), Turn(40, 30, 10, 20, refinements=2))
FITTING = Fitting(kappa=0.05, mu=0.003)


@pytest.fixture(scope="module")
def found(measured):
    """The better of two starts on the coarse level."""
    level = level_of(measured[1], 0.75, 0.05)
    with one_thread():  # two wait for each other on a busy machine
        starts = (random_start(level, np.random.default_rng(seed)) for seed in (1, 2))
        return level, min((search(level, start, TURNS, FITTING) for start in starts), key=lambda state: state.misfit)


def test_the_search_finds_the_crystal_and_the_climb_its_counts(measured, found):
    crystal, scan, expected = measured
    whole = level_of(scan, 1.0, beyond=0)
    with one_thread():
        state = climb([found[0], whole], found[1], FITTING)[0]
    assert align(crystal.numpy(), state.crystal.numpy())[1] > 0.98
    model = expected_counts(state.crystal, state.instrument, whole)
    assert misfit(whole, model) < 1.2 * noise_misfit(whole, model)
    counts = np.roll(model.numpy(), [n // 2 for n in SHAPE], (0, 1, 2))
    gap = scan.mask & (expected > 1)
    assert np.corrcoef(np.log(counts[gap]), np.log(expected[gap]))[0, 1] > 0.99
    assert counts[gap].sum() == pytest.approx(expected[gap].sum(), rel=0.06)


def test_hio_and_raar_are_their_formulas():
    rng = np.random.default_rng(3)
    crystal, projected = (torch.from_numpy(rng.normal(size=(4, 5, 6)) + 0j) for _ in range(2))
    support = torch.from_numpy(rng.random((4, 5, 6)) < 0.4)
    reflected = 2 * projected - crystal
    raar = 0.9 / 2 * ((2 * torch.where(support, reflected, 0) - reflected) + crystal) + 0.1 * projected
    np.testing.assert_allclose(stepped("raar", crystal, projected, support), raar, atol=1e-12)
    hio = torch.where(support, projected, crystal - 0.9 * projected)
    np.testing.assert_allclose(stepped("hio", crystal, projected, support), hio, atol=1e-12)
    assert not stepped("er", crystal, projected, support)[~support].any()


def test_random_starts_scatter_the_counts_and_differ(found):
    level = found[0]
    one, other = (random_start(level, np.random.default_rng(seed)) for seed in (4, 5))
    for state in (one, other):
        scattered = (expected_counts(state.crystal, None, level) * level.taper).sum()
        assert scattered.item() == pytest.approx(float((level.target * level.taper).sum()), rel=1e-3)
    assert not torch.allclose(one.crystal, other.crystal)


def test_the_better_of_two_has_the_smaller_misfit_and_the_first_wins_a_tie(found):
    one, other = replace(found[1], misfit=1.0), replace(found[1], misfit=3.0)
    assert better(one, other) is one
    assert better(other, one) is one
    assert better(one, replace(other, misfit=1.0)) is one


@pytest.mark.parametrize("height", [1.0, 1000.0])
def test_a_support_is_cut_at_a_share_of_the_objects_own_maximum(height):
    box = torch.zeros(20, 20, 20)
    box[5:15, 5:15, 5:15] = height
    np.testing.assert_array_equal(tightened(box, 0.5, 0.12, box.numel()), box > 0)


def test_a_support_has_no_more_voxels_than_it_may():
    modulus = torch.rand(20, 20, 20, generator=torch.Generator().manual_seed(0)) + 1
    support = tightened(modulus, 0.5, 0.12, 500)
    assert support.sum() == 500
    assert gaussian_blur(modulus, 0.5)[support].min() > gaussian_blur(modulus, 0.5)[~support].max()


def test_a_start_that_converged_is_left_alone(found):
    level, state = found
    done = replace(state, misfit=1.0, counting_misfit=0.9)
    assert torch.equal(search(level, done, TURNS, FITTING).crystal, state.crystal)


def test_a_raised_state_keeps_the_frames_factors(measured, found):
    level, state = found
    whole = level_of(measured[1], 1.0, beyond=0)
    factors = torch.arange(level.first[0], level.first[0] + level.shape[0]).roll(level.first[0]) * 0.01 + 1
    marked = replace(state, instrument=replace(state.instrument, frame_factors=factors))
    up = raised(marked, level, whole, 0.12).instrument.frame_factors
    for offset in (-5, 0, 7):
        assert up[offset].item() == pytest.approx(1 + 0.01 * offset)
    assert up[whole.shape[0] // 2].item() == 1


def test_judging_tells_the_misfit(found):
    level, state = found
    fitted = fit(level, state.crystal, state.support, state.instrument, 3, Terms(0.05))
    model = expected_counts(fitted.crystal, fitted.instrument, level).numpy()
    at, counts = level.measured.numpy(), level.target.numpy()
    weight = level.taper.numpy() / (1 + 0.05**2 * counts)
    squares = weight * 4 * (np.sqrt(model + 0.375) - np.sqrt(counts + 0.375)) ** 2
    assert judged(level, fitted, state.support, 0.05).misfit == pytest.approx(squares[at].mean(), rel=1e-4)


@pytest.fixture(scope="module")
def steep():
    """A crystal whose phase has a range of 3.8π, and its scan."""
    shape = (36, 36, 36)
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    inside = (np.abs(z) + np.abs(y) < 7) & (np.abs(x) < 5) & (z + y + x < 5)
    crystal, expected = expected_of(8 * inside * np.exp(1.6j * (0.1 * y**2 - 0.08 * x**2 + 0.05 * z * x + 0.008 * y**3)))
    peak = tuple(int(p) for p in np.unravel_index(expected.argmax(), shape))
    return crystal, scan_of(expected, np.zeros(shape, bool), peak)


def test_a_steep_phase_is_found_in_the_loosest_wrap(steep):
    level = level_of(steep[1], 1.0, beyond=0)
    with one_thread():
        states = [
            search(
                level,
                random_start(level, start_generator(0, number)),
                searches.TURNS[:2],
                RoughnessWeights().searching(LOOSEST),
            )
            for number in range(2)
        ]
    best = min(states, key=lambda state: state.misfit)
    assert align(steep[0].numpy(), best.crystal.numpy())[1] > 0.9
    assert best.misfit < 5 * best.counting_misfit


def test_a_start_whose_object_vanishes_stays_what_it_was_and_stops_no_other(measured, monkeypatch):
    level = level_of(measured[1], 0.75, 0.05)
    begin = random_start(level, np.random.default_rng(0))
    brief = (Turn(4, 2, 1, 3, coherent=True), Turn(4, 2, 1, 3))
    kept, turns = search(level, begin, brief[:1], FITTING), iter([searches.take_turn])

    def once(*arguments):
        for turn in turns:
            return turn(*arguments)
        raise VanishedError

    monkeypatch.setattr(searches, "take_turn", once)
    found = search(level, begin, brief, FITTING)
    assert found.misfit == kept.misfit
    assert torch.equal(found.crystal, kept.crystal)


def test_a_state_stays_where_what_is_tried_loses_the_object(found):
    def vanishes():
        raise VanishedError

    assert improved(found[1], vanishes) is found[1]
    better_one = replace(found[1], misfit=found[1].misfit / 2)
    assert improved(found[1], lambda: better_one) is better_one


def test_an_object_that_is_not_finite_counts_as_vanished(found):
    spoiled = replace(found[1], crystal=torch.full_like(found[1].crystal, torch.nan))
    with pytest.raises(VanishedError):
        judged(found[0], spoiled, spoiled.support, 0.0)


def test_a_random_start_scatters_the_counts_and_depends_on_its_number():
    support = torch.from_numpy(cuboid((16, 18, 20), (6, 6, 6)))
    crystal = searches.random_crystal(start_generator(3, 1), support, 5e4)
    assert torch.fft.fftn(crystal).abs().square().sum().item() == pytest.approx(5e4, rel=1e-4)
    assert not crystal[~support].any()
    again, other = (searches.random_crystal(start_generator(3, n), support, 5e4) for n in (1, 2))
    assert torch.equal(crystal, again)
    assert not torch.equal(crystal, other)
