import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from braggfill.gaps import AXIS_NAMES, _run_lengths, find_gaps, slabs, voxels_to_fill

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9))


def covered(gaps, shape):
    mask = np.zeros(shape, bool)
    for gap in gaps:
        mask[gap.bounds] |= gap.voxels
    return mask


@given(MASKS)
def test_gaps_cover_exactly_the_mask(mask):
    np.testing.assert_array_equal(covered(find_gaps(mask), mask.shape), mask)


@given(MASKS)
def test_slabs_hold_what_the_gaps_hold(mask):
    gaps = find_gaps(mask)
    rebuilt = np.zeros_like(mask)
    for slab in slabs(gaps, mask.shape):
        np.moveaxis(rebuilt, slab.axis, 0)[slab.first : slab.last + 1] |= slab.target
    np.testing.assert_array_equal(rebuilt, mask)


@given(MASKS)
def test_runs_through_a_voxel_are_those_counted_by_hand(mask):
    where = np.nonzero(mask)
    for axis in range(3):
        counted = []
        for at in zip(*where, strict=True):
            line = "".join("x" if v else " " for v in mask[tuple(slice(None) if a == axis else at[a] for a in range(3))])
            before, after = line[: at[axis]], line[at[axis] :]
            counted.append(len(before) - len(before.rstrip("x")) + len(after) - len(after.lstrip("x")))
        np.testing.assert_array_equal(_run_lengths(mask, where, axis), counted)


@settings(max_examples=60)
@given(st.integers(0, 2), st.integers(1, 20), st.integers(1, 19))
def test_a_stripe_is_found_with_its_place_and_width(axis, width, first):
    shape = (40, 41, 42)
    mask = np.zeros(shape, bool)
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    (gap,) = find_gaps(mask)
    assert (gap.kind, gap.axis, gap.first, gap.last, gap.width, gap.banks) == (
        "stripe",
        axis,
        first,
        first + width - 1,
        width,
        2,
    )
    assert gap.fillable == (width <= 14)


def test_a_cross_has_two_arms_that_share_the_crossing():
    mask = np.zeros((10, 40, 40), bool)
    mask[:, 10:16] = True
    mask[:, :, 20:32] = True
    gaps = find_gaps(mask)
    assert [(g.kind, AXIS_NAMES[g.axis], g.first, g.last) for g in gaps] == [
        ("cross arm", "row", 10, 15),
        ("cross arm", "column", 20, 31),
    ]
    assert sum(g.voxels.sum() for g in gaps) - mask.sum() == 10 * 6 * 12


def test_boxes_voxels_and_stripes_are_told_apart():
    mask = np.zeros((30, 40, 40), bool)
    mask[:, 20:26] = True
    mask[3:8, 2:6, 30:33] = True
    mask[20, 35, 5] = True
    kinds = {g.kind: g for g in find_gaps(mask)}
    assert set(kinds) == {"stripe", "box", "voxel"}
    assert (kinds["box"].axis, kinds["box"].first, kinds["box"].width) == (2, 30, 3)
    assert kinds["voxel"].bounds == (slice(20, 21), slice(35, 36), slice(5, 6))


def test_a_bad_pixel_beside_a_stripe_is_looked_across_away_from_it():
    mask = np.zeros((30, 40, 40), bool)
    mask[:, 20:26] = True
    mask[:, 19, 7] = True
    box = next(g for g in find_gaps(mask) if g.kind == "box")
    assert (AXIS_NAMES[box.axis], box.first, box.width) == ("column", 7, 1)


def test_half_arms_too_wide_together_are_split_into_narrow_parts():
    mask = np.zeros((20, 60, 60), bool)
    mask[:, 30:34, 30:] = True  # a corner of two half stripes
    mask[:, 30:, 30:34] = True
    gaps = find_gaps(mask)
    assert {AXIS_NAMES[g.axis] for g in gaps} == {"row", "column"}
    np.testing.assert_array_equal(voxels_to_fill(gaps, mask.shape), mask)


def test_wide_gaps_stay_and_take_the_crossing_with_them():
    mask = np.zeros((8, 60, 60), bool)
    mask[:, 10:16] = True
    mask[:, :, 20:50] = True
    expected = np.zeros_like(mask)
    expected[:, 10:16, :20] = expected[:, 10:16, 50:] = True
    np.testing.assert_array_equal(voxels_to_fill(find_gaps(mask), mask.shape), expected)


@pytest.mark.parametrize(("width", "fillable"), [(7, True), (8, False)])
def test_border_gaps_are_continued_from_one_bank_if_narrow(width, fillable):
    mask = np.zeros((8, 40, 40), bool)
    mask[:, :width] = True
    (gap,) = find_gaps(mask)
    assert (gap.banks, gap.fillable) == (1, fillable)
