import numpy as np
import pytest

from braggfill import InputError
from braggfill.scan.gaps import find_gaps, find_slabs, voxels_to_fill
from braggfill.training.random_gaps import GapRanges, random_mask

SHAPE = (60, 70, 80)


def masks(number, **ranges):
    for seed in range(number):
        yield random_mask(np.random.default_rng(seed), SHAPE, (30.0, 33.0, 41.0), GapRanges(**ranges))


def test_every_width_direction_and_kind_of_gap_occurs():
    kinds, stripes, borders = set(), set(), 0
    for mask in masks(150):
        for gap in find_gaps(mask, voxels_to_fill(find_slabs(mask), mask.shape)):
            kinds.add(gap.kind)
            if gap.kind in ("stripe", "cross arm"):
                touches = gap.first == 0 or gap.last == SHAPE[gap.axis] - 1
                borders += touches
                stripes |= set() if touches else {(gap.axis, gap.width)}
    assert kinds == {"stripe", "cross arm", "box", "voxel"}
    assert {axis for axis, _ in stripes} == {0, 1, 2}
    assert {width for _, width in stripes} >= set(range(1, 15))
    assert borders > 5


def test_most_of_what_is_laid_can_be_filled():
    filled, missing = 0, 0
    for mask in masks(60):
        filled += voxels_to_fill(find_slabs(mask), mask.shape).sum()
        missing += mask.sum()
    assert filled > 0.95 * missing


def test_first_stripe_lies_beside_the_peak_and_stripes_keep_their_distance():
    only = dict.fromkeys(
        ("cross_share", "partial_share", "border_share", "alien_share", "bad_pixel_share", "bad_voxel_share"), 0.0
    )
    for mask in masks(50, frame_share=1.0, stripes=(1, 1), width=(4, 4), peak_distance=(6.0, 6.0), **only):
        blank = np.flatnonzero(mask.all((1, 2)))
        assert blank.tolist() in (list(range(20, 24)), list(range(36, 40)))
    for mask in masks(50, frame_share=1.0, stripes=(3, 3), width=(2, 5), spacing=7, **only):
        blank = np.flatnonzero(mask.all((1, 2)))
        steps = np.diff(blank)
        assert (steps[steps > 1] > 7).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": (0, 3)},
        {"width": (1, 15)},
        {"cross_share": 1.5},
        {"bad_voxels": (0.0, 0.1)},
        {"spacing": 0},
        {"aliens": (-1, 2)},
    ],
)
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        GapRanges(**wrong)
