"""Starts on the whole pattern: the last fits."""

from braggfill.crystal.search.wraps import TIGHT
from braggfill.retrieval import carried
from braggfill.retrieval.attempt import Attempt


class AnyView:
    def level(self, share):
        return None


def test_phases_become_smoother_as_long_as_hidden_counts_allow_it(monkeypatch):
    tried = []

    def settled(level, state, way):
        tried.append(way.smoother)
        return way.smoother

    monkeypatch.setattr(carried, "settled", settled)
    monkeypatch.setattr(Attempt, "hidden_deviance", property(lambda attempt: {0.0: 3.0, 1.0: 2.0, 10.0: 2.5}[attempt.state]))
    assert carried.smoothed(Attempt(AnyView(), TIGHT, 1.0, 0.0)).state == carried.SMOOTHER_BY[0]
    assert tried == list(carried.SMOOTHER_BY[:2])
