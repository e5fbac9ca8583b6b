from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braggfill import InputError, detector_mask
from braggfill.scan.choice import MaskChoice
from braggfill.scan.formats.contents import Scan
from braggfill.scan.masks import choose_mask, find_silent_lines, full_mask, half_masked, mask_without_scan, summed_counts

COUNTS = np.random.default_rng(0).poisson(3.0, (6, 30, 40))


def test_the_scan_s_own_mask_gives_way_to_a_file_s(tmp_path):
    own, other = np.zeros((30, 40)), np.zeros((30, 40))
    own[3], other[:, 5] = 1, 1
    np.save(tmp_path / "m.npy", other)
    scan = Scan(COUNTS, own, "s")
    np.testing.assert_array_equal(choose_mask(scan, MaskChoice()), own)
    np.testing.assert_array_equal(choose_mask(scan, MaskChoice(str(tmp_path / "m.npy"))), other)
    assert choose_mask(Scan(COUNTS, None, "s"), MaskChoice()) is None


def test_a_mask_of_good_voxels_is_inverted_only_where_the_user_says_so():
    good = np.ones((30, 40))
    good[3] = 0
    scan = Scan(COUNTS, good, "s")
    assert np.asarray(choose_mask(scan, MaskChoice()) > 0).mean() > 0.9  # not guessed
    np.testing.assert_array_equal(choose_mask(scan, MaskChoice(mask_convention="good1")), good == 0)


def test_whoever_may_have_inverted_a_mask_is_asked_unless_he_said_what_it_is():
    good = np.ones((30, 40))
    good[3] = 0
    scan = Scan(COUNTS, good, "s")
    with pytest.raises(InputError, match=r"97 % of the voxels.*is the mask inverted\?.*good1.*bad1"):
        choose_mask(scan, MaskChoice(), ask=True)
    np.testing.assert_array_equal(choose_mask(scan, MaskChoice(mask_convention="bad1"), ask=True), good)
    np.testing.assert_array_equal(choose_mask(scan, MaskChoice(mask_convention="good1"), ask=True), good == 0)
    filled = replace(scan, provenance={"program": "braggfill"})  # what was written here is not inverted
    np.testing.assert_array_equal(choose_mask(filled, MaskChoice(), ask=True), good)


def test_a_detector_s_gaps_are_added_to_the_mask():
    own = np.zeros((30, 40))
    own[3] = 1
    both = choose_mask(Scan(COUNTS, own, "s"), MaskChoice(detector="maxipix", roi=(240, 240)))
    expected = detector_mask("maxipix", (30, 40), (240, 240)) | (own > 0)
    np.testing.assert_array_equal(both, np.broadcast_to(expected, COUNTS.shape))
    with pytest.raises(InputError, match="detector"):
        choose_mask(Scan(COUNTS, own, "s"), MaskChoice(roi=(240, 240)))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 1))
def test_a_line_that_never_counts_is_found_and_nothing_else(seed, width, axis):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.uniform(1, 50), (5, 30, 40))
    first = int(rng.integers(1, counts.shape[1 + axis] - width))
    silent = np.zeros((30, 40), bool)
    np.moveaxis(silent, axis, 0)[first : first + width] = True
    np.testing.assert_array_equal(find_silent_lines(np.where(silent, 0, counts)), silent)
    assert not find_silent_lines(np.where(silent, 0, counts), silent).any()
    assert not find_silent_lines(counts).any()


def test_lines_where_few_counts_fall_and_the_dark_around_a_peak_are_no_gaps():
    row, column = np.ogrid[:60, :60]
    light = 500 * np.exp(-((row - 30) ** 2 + (column - 25) ** 2) / 30.0)
    counts = np.random.default_rng(1).poisson(light, (4, 60, 60))
    assert (counts.sum((0, 2)) == 0).any()
    assert not find_silent_lines(counts).any()


def test_most_of_a_scan_masked_is_warned_of():
    assert half_masked(np.eye(4)) is None
    assert "good1" in half_masked(np.ones((4, 4)) - np.eye(4))
    assert "75 %" in half_masked(np.where(np.eye(4), 0, np.nan))


@pytest.mark.parametrize("frames", [(), (6,)])
def test_a_mask_file_alone_has_the_frames_that_it_names(tmp_path, frames):
    own = np.zeros((*frames, 30, 40), np.uint8)
    own[..., 3, :] = 1
    np.save(tmp_path / "m.npy", own)
    made = mask_without_scan(MaskChoice(str(tmp_path / "m.npy")))
    assert made.shape == own.shape
    np.testing.assert_array_equal(made, own > 0)
    both = mask_without_scan(MaskChoice(str(tmp_path / "m.npy"), "good1", "maxipix", (240, 240)))
    expected = (own == 0) | detector_mask("maxipix", (30, 40), (240, 240))
    np.testing.assert_array_equal(both, expected)


def test_a_detector_s_gaps_alone_are_its_whole_frame():
    np.testing.assert_array_equal(mask_without_scan(MaskChoice(detector="merlin")), detector_mask("merlin"))
    with pytest.raises(InputError, match="no scan, no mask and no detector"):
        mask_without_scan(MaskChoice())


@given(st.integers(0, 2**32 - 1))
def test_what_was_not_measured_is_masked_and_not_counted(seed):
    """Voxel by voxel: the mask's, NaN, infinite and negative ones are missing, and the rest of each column is summed."""
    rng = np.random.default_rng(seed)
    values = rng.choice([np.nan, np.inf, -1.0, 0.0, 3.0, 7.0], (3, 4, 5))
    mask = rng.random((4, 5)) < 0.3
    missing = full_mask(values, mask)
    for place in np.ndindex(values.shape):
        assert missing[place] == (mask[place[1:]] or not (np.isfinite(values[place]) and values[place] >= 0))
    kept = [sum(v for v in values[:, r, c] if np.isfinite(v) and v > 0 and not mask[r, c]) for r in range(4) for c in range(5)]
    np.testing.assert_array_equal(summed_counts(values, missing).ravel(), kept)
