from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill.base.errors import VanishedError
from braggfill.crystal.search.wraps import Wrap, in_wraps


@dataclass(frozen=True)
class Told:
    """A start that promises what is said of its wrap."""

    number: int
    wrap: Wrap
    promise: float


@given(promises=st.lists(st.floats(0, 9), min_size=1, max_size=4, unique=True), starts=st.integers(1, 9))
def test_starts_after_the_first_ones_are_in_the_wrap_of_the_best(promises, starts):
    wraps = tuple(Wrap(0.1 + n, 1.0, 1.0) for n in range(len(promises)))
    found = in_wraps(wraps, starts, lambda numbered: [Told(n, wrap, promises[wraps.index(wrap)]) for n, wrap in numbered])
    assert [start.number for start in found] == list(range(starts))
    first, later = found[: len(wraps)], found[len(wraps) :]
    assert [start.wrap for start in first] == list(wraps[:starts])
    best = min(range(len(first)), key=lambda n: promises[n])
    assert all(start.wrap == wraps[best] for start in later)


@given(lost=st.sets(st.integers(0, 6)))
def test_starts_that_vanish_take_neither_the_others_nor_their_numbers_with_them(lost):
    wraps = tuple(Wrap(0.1 + n, 1.0, 1.0) for n in range(4))

    def make(numbered):
        return [Told(number, wrap, float(number)) for number, wrap in numbered if number not in lost]

    if lost >= {0, 1, 2, 3}:
        with pytest.raises(VanishedError):
            in_wraps(wraps, 7, make)
    else:
        assert [start.number for start in in_wraps(wraps, 7, make)] == [n for n in range(7) if n not in lost]
