"""Factors that a scan's own hidden counts ask for: fills that are wrong in a known way, and what becomes of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from braggfill import fill_gaps
from braggfill.base.metrics import coverage, predictive_rank
from braggfill.network.calibration import ALIKE, BLOCK, ELSEWHERE, Band, Calibration, blocks, calibrate, curve
from braggfill.scan.copies import Copy
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import Slab

SHAPE = (64, 72, 80)


@pytest.fixture(scope="module")
def spotty():
    """Expected counts of 0.3 to 3 000, and a draw from them; a gap 6 columns wide."""
    rng = np.random.default_rng(3)
    frames, rows, columns = np.ogrid[:64, :72, :80]
    fringes = np.sin(frames / 3) * np.sin(rows / 4) * np.sin(columns / 5)
    expected = (30 * np.exp(4.6 * fringes)).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 30:36] = True
    return expected, rng.poisson(expected).astype(np.float32), mask


def filled(expected, factor=1.0, relative_std=0.05):
    """A fill that knows the truth, and is wrong by a factor."""
    return lambda blank: tuple(expected[blank.wanted].astype(float) * factor * scale for scale in (1.0, relative_std))


@settings(max_examples=20)
@given(st.floats(0.5, 2.0))
def test_totals_move_towards_the_truth_and_not_beyond(spotty, factor):
    expected, counts, mask = spotty
    scan, fill = GappedScan.blanked(counts, mask), filled(expected, factor)
    mean, _ = calibrate(scan, fill).applied(*fill(scan))
    before, after = (np.log(v.sum() / expected[mask].sum(dtype=float)) for v in (fill(scan)[0], mean))
    assert np.abs(after) <= max(0.95 * np.abs(before), 0.02)
    assert after * before >= 0 or np.abs(after) < 0.02


def test_what_the_copies_hide_is_not_shown_and_what_the_gap_hides_not_used(spotty):
    expected, counts, mask = spotty
    seen = []

    def fill(blank):
        seen.append(blank)
        return filled(expected, 0.8)(blank)

    one, other = (calibrate(GappedScan.blanked(np.where(mask, under, counts), mask), fill) for under in (0, 777))
    assert one == other
    blank = seen[0]
    assert blank.wanted.any()
    assert not (blank.wanted & mask).any()
    assert (blank.counts[blank.wanted] == 0).all()
    assert blank.mask[blank.wanted].all()
    assert one.voxels == np.count_nonzero(blank.wanted)
    assert one.hidden_counts == counts[blank.wanted].sum()


@pytest.mark.parametrize("told_over_true", [0.4, 1.0, 2.5])
def test_intervals_are_widened_or_narrowed_until_they_hold_what_they_say(spotty, told_over_true):
    expected, _, mask = spotty
    rng = np.random.default_rng(5)
    expectation = expected * rng.gamma(1 / 0.3**2, 0.3**2, SHAPE)  # known to 30 %
    counts = rng.poisson(expectation).astype(np.float32)
    scan, fill = GappedScan.blanked(counts, mask), filled(expected, relative_std=0.3 * told_over_true)
    mean, std = fill(scan)
    calibrated = calibrate(scan, fill).applied(mean, std)
    before, after = (coverage(predictive_rank(rng, *said, counts[mask]), 0.9) for said in ((mean, std), calibrated))
    assert np.abs(after - 0.9) < max(0.4 * np.abs(before - 0.9), 0.02)


def test_the_curve_is_the_conditional_mean_of_a_gaussian_process():
    rng = np.random.default_rng(0)
    places, told, variance = np.sort(rng.uniform(0, 9, 7)), rng.normal(0, 0.2, 7), rng.uniform(0.001, 0.02, 7)
    process = GaussianProcessRegressor(ConstantKernel(0.1**2) * RBF(ALIKE), alpha=variance + ELSEWHERE**2, optimizer=None).fit(
        places[:, None], told
    )
    bands = [Band(p, t, np.zeros(3), v) for p, t, v in zip(places, told, variance, strict=True)]
    found = curve(bands, 0.1, 0.1)
    expected = process.predict(np.array(found.log_counts)[:, None])
    np.testing.assert_allclose(found.log_factor, expected, atol=1e-4)
    assert found.at(np.array([1e-3, 1e12])) == pytest.approx(1, abs=1e-2)  # far from every band nothing is known


def test_in_the_dark_the_hidden_counts_are_believed_more():
    factors = [max(curve([Band(at, 0.5, np.zeros(4), 0.0)], 0.1, 0.5).log_factor) for at in (-5.0, 5.0)]
    assert 0.4 < factors[0] < 0.5
    assert 0 < factors[1] < 0.3


def test_blocks_that_err_together_count_as_one():
    alone = [Band(float(p), 0.2, np.eye(4)[n] * 0.1, 0.0) for n, p in enumerate((3, 4, 5, 6))]
    together = [replace(band, residuals=np.eye(4)[0] * 0.1) for band in alone]
    assert max(curve(together, 0.1, 0.1).log_factor) < max(curve(alone, 0.1, 0.1).log_factor) < 0.2


def test_no_block_is_of_two_copies_whose_planes_are_unequal():
    shape = (6 * BLOCK, 2 * BLOCK, 40)
    planes = [(shape[1], shape[2]), (shape[0], shape[2]), (shape[0], shape[1])]
    copies = [Copy(Slab(axis, 0, 1, np.ones((2, *plane), bool)), 4 * axis + 3) for axis, plane in enumerate(planes)]
    for one, other in itertools.permutations(copies, 2):
        number, first, second = blocks([one, other], shape), np.zeros(shape, bool), np.zeros(shape, bool)
        one.within(first)[...], other.within(second)[...] = True, True
        both = set(number[first & ~second].tolist()) & set(number[second].tolist())
        assert not both


def test_a_dark_or_full_scan_changes_nothing(spotty):
    expected, counts, mask = spotty
    for scan in (GappedScan.blanked(counts * 0, mask), GappedScan.blanked(counts[:, :, 26:40], mask[:, :, 26:40])):
        found = calibrate(scan, filled(expected[:, :, : scan.mask.shape[2]]))
        assert found == Calibration()
        values = np.array([0.0, 1.0, 1e6])
        assert np.array_equal(found.applied(values, values), (values, values))
        assert found.in_words == ""


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_estimates_beyond_all_numbers_tell_nothing(spotty, wrong):
    _, counts, mask = spotty
    scan = GappedScan.blanked(counts, mask)
    assert calibrate(scan, lambda blank: (np.full(np.count_nonzero(blank.wanted), wrong),) * 2) == Calibration()


def test_a_fill_says_by_what_it_was_calibrated(scan):
    mask = np.zeros(scan.counts.shape[1:], bool)
    mask[40:44] = True
    plain, calibrated = (fill_gaps(scan.counts, mask, method="unet", calibrate=choice) for choice in (False, True))
    facts = calibrated.how["calibration"]
    assert plain.how == {}
    assert plain.sentence == ""
    assert f"{facts['voxels']:,} hidden voxels" in calibrated.sentence
    ratio = calibrated.intensity[plain.filled] / plain.intensity[plain.filled]
    limits = np.exp([min(facts["mean"]["log_factor"]), max(facts["mean"]["log_factor"])])
    assert np.all((ratio >= limits[0] - 1e-4) & (ratio <= limits[1] + 1e-4))
    assert np.array_equal(plain.intensity[~plain.filled], calibrated.intensity[~plain.filled])
