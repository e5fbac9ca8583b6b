import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from braggfill.scan.gaps import AXIS_NAMES, MAX_WIDTH, _runs, depth_of, find_gaps, find_slabs, flat_places, voxels_to_fill

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9)
MASKS = hnp.arrays(bool, SHAPES) | st.tuples(hnp.arrays(bool, SHAPES), st.integers(0, 2)).map(
    lambda m: np.broadcast_to(m[0].any(m[1], keepdims=True), m[0].shape)
)


def filled(mask):
    return voxels_to_fill(find_slabs(mask), mask.shape)


def runs_by_hand(mask, at):
    """Length of the masked run through a voxel and its number of measured ends, for each axis."""
    for axis in range(3):
        line = "".join("x" if v else " " for v in mask[tuple(slice(None) if a == axis else at[a] for a in range(3))])
        before, after = line[: at[axis]], line[at[axis] :]
        length = len(before) - len(before.rstrip("x")) + len(after) - len(after.lstrip("x"))
        yield length, int(" " in before) + int(" " in after)


@given(MASKS)
def test_gaps_name_exactly_the_mask(mask):
    named = np.zeros(mask.shape, int)
    gaps = find_gaps(mask, filled(mask))
    for gap in gaps:
        named[gap.bounds] += mask[gap.bounds]
        assert gap.filled <= gap.voxels <= mask[gap.bounds].sum()
    np.testing.assert_array_equal(named > 0, mask)
    assert sum(g.filled for g in gaps) >= filled(mask).sum()


