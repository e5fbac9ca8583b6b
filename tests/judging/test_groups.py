"""Rows of a table taken together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill.judging.studies.groups import grouped, places_won, with_spread

PLACES = st.fixed_dictionaries({"width": st.integers(1, 3), "method": st.sampled_from("ab"), "skill": st.floats(0, 1)})


@given(st.lists(PLACES))
def test_every_row_is_in_the_one_group_it_agrees_with(rows):
    groups = grouped(rows, ["width", "method"])
    assert sum(map(len, groups.values())) == len(rows)
    for key, mine in groups.items():
        assert mine == [row for row in rows if (row["width"], row["method"]) == key]


def test_the_spread_of_a_mean_is_that_of_its_cases():
    """Skills 1, 2 and 6: variance (4 + 1 + 9) / 2."""
    cases = [{"width": 3, "scan": name, "skill": skill} for name, skill in (("a", 1.0), ("b", 2.0), ("c", 6.0))]
    (row,) = with_spread([{"width": 3, "skill": 3.0}], [*cases, {"width": 6, "scan": "a", "skill": 99.0}], ["width"], "skill")
    assert row["skill_spread"] == pytest.approx(np.sqrt(7))


def test_places_are_won_by_the_highest_score():
    scores = {
        (3, "unet"): 0.9,
        (3, "linear"): 0.8,
        (6, "unet"): 0.5,
        (6, "linear"): 0.7,
        (6, "idw"): np.nan,
        (9, "unet"): np.nan,
    }
    rows = [{"width": width, "method": method, "pcc": value} for (width, method), value in scores.items()]
    assert places_won(rows, ["width"], "pcc") == (1, 2)
