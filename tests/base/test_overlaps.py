import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill.base.overlaps import overlap_mean


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 2))
def test_every_place_holds_the_mean_of_what_lies_on_it(seed, number, axes_in_front):
    rng = np.random.default_rng(seed)
    parts, lying = [], {place: [] for place in np.ndindex(5, 7)}
    for _ in range(number):
        (top, left), (height, width) = rng.integers(0, 4, 2), rng.integers(1, 4, 2)
        values = rng.normal(size=(*[2] * axes_in_front, *np.zeros((5, 7))[top : top + height, left : left + width].shape))
        counted = rng.random(values.shape[-2:]) < 0.7
        parts.append(((slice(top, top + height), slice(left, left + width)), values, counted))
        for row, column in np.argwhere(counted):
            lying[top + row, left + column].append(values[..., row, column])
    mean = overlap_mean(iter(parts), (5, 7))
    for place, values in lying.items():
        np.testing.assert_allclose(mean[..., *place], np.mean(values, axis=0) if values else np.nan, rtol=1e-12, atol=1e-15)


def test_parts_that_agree_give_back_their_value_to_the_bit_and_places_may_be_indices():
    value = np.random.default_rng(0).normal(size=40).astype(np.float32)
    places = [np.random.default_rng(n).permutation(40)[:30] for n in range(50)]
    mean = overlap_mean((((at,), value[at], True) for at in places), (40,))
    covered = np.unique(np.concatenate(places))
    np.testing.assert_array_equal(mean[covered], value[covered])


@pytest.mark.parametrize("number", [255, 300])
def test_the_number_of_parts_is_not_limited_by_the_memory_that_their_count_takes(number):
    parts = [((slice(0, 2),), np.full(2, float(n)), True) for n in range(number)]
    np.testing.assert_array_equal(overlap_mean(parts, (3,), most=number), [(number - 1) / 2, (number - 1) / 2, np.nan])


def test_without_parts_nothing_is_known():
    assert np.isnan(overlap_mean([], (2, 3))).all()