@given(MASKS)
def test_runs_are_those_counted_by_hand(mask):
    voxels = np.argwhere(mask)
    runs = [_runs(mask, voxels, axis) for axis in range(3)]
    for i, at in enumerate(voxels):
        assert [int(r[i, 1] - r[i, 0] + 1) for r in runs] == [length for length, _ in runs_by_hand(mask, at)]


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_what_is_filled_is_seen_across_or_lies_near_what_is_measured(seed, all_frames):
    rng = np.random.default_rng(seed)
    mask = np.zeros((30, 34, 38), bool)
    for _ in range(4):
        low = rng.integers(0, 30, 3)
        mask[tuple(slice(a, a + int(rng.integers(1, 30))) for a in low)] = True
    if all_frames:
        mask = np.broadcast_to(mask.any(0), mask.shape)
    wanted, depth = filled(mask), ndimage.distance_transform_edt(mask)
    assert not (wanted & ~mask).any()
    for at in np.argwhere(mask)[:: 1 + mask.sum() // 300]:
        seen = any(length <= (0, 7, 14)[ends] for length, ends in runs_by_hand(mask, at))
        if seen:
            assert wanted[tuple(at)]
        elif wanted[tuple(at)]:
            assert depth[tuple(at)] <= depth_of(MAX_WIDTH)


@settings(max_examples=60)
@given(st.integers(0, 2), st.integers(1, 20), st.integers(1, 19))
def test_a_stripe_is_found_with_its_place_and_width(axis, width, first):
    mask = np.zeros((40, 41, 42), bool)
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    (gap,) = find_gaps(mask, filled(mask))
    assert (gap.kind, gap.axis, gap.first, gap.last, gap.width) == ("stripe", axis, first, first + width - 1, width)
    assert gap.filled == (gap.voxels if width <= 14 else 0)
    assert [(s.axis, s.first, s.last) for s in find_slabs(mask)] == [(axis, first, gap.last)] * (width <= 14)


def test_a_cross_has_two_arms_and_both_see_the_crossing():
    mask = np.zeros((20, 40, 40), bool)
    mask[:, 10:16] = True
    mask[:, :, 20:32] = True
    gaps, slabs = find_gaps(mask, filled(mask)), find_slabs(mask)
    expected = [("cross arm", "row", 10, 15), ("cross arm", "column", 20, 31)]
    assert [(g.kind, AXIS_NAMES[g.axis], g.first, g.last) for g in gaps] == expected
    assert [(s.axis, s.first, s.last) for s in slabs] == [(1, 10, 15), (2, 20, 31)]
    assert all(s.target.all() for s in slabs)


def test_boxes_voxels_and_stripes_are_told_apart():
    mask = np.zeros((30, 40, 40), bool)
    mask[:, 20:26] = True
    mask[3:8, 2:6, 30:33] = True
    mask[20, 35, 5] = True
    kinds = {g.kind: g for g in find_gaps(mask, filled(mask))}
    assert set(kinds) == {"stripe", "box", "voxel"}
    assert (kinds["box"].axis, kinds["box"].first, kinds["box"].width) == (2, 30, 3)
    assert kinds["voxel"].bounds == (slice(20, 21), slice(35, 36), slice(5, 6))


def slab_of(mask, at):
    return next(s for s in find_slabs(mask) if np.moveaxis(voxels_to_fill([s], mask.shape), s.axis, s.axis)[at])


def test_a_bad_pixel_beside_a_stripe_is_looked_across_away_from_it():
    mask = np.zeros((30, 40, 40), bool)
    mask[:, 20:26] = True
    mask[:, 19, 7] = True
    slab = slab_of(mask, (3, 19, 7))
    assert (AXIS_NAMES[slab.axis], slab.first, slab.last) == ("column", 7, 7)


def test_isolated_voxels_are_looked_across_on_the_detector():
    mask = np.zeros((30, 40, 40), bool)
    mask[10, 11, 12] = True
    assert AXIS_NAMES[slab_of(mask, (10, 11, 12)).axis] == "row"


def corner():
    mask = np.zeros((20, 60, 60), bool)
    mask[:, 30:34, 30:] = True
    mask[:, 30:, 30:34] = True
    return mask


def oblique_wire():
    rows, columns = np.indices((64, 64))
    return np.broadcast_to(np.abs(rows - columns) <= 1, (5, 64, 64))


def few_frames():
    mask = np.zeros((5, 40, 40), bool)
    mask[:, 20:26, 20:26] = True
    return mask


def border_box():
    mask = np.zeros((20, 40, 40), bool)
    mask[:, :8, 10:20] = True
    return mask


@pytest.mark.parametrize("make", [corner, oblique_wire, few_frames, border_box])
def test_narrow_gaps_of_any_shape_are_filled(make):
    mask = make()
    np.testing.assert_array_equal(filled(mask), mask)


def test_a_wide_stripe_stays_and_takes_the_crossing_with_it():
    mask = np.zeros((8, 60, 60), bool)
    mask[:, 10:16] = True
    mask[:, :, 20:50] = True
    expected = np.zeros_like(mask)
    expected[:, 10:16, :20] = expected[:, 10:16, 50:] = True
    np.testing.assert_array_equal(filled(mask)[:, :, :20], expected[:, :, :20])
    assert not filled(mask)[:, :, 27:43].any()


def test_a_box_beside_a_stripe_makes_it_wide():
    mask = np.zeros((40, 64, 64), bool)
    mask[:, 20:34] = True
    mask[:, 34:48, :40] = True
    wanted = filled(mask)
    assert wanted[:, 20:34, 52:].all()
    assert not wanted[:, 20:48, :38].any()


def test_the_middle_of_a_ball_stays_masked():
    distance = np.linalg.norm(np.indices((40, 40, 40)).T - 20, axis=-1).T
    ball = distance <= 15
    wanted = filled(ball)
    assert not wanted[distance <= 4].any()
    assert wanted[ball].any()


@pytest.mark.parametrize(("width", "fillable"), [(7, True), (8, False)])
def test_border_gaps_are_continued_from_one_bank_if_narrow(width, fillable):
    mask = np.zeros((8, 40, 40), bool)
    mask[:, :width] = True
    assert filled(mask).any() == fillable


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_places_of_a_slab_are_those_of_its_voxels(seed):
    rng = np.random.default_rng(seed)
    volume, mask = rng.random((6, 7, 8)), rng.random((6, 7, 8)) < 0.3
    for slab in find_slabs(mask):
        inside = np.moveaxis(volume, slab.axis, 0)[slab.first : slab.last + 1]
        np.testing.assert_array_equal(volume.ravel()[flat_places(slab, volume.shape)], inside[slab.target])
