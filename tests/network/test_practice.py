from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation
from scipy.stats import poisson, ttest_rel

from braggfill.network import practice
from braggfill.network.practice import (
    CLEARANCE,
    HeldOutScore,
    choose_held_out,
    copies_of,
    draw_places,
    held_out_portions,
    practice_scans,
)
from braggfill.scan.gaps import find_slabs, voxels_to_fill


def stripe(shape, axis, first, width):
    mask = np.zeros(shape, bool)
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    return mask


@settings(max_examples=15)
@given(st.integers(0, 2), st.integers(1, 12), st.integers(20, 40), st.integers(0, 2**20))
def test_copies_have_the_gap_s_width_and_direction_and_keep_clear_of_it(axis, width, first, seed):
    shape = [12, 12, 12]
    shape[axis] = 90
    mask = stripe(shape, axis, first, width)
    counts = np.where(mask, 0, 5).astype(np.float32)
    copies = copies_of(np.random.default_rng(seed), counts, mask, find_slabs(mask), 2)
    lines = np.moveaxis(copies, axis, -1).reshape(-1, 90)
    assert copies.any()
    assert not (copies & binary_dilation(mask, iterations=CLEARANCE)).any()
    edges = np.diff(lines.astype(int), axis=1, prepend=0, append=0)
    lengths = np.nonzero(edges == -1)[1] - np.nonzero(edges == 1)[1]
    assert (lengths == width).all()


def test_copies_lie_where_it_is_as_bright_as_beside_the_gap():
    profile = np.full(200, 1.0)
    profile[60:110], profile[130:170] = 100.0, 1e4
    counts = np.broadcast_to(profile[:, None, None], (200, 8, 8)).astype(np.float32)
    mask = stripe(counts.shape, 0, 84, 4)
    (slab,) = find_slabs(mask)
    drawn = [draw_places(np.random.default_rng(seed), slab, np.where(mask, 0, counts), mask, 1)[0] for seed in range(200)]
    assert np.mean([56 < f < 110 for f in drawn]) > 0.85
    assert np.any([f < 50 or f > 120 for f in drawn])


@pytest.fixture(scope="module")
def gap(scan):
    """Counts, mask and slabs of the scan with one stripe."""
    mask = stripe(scan.counts.shape, 2, 13, 4)
    return scan.counts, mask, find_slabs(mask)


def test_what_is_held_out_or_was_not_measured_is_never_shown(gap, monkeypatch):
    monkeypatch.setattr(practice, "LAYOUTS", 1)
    counts, mask, slabs = gap
    hidden = choose_held_out(np.random.default_rng(1), counts, mask, slabs)
    assert hidden.any()
    assert not (hidden & mask).any()
    marked = np.where(mask | hidden, 54321, counts).astype(np.float32)
    (one,), (other,) = (practice_scans(np.random.default_rng(2), c, mask | hidden, slabs) for c in (counts, marked))
    assert one.known.any()
    assert not (one.known & (mask | hidden)).any()
    for _ in range(8):
        first, second = (s.portion(np.random.default_rng(3), 32) for s in (one, other))
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))
        shown, measured, _, target, _, _ = first
        assert target.any()
        assert not (measured & target).any()
        assert (shown[~measured] == 0).all()
    plain, changed = (held_out_portions(c, mask, hidden) for c in (counts, marked))
    assert (changed.counts == 54321).all()
    assert not (plain.counts == 54321).any()
    assert np.array_equal(plain.scans[0].counts, changed.scans[0].counts)
    assert np.array_equal(plain.scans[0].guess, changed.scans[0].guess, equal_nan=True)


def test_what_the_gap_hides_does_not_change_what_is_held_out(gap):
    counts, mask, slabs = gap
    choices = [choose_held_out(np.random.default_rng(1), np.where(mask, m, counts), mask, slabs) for m in (0, 54321)]
    assert np.array_equal(*choices)


@pytest.fixture(scope="module")
def held_out(gap):
    counts, mask, slabs = gap
    return held_out_portions(counts, mask, choose_held_out(np.random.default_rng(0), counts, mask, slabs))


def test_held_out_counts_are_the_scan_s_own_and_blank_in_what_is_shown(scan, held_out):
    places = np.argwhere(voxels_to_fill(held_out.slabs, scan.counts.shape))[held_out.at]
    np.testing.assert_array_equal(scan.counts[tuple(places.T)], held_out.counts)
    assert held_out.scans[0].mask[tuple(places.T)].all()
    assert (held_out.scans[0].counts[tuple(places.T)] == 0).all()
    spans = [np.ptp(places[held_out.block == b], axis=0).max() for b in np.unique(held_out.block)]
    assert len(spans) > 2
    assert max(spans) < 2 * practice.BLOCK


def test_the_verdict_is_the_deviance_of_the_hidden_counts(held_out):
    def predict(counts, measured, guess):
        mean = np.exp(np.nan_to_num(guess)) + 0.1
        return np.stack([mean, mean**2])

    score = held_out.judge(predict)
    guess = held_out.scans[0].guess
    mean = np.exp(guess[voxels_to_fill(held_out.slabs, guess.shape)][held_out.at].astype(float)) + 0.1
    counts = held_out.counts.astype(int)
    deviances = 2 * (poisson.logpmf(counts, np.maximum(counts, 1e-30)) - poisson.logpmf(counts, mean))
    assert score.loss == pytest.approx(deviances.mean(), rel=1e-4)
    assert score.losses[2] * len(counts) == pytest.approx(deviances[held_out.block == 2].sum(), rel=1e-4)
    truth = held_out.judge(lambda c, m, g: np.ones((2, *c.shape)) * 7.0)
    assert truth.skill < score.skill < 1


def test_the_sureness_of_a_gain_is_student_s_t_of_the_blocks():
    rng = np.random.default_rng(0)
    before = HeldOutScore(rng.normal(size=16), 0.5)
    after = replace(before, losses=before.losses - rng.normal(0.01, 0.02, 16))
    assert after.sureness_over(before) == pytest.approx(ttest_rel(before.losses, after.losses).statistic)
    assert before.sureness_over(before) == 0
    one_lucky_block = before.losses.copy()
    one_lucky_block[3] -= 1
    assert replace(before, losses=one_lucky_block).sureness_over(before) == pytest.approx(1)
    assert HeldOutScore(np.array([-9.0]), 0.9).sureness_over(HeldOutScore(np.array([0.0]), 0.1)) == 0


def test_a_scan_without_counts_or_room_teaches_nothing(gap):
    counts, mask, slabs = gap
    nothing = np.zeros_like(counts)
    assert not choose_held_out(np.random.default_rng(0), nothing, mask, slabs).any()
    assert practice_scans(np.random.default_rng(0), nothing, mask, slabs) == []
    narrow = counts[:, :, :24]
    mask = stripe(narrow.shape, 2, 9, 4)
    assert not choose_held_out(np.random.default_rng(0), narrow, mask, find_slabs(mask)).any()
