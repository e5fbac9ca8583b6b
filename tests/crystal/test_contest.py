from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from braggfill.crystal.contest import best_of_both, best_of_each
from braggfill.crystal.search.generations import Started
from braggfill.crystal.search.wraps import TIGHT


def some(misfits, first):
    """Starts of some misfits, numbered from the first on."""
    return [Started(first + n, TIGHT, SimpleNamespace(misfit=m)) for n, m in enumerate(misfits)]


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


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.1, 9)), min_size=1, max_size=12))
def test_the_best_end_of_every_start_is_taken_the_best_first(ends):
    made = [SimpleNamespace(number=n, polished=SimpleNamespace(hidden_deviance=d)) for n, d in ends]
    best = best_of_each(made)
    assert [one.polished.hidden_deviance for one in best] == sorted(
        min(d for m, d in ends if m == n) for n in {n for n, _ in ends}
    )
    assert {one.number for one in best} == {n for n, _ in ends}
