from types import SimpleNamespace

import torch
from hypothesis import given
from hypothesis import strategies as st

from braggfill.crystal.contest import best_of_both
from braggfill.crystal.search.generations import Started
from braggfill.crystal.search.wraps import TIGHT


def some(misfits, first):
    """Starts of some misfits, numbered from the first on."""
    return [Started(first + n, TIGHT, SimpleNamespace(misfit=torch.tensor([m]))) for n, m in enumerate(misfits)]


misfits = st.lists(st.floats(0.1, 9), max_size=6, unique=True)


@given(misfits.filter(bool), misfits, st.integers(1, 4))
def test_means_and_starts_go_on_side_by_side_the_best_of_each(of_starts, of_means, most):
    starts, means = some(of_starts, 0), some(of_means, len(of_starts))
    chosen = best_of_both(starts, means, most)
    assert len(chosen) == min(most, len(starts) + min(len(means), most // 2))
    for every in (starts, means):
        mine = [one.promise for one in chosen if one in every]
        assert mine == sorted(one.promise for one in every)[: len(mine)]
    assert sum(one in means for one in chosen) <= len(chosen) / 2 or len(starts) < most - most // 2
    assert any(one in starts for one in chosen)
