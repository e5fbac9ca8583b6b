import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from known_instruments import instrument
from known_scans import expected_of, faceted, scan_of

from braggfill.crystal.model.autocorrelation import CORRELATION_SHARE, FAINT_SHARE, oversampling_of
from braggfill.crystal.model.levels import Level, level_of
from braggfill.crystal.model.windows import on_ring
from braggfill.crystal.search.alignment import align
from braggfill.crystal.search.climb import RoughnessWeights
from braggfill.crystal.search.decimation import FEWEST_LINES, decimated, fine_axes, on_every_line
from braggfill.crystal.search.turns import FIRST_TURNS, NARROWEST_START, TURNS, State, random_start, refined, search
from braggfill.simulation.scans import one_thread

EVERY = (True, True, True)


def telling_of_places(first, shape):
    """A level whose tensors are functions of the distance from the peak."""
    f, r, c = (on_ring(begin, n) for begin, n in zip(first, shape, strict=True))
    place = f[:, None, None] + 100 * r[:, None] + 10_000 * c
    return Level(first, torch.exp(-1e-5 * place.abs()), place, place + 1, place % 3 == 0, place + 2)


even = st.integers(2, 5).map(lambda n: 2 * n)


@given(st.tuples(*(st.integers(-7, 0),) * 3), st.tuples(even, even, even), st.tuples(*(st.booleans(),) * 3))
def test_decimated_lines_are_those_at_even_distances(first, shape, axes):
    first = tuple(max(begin, 1 - n) for begin, n in zip(first, shape, strict=True))
    whole = telling_of_places(first, shape)
    thin = decimated(whole, axes)
    assert thin.shape == tuple(n // 2 if fine else n for n, fine in zip(shape, axes, strict=True))
    steps = [2 if fine else 1 for fine in axes]
    f, r, c = (step * d for step, d in zip(steps, thin.distances, strict=True))
    place = f[:, None, None] + 100 * r[:, None] + 10_000 * c
    expected = {"target": place, "weight": place + 1, "measured": place % 3 == 0, "high": place + 2}
    for name, values in expected.items():
        assert torch.equal(getattr(thin, name), values)
    assert torch.equal(thin.taper, torch.exp(-1e-5 * place.abs()))


def flat(shape):
    """A level without counts."""
    blank = torch.zeros(shape)
    return Level((0, 0, 0), blank + 1, blank, blank + 1, blank == 0, blank)


def begun(crystal, support, widths=(0.5, 0.5, 0.5)):
    """A state of one object."""
    given = instrument(crystal.shape[0], widths, 0.0)
    return State(crystal, support, given, 1.0)


@pytest.mark.parametrize("axes", [EVERY, (True, False, True), (False, True, False)])
def test_a_larger_array_holds_the_object_that_a_direct_sum_scatters_from(axes):
    rng = np.random.default_rng(0)
    crystal = np.zeros((8, 8, 8), np.complex64)
    crystal[:3, :2, :4] = rng.normal(size=(3, 2, 4)) + 1j * rng.normal(size=(3, 2, 4))
    shift = (-2, 3, 5)  # over the border of the first and the last axis
    rolled = torch.from_numpy(np.roll(crystal, shift, (0, 1, 2)))
    shape = tuple(16 if fine else 8 for fine in axes)
    state = on_every_line(begun(rolled, rolled != 0), flat(shape), axes)
    places = [np.arange(n) for n in (3, 2, 4)]
    f, r, c = (np.exp(-2j * np.pi * np.outer(np.arange(n), p) / n) for n, p in zip(shape, places, strict=True))
    direct = np.einsum("fi,rj,ck,ijk->frc", f, r, c, crystal[:3, :2, :4])
    np.testing.assert_allclose(torch.fft.fftn(state.crystal).abs(), np.abs(direct), atol=1e-4)
    assert state.support.sum() == 24
    assert torch.equal(state.support, state.crystal != 0)


def test_widths_are_as_wide_in_voxels_half_as_large_and_nothing_is_known_of_the_misfit():
    inside = torch.zeros((8, 8, 8), dtype=torch.bool)
    inside[3:5, 3:5, 3:5] = True
    widths = (0.6, 0.1, 0.1)
    state = on_every_line(begun(inside.to(torch.complex64), inside, widths), flat((16, 16, 8)), (True, True, False))
    assert state.instrument.widths.tolist() == pytest.approx([1.2, NARROWEST_START, NARROWEST_START])
    assert state.instrument.frame_factors.shape == (16,)
    assert state.misfit == np.inf


def test_where_no_axis_is_fine_everything_stays():
    level, inside = flat((4, 4, 4)), torch.ones((4, 4, 4), dtype=torch.bool)
    state = begun(inside.to(torch.complex64), inside)
    assert decimated(level, (False, False, False)) is level
    assert on_every_line(state, level, (False, False, False)) is state


def sampled(shape, over, steepness=0.0):
    """A level of a ball's pattern without noise; ``over`` balls fit into the array, its phase is ``steepness`` × r²."""
    places = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = 2 * np.sqrt(sum((o * p) ** 2 for o, p in zip(over, places, strict=True)))
    ball = np.exp(1j * steepness * radius**2) / (1 + np.exp(8 * (radius - 1)))
    counts = torch.from_numpy((np.abs(np.fft.fftn(ball)) ** 2).astype(np.float32))
    return Level((0, 0, 0), torch.ones(shape), counts, torch.ones(shape), counts >= 0, counts)


@pytest.mark.parametrize("over", [(10, 3, 8), (3, 9, 5)])
def test_axes_are_fine_where_half_the_array_holds_the_object(over):
    assert fine_axes(sampled((64, 64, 64), over)) == tuple(o > 6 for o in over)


def test_a_bent_phase_whose_autocorrelation_seems_small_does_not_make_an_axis_fine():
    bent = sampled((64, 64, 64), (2.8, 2.8, 2.8), 3.5)
    assert min(oversampling_of(bent.target, CORRELATION_SHARE)) >= 5  # what the large part alone says
    assert max(oversampling_of(bent.target, FAINT_SHARE)) < 4
    assert not any(fine_axes(bent))


def test_enough_lines_and_a_ring_of_even_length_have_to_be_left():
    assert fine_axes(sampled((64, 45, 2 * FEWEST_LINES - 2), (8, 8, 8))) == (True, False, False)


def test_a_crystal_is_found_by_every_other_line_and_agrees_with_all_of_them():
    shape = (64, 64, 64)
    known, expected = expected_of(faceted(shape), (0.8, 0.8, 0.8))
    mask = np.zeros(shape, bool)
    mask[:, :, 39:42] = True
    scan = scan_of(expected, mask, (32, 32, 32), fringe=5.0)
    level, fitting = level_of(scan, 1.0, beyond=0), RoughnessWeights(search_mu=0.003).searching()
    thin = decimated(level, EVERY)
    with one_thread():
        starts = (random_start(thin, np.random.default_rng(seed)) for seed in range(3))
        found = min((search(thin, s, TURNS, fitting, which=FIRST_TURNS) for s in starts), key=lambda state: state.misfit)
        state = refined(level, on_every_line(found, level, EVERY), fitting)
    assert align(known.numpy(), state.crystal.numpy())[1] > 0.97
    assert state.misfit < 3 * state.counting_misfit
