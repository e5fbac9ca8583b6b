import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError
from braggfill.scan.boxes import bounding_box, volume, with_margin


def inside(box: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape, bool)
    array[box] = True
    return array


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_the_bounding_box_stays_in_the_array(kind):
    cuboid = kind(inside(np.s_[3:7, 0:12, 6:8], (10, 12, 14)))
    assert bounding_box(cuboid) == np.s_[3:7, 0:12, 6:8]
    assert bounding_box(cuboid, 5) == np.s_[0:10, 0:12, 1:13]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_no_smaller_box_holds_what_lies_in_it(seed, axes):
    rng = np.random.default_rng(seed)
    marked = np.zeros(rng.integers(1, 9, axes), bool)
    marked.flat[rng.integers(0, marked.size, 3)] = True
    box = bounding_box(marked)
    assert marked[box].sum() == marked.sum()
    for axis in range(axes):
        planes = np.moveaxis(marked[box], axis, 0)
        assert planes[0].any()
        assert planes[-1].any()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=3, max_size=3), st.integers(0, 6))
def test_a_margin_reaches_as_far_as_the_scan_and_tells_where_the_box_was(spans, margin):
    shape = (12, 14, 11)
    box = tuple(slice(first, min(first + length, n)) for (first, length), n in zip(spans, shape, strict=True))
    wider, place = with_margin(box, shape, margin)
    near = np.ones(shape, bool)
    for s, positions in zip(box, np.indices(shape), strict=True):
        near &= (positions >= s.start - margin) & (positions < s.stop + margin)
    np.testing.assert_array_equal(inside(wider, shape), near)
    assert volume(wider) == near.sum()
    numbers = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(numbers[wider][place], numbers[box])


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_there_is_no_box_round_nothing(kind):
    with pytest.raises(InputError, match="got an empty one, the object vanished"):
        bounding_box(kind(np.zeros((3, 4), bool)))
