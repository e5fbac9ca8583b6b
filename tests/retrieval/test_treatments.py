from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError
from braggfill.judging.comparison import USUAL_ORDER, allowed_treatments
from braggfill.retrieval.iterations import ALGORITHMS
from braggfill.retrieval.options import AlgorithmName, TreatmentName
from braggfill.retrieval.pattern import clear_box, prepare_pattern
from braggfill.retrieval.treatments import BOUND_DEVIATIONS, STREAK_COUNTS, TREATMENTS, amplitude_bounds, check_treatment


def gapped():
    """A pattern of 20³ voxels, a stripe filled, another too wide to fill, one voxel hidden."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(20.0, (20, 20, 20)).astype(np.float32)
    counts[10, 10, 10] = 1000
    filled, mask = np.zeros(counts.shape, bool), np.zeros(counts.shape, bool)
    filled[:, 3:5], mask[:, 15:18] = True, True
    counts[:, 3:5] = rng.uniform(0, 3, (20, 2, 20))
    std = np.where(filled, 0.6 * counts, 0)
    pattern = prepare_pattern(counts, mask, filled, std, counts_per_unit=1)
    hidden = np.zeros(counts.shape, bool)
    hidden[0, 0, 5] = True
    return pattern, hidden


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_measured_voxels_are_fixed_and_hidden_ones_free_in_every_treatment(treatment):
    pattern, hidden = gapped()
    bounds = amplitude_bounds(pattern, treatment, hidden)
    low, high = bounds.low.numpy(), bounds.high.numpy()
    known = pattern.measured & ~hidden
    np.testing.assert_allclose(low[known] ** 2, pattern.counts[known], rtol=1e-6)
    np.testing.assert_array_equal(low[known], high[known])
    assert (low[hidden] == 0).all()
    assert np.isinf(high[hidden]).all()


def test_a_comparison_knows_every_treatment():
    assert sorted(USUAL_ORDER) == sorted(TREATMENTS)


def test_names_of_treatments_and_algorithms_are_those_of_the_tables():
    assert get_args(TreatmentName) == tuple(TREATMENTS)
    assert get_args(AlgorithmName) == tuple(ALGORITHMS)


def intervals(treatment, deviations=BOUND_DEVIATIONS):
    pattern, hidden = gapped()
    bounds = amplitude_bounds(pattern, treatment, hidden, deviations)
    gap, lost = pattern.filled, pattern.missing & ~pattern.filled
    low, high = bounds.low.numpy() ** 2, bounds.high.numpy() ** 2
    return (low[gap], high[gap]), (low[lost], high[lost]), pattern.counts[gap], pattern.std[gap]


def test_intervals_in_the_gap_are_what_the_table_says():
    for treatment in ("free", "crop"):
        (low, high), *_ = intervals(treatment)
        assert (low == 0).all() and np.isinf(high).all()
    (low, high), (lost_low, lost_high), *_ = intervals("zero")
    assert not low.any() and not high.any() and not lost_low.any() and not lost_high.any()
    (low, high), _, mean, _ = intervals("free-streaks")
    np.testing.assert_array_equal(np.isinf(high), mean >= STREAK_COUNTS)
    assert (high[mean < STREAK_COUNTS] == 0).all()
    assert 0.2 < np.isinf(high).mean() < 0.95
    (low, high), (lost_low, lost_high), mean, std = intervals("bounded")
    np.testing.assert_allclose(high, mean + BOUND_DEVIATIONS * std, rtol=1e-5)
    np.testing.assert_allclose(low, np.maximum(mean - BOUND_DEVIATIONS * std, 0), rtol=1e-5, atol=1e-5)
    assert np.isinf(lost_high).all() and not lost_low.any()


def test_bounded_has_filled_and_free_as_its_limits():
    (low, high), _, mean, _ = intervals("bounded", 0)
    np.testing.assert_allclose(low, mean, rtol=1e-5)
    np.testing.assert_array_equal(low, high)
    (low, high), *_ = intervals("bounded", 1e12)
    assert not low.any()
    assert high.min() > 1e6


@given(st.tuples(*[st.integers(16, 40)] * 3), st.integers(0, 2**31))
def test_the_brightest_voxel_comes_to_index_0_and_nothing_else_moves(shape, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 50, shape)
    peak = tuple(int(rng.integers(n)) for n in shape)
    counts[peak] = 10_000
    pattern = prepare_pattern(counts)
    assert pattern.peak == peak
    assert pattern.counts[0, 0, 0] == 10_000
    for axis in range(3):
        beside = [0, 0, 0]
        beside[axis] = 1 if peak[axis] < shape[axis] // 2 else -1
        there = np.add(peak, beside)
        assert pattern.counts[tuple(beside)] == counts[tuple(there)]
    assert all(n - 16 < m <= n for n, m in zip(shape, pattern.counts.shape, strict=True))


def test_a_hot_pixel_is_not_taken_for_the_peak():
    counts = np.random.default_rng(0).poisson(
        5000 * np.exp(-np.linalg.norm(np.indices((20, 24, 28)).T - (9, 11, 13), axis=-1).T)
    )
    counts[:, 4, 5] = 7000
    assert prepare_pattern(counts).peak == (9, 11, 13)


def test_a_voxel_struck_once_is_not_taken_for_the_peak():
    counts = np.random.default_rng(0).poisson(
        5000 * np.exp(-np.linalg.norm(np.indices((20, 24, 28)).T - (9, 11, 13), axis=-1).T)
    )
    counts[3, 4, 5] = 6000
    assert prepare_pattern(counts).peak == (9, 11, 13)


def test_clear_box_stops_at_the_gap():
    counts = np.ones((32, 40, 40), int)
    counts[16, 20, 20] = 9
    mask = np.zeros((40, 40), bool)
    mask[30:34] = True
    pattern = clear_box(prepare_pattern(counts, mask))
    assert pattern.counts.shape == (32, 20, 40)
    assert pattern.counts[0, 0, 0] == 9
    assert not pattern.missing.any()


@given(peak=st.integers(4, 59), first=st.integers(0, 62), width=st.integers(1, 5))
def test_a_crop_reaches_neither_a_gap_nor_beyond_the_border(peak, first, width):
    places = np.arange(64)
    gap = (places >= first) & (places < first + width) & (abs(places - peak) > 1)
    counts = np.broadcast_to((places + 1)[:, None], (16, 64, 16)).copy()
    counts[:, peak] = 1000
    try:
        pattern = clear_box(prepare_pattern(counts, np.broadcast_to(gap[:, None], (64, 16))))
    except InputError:
        return
    offsets = (np.fft.fftfreq(pattern.counts.shape[1]) * pattern.counts.shape[1]).round().astype(int)
    if gap.any():
        assert not pattern.missing.any()
        np.testing.assert_array_equal(pattern.counts[0, 1:, 0], (peak + offsets + 1)[1:])
        assert pattern.before[1] == -offsets.min()
    else:
        assert pattern.counts.shape[1] == 64


def test_crop_is_refused_where_the_gap_is_close():
    counts = np.ones((32, 40, 40), int)
    counts[16, 20, 20] = 9
    pattern = prepare_pattern(counts, np.broadcast_to(np.arange(40) == 24, (40, 40)))
    with pytest.raises(InputError, match="'crop' would leave"):
        check_treatment("crop", pattern)
    assert "crop" not in allowed_treatments(pattern)
    assert {"free", "zero"} <= set(allowed_treatments(pattern))
