import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill.base.frequencies import high_frequencies_added, low_frequencies


@given(st.tuples(*[st.integers(2, 9)] * 3))
def test_low_frequencies_come_back(shape):
    small = np.random.default_rng(0).random(shape)
    larger = high_frequencies_added(small, (9, 10, 11))
    np.testing.assert_array_equal(low_frequencies(larger, shape), small)
    assert larger.sum() == pytest.approx(small.sum())
