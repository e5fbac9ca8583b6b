from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson, ttest_rel

from braggfill.network.config import PracticeConfig
from braggfill.network.practice import HeldOutScore, choose_held_out, held_out_portions, practice_scans
from braggfill.scan.gapped import GappedScan

SHIPPED = PracticeConfig()


def stripe(shape, axis, first, width):
    mask = np.zeros(shape, bool)
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    return mask


@pytest.fixture(scope="module")
def gap(scan) -> GappedScan:
    """The scan with one stripe."""
    return GappedScan.blanked(scan.counts, stripe(scan.counts.shape, 2, 13, 4))


def known_apart_from(counts, gap, hidden):
    """What is shown to learn from: all but gap and what is held out, of which the gap is to be filled."""
    return replace(GappedScan.blanked(counts, gap.mask | hidden), slabs=gap.slabs)


def test_what_is_held_out_or_was_not_measured_is_never_shown(scan, gap):
    config = replace(SHIPPED, layouts=1)
    hidden = choose_held_out(np.random.default_rng(1), gap, config)
    assert hidden.any()
    assert not (hidden & gap.mask).any()
    marked = np.where(gap.mask | hidden, 54321, scan.counts).astype(np.float32)
    shown = (known_apart_from(counts, gap, hidden) for counts in (scan.counts, marked))
    (one,), (other,) = (practice_scans(np.random.default_rng(2), known, config) for known in shown)
    assert one.known.any()
    assert not (one.known & (gap.mask | hidden)).any()
    for _ in range(8):
        first, second = (s.portion(np.random.default_rng(3), 32) for s in (one, other))
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))
        counts, measured, _, target, _, _ = first
        assert target.any()
        assert not (measured & target).any()
        assert (counts[~measured] == 0).all()
    scans = (GappedScan.blanked(counts, gap.mask) for counts in (scan.counts, marked))
    plain, changed = (held_out_portions(known, hidden, config) for known in scans)
    assert (changed.counts == 54321).all()
    assert not (plain.counts == 54321).any()
    assert np.array_equal(plain.scans[0].counts, changed.scans[0].counts)
    assert np.array_equal(plain.scans[0].guess, changed.scans[0].guess, equal_nan=True)


def test_what_the_gap_hides_does_not_change_what_is_held_out(scan, gap):
    scans = (GappedScan.blanked(np.where(gap.mask, m, scan.counts), gap.mask) for m in (0, 54321))
    assert np.array_equal(*(choose_held_out(np.random.default_rng(1), s, SHIPPED) for s in scans))


@pytest.fixture(scope="module")
def held_out(gap):
    return held_out_portions(gap, choose_held_out(np.random.default_rng(0), gap, SHIPPED), SHIPPED)


def test_held_out_counts_are_the_scan_s_own_and_blank_in_what_is_shown(scan, held_out):
    places = np.argwhere(held_out.scans[0].wanted)[held_out.at]
    np.testing.assert_array_equal(scan.counts[tuple(places.T)], held_out.counts)
    assert held_out.scans[0].mask[tuple(places.T)].all()
    assert (held_out.scans[0].counts[tuple(places.T)] == 0).all()
    spans = [np.ptp(places[held_out.block == b], axis=0).max() for b in np.unique(held_out.block)]
    assert len(spans) > 2
    assert max(spans) < 2 * SHIPPED.block


def test_the_verdict_is_the_deviance_of_the_hidden_counts(held_out):
    def predict(counts, measured, guess, layers):
        mean = np.exp(np.nan_to_num(guess[:, layers])) + 0.1
        return np.stack([mean, mean**2])

    score = held_out.judge(predict)
    guess = held_out.scans[0].guess
    mean = np.exp(guess[held_out.scans[0].wanted][held_out.at].astype(float)) + 0.1
    counts = held_out.counts.astype(int)
    deviances = 2 * (poisson.logpmf(counts, np.maximum(counts, 1e-30)) - poisson.logpmf(counts, mean))
    assert score.loss == pytest.approx(deviances.mean(), rel=1e-4)
    assert score.losses[2] * len(counts) == pytest.approx(deviances[held_out.block == 2].sum(), rel=1e-4)
    truth = held_out.judge(lambda c, m, g, layers: np.full((2, *c[:, layers].shape), 7.0))
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
    rng = np.random.default_rng(0)
    nothing = GappedScan.blanked(np.zeros_like(gap.counts), gap.mask)
    assert not choose_held_out(rng, nothing, SHIPPED).any()
    assert practice_scans(rng, nothing, SHIPPED) == []
    narrow = gap.counts[:, :, :24]
    assert not choose_held_out(rng, GappedScan.blanked(narrow, stripe(narrow.shape, 2, 9, 4)), SHIPPED).any()
