"""Laws that every copy of a gap obeys, from wherever it is asked for."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, gaussian_filter1d, label

from braggfill.network.config import PracticeConfig
from braggfill.scan.copies import BRIGHTER, CopyRules, Trial, choose_places, comparable, laid, lay_copies
from braggfill.scan.gapped import GappedScan

EVERY_USE = {"judged": CopyRules(), "practised": PracticeConfig().copies, "held out": PracticeConfig().held_out}


def stripe(shape, axis, first, width):
    mask = np.zeros(shape, bool)
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    return mask


@st.composite
def striped_scans(draw):
    """A scan 110 voxels long across one or two stripes that can be filled, its counts random."""
    axis, width = draw(st.integers(0, 2)), draw(st.integers(1, 12))
    shape = [draw(st.integers(4, 14)) for _ in range(3)]
    shape[axis] = 110
    mask = stripe(shape, axis, draw(st.integers(15, 85)), width)
    if draw(st.booleans()):
        mask |= stripe(shape, axis, draw(st.integers(15, 85)), width)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return axis, width, GappedScan.blanked(rng.poisson(10 ** rng.uniform(-1, 3), shape).astype(np.float32), mask)


@settings(max_examples=60)
@given(striped_scans(), st.sampled_from(sorted(EVERY_USE)), st.sampled_from([None, 0, 1, 2]))
def test_copies_of_a_stripe_have_its_width_and_direction_and_keep_clear(striped, use, seed):
    axis, width, scan = striped
    runs = label(scan.mask.any(tuple(a for a in range(3) if a != axis)))[0]
    assume(all((runs == n).sum() == width for n in range(1, runs.max() + 1)))
    rules, rng = EVERY_USE[use], None if seed is None else np.random.default_rng(seed)
    copies = laid(scan, lay_copies(scan, rules, rng))
    assert not (copies & scan.mask).any()
    line = copies.any(tuple(a for a in range(3) if a != axis))
    assert (copies == np.moveaxis(np.broadcast_to(line, np.moveaxis(copies, axis, -1).shape), -1, axis)).all()
    firsts, ends = (np.flatnonzero(np.diff(line.astype(int), prepend=0, append=0) == step) for step in (1, -1))
    assert (ends - firsts == width).all()
    near = binary_dilation(runs > 0, iterations=rules.clearance) if rules.clearance else runs > 0
    assert not (line & near).any()
    assert not line[: rules.clearance].any()
    assert not line[len(line) - rules.clearance :].any()
    assert len(firsts) <= rules.number * runs.max()


@given(st.integers(1, 12), st.integers(20, 60), st.integers(0, 2**20), st.sampled_from(sorted(EVERY_USE)))
def test_copies_of_one_gap_keep_their_spacing(width, first, seed, use):
    mask, rules = stripe((120, 10, 10), 0, first, width), EVERY_USE[use]
    scan = GappedScan.blanked(np.full(mask.shape, 5, np.float32), mask)
    firsts = np.sort([copy.first for copy in lay_copies(scan, rules, np.random.default_rng(seed))])
    assert len(firsts) >= 1
    assert (np.diff(firsts) >= width + rules.spacing).all()


def test_most_of_every_plane_of_a_copy_was_measured():
    mask = stripe((120, 12, 12), 0, 50, 4)
    mask[:40, 2:] = True  # too wide to be filled, and only a sixth of the plane is left beside it
    mask[70:, :2] = True
    scan = GappedScan.blanked(np.full(mask.shape, 5, np.float32), mask)
    slab = max(scan.slabs, key=lambda s: s.target.sum() * (s.first == 50))
    for rules in EVERY_USE.values():
        for first in choose_places(slab, comparable(scan.counts, rules), scan.mask, rules):
            in_plane = slab.target.any(0)
            assert (~scan.mask[first : first + 4, in_plane]).mean(1).min() >= rules.least_share


@pytest.mark.parametrize("alike_in", ["logarithms", "counts"])
def test_the_places_nearest_in_brightness_come_first(alike_in):
    brightness, rules = np.exp(np.abs(np.arange(120) - 70) / 10.0), CopyRules(alike_in=alike_in)
    mask = stripe((20, 120, 40), 1, 50, 4)
    scan = GappedScan.blanked(np.broadcast_to(brightness[:, None], mask.shape), mask)
    (slab,) = scan.slabs
    smooth = gaussian_filter1d(np.where(mask[0, :, 0], 0, brightness), 2.0)
    level = {"logarithms": lambda at: np.log1p(smooth[at]).mean(), "counts": lambda at: np.log(brightness[at].mean())}[alike_in]
    wanted = level([46, 47, 48, 49, 54, 55, 56, 57])
    away = {f: abs(level(slice(f, f + 4)) - wanted) for f in (*range(8, 39), *range(62, 108))}
    places = choose_places(slab, comparable(scan.counts, rules), scan.mask, rules)
    assert len(places) == 2
    assert places[0] == min(away, key=away.__getitem__)
    assert places[1] == min((f for f in away if abs(f - places[0]) >= 12), key=away.__getitem__)


def test_drawn_places_are_mostly_as_bright_and_never_on_a_peak():
    profile = np.full(200, 1.0)
    profile[60:110], profile[130:170] = 100.0, 1e4
    mask = stripe((200, 8, 8), 0, 84, 4)
    scan = GappedScan.blanked(np.broadcast_to(profile[:, None, None], mask.shape), mask)
    (slab,), once = scan.slabs, CopyRules(1, spacing=12, least_share=0.4, alike_in="counts")
    drawn = [choose_places(slab, scan.counts, scan.mask, once, np.random.default_rng(seed))[0] for seed in range(200)]
    assert np.mean([56 < f < 110 for f in drawn]) > 0.85
    assert np.any([f < 50 or f > 120 for f in drawn])
    means = np.array([profile[f : f + 4].mean() for f in drawn])
    assert means.max() < 101 * np.exp(BRIGHTER)


def test_small_gaps_are_copied_only_where_there_is_no_large_one():
    mask = stripe((100, 30, 30), 0, 50, 3)
    mask[20, 5, 5] = True
    scan = GappedScan.blanked(np.full(mask.shape, 5, np.float32), mask)
    assert {copy.slab.target.sum() for copy in lay_copies(scan, CopyRules())} == {3 * 30 * 30}
    alone = GappedScan.blanked(scan.counts, mask & (np.arange(100) < 40)[:, None, None])
    assert {copy.slab.target.sum() for copy in lay_copies(alone, CopyRules())} == {1}


@pytest.mark.parametrize("length", [20, 24, 28, 40, 60, 90])
def test_a_trial_finds_something_to_score_also_in_small_scans(length):
    mask = stripe((12, length, 12), 1, length // 2 - 2, 4)
    scan = GappedScan.blanked(np.full(mask.shape, 5, np.float32), mask)
    trial = Trial.of(scan)
    assert trial.scored.sum() >= 0.5 * mask.sum()
    assert not (trial.scored & mask).any()
    np.testing.assert_array_equal(trial.scan.counts == 0, mask | trial.scored)
    assert (trial.scan.wanted >= trial.scored).all()
    strict = Trial.of(scan, CopyRules())
    assert strict.scored.sum() <= trial.scored.sum()


def test_a_trial_without_any_room_scores_nothing():
    mask = stripe((10, 50, 10), 1, 40, 6)
    mask[:, :34] = True
    assert not Trial.of(GappedScan.blanked(np.ones(mask.shape, np.float32), mask)).scored.any()
