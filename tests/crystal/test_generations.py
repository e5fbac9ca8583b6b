from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from known_scans import expected_of, faceted, scan_of

from braggfill.base.errors import VanishedError
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import level_of
from braggfill.crystal.model.misfit import misfit
from braggfill.crystal.search.alignment import align, twin
from braggfill.crystal.search.generations import FAMILIES, WORTHWHILE, Started, common, guided
from braggfill.crystal.search.turns import Fitting, State, first_instrument
from braggfill.crystal.search.wraps import LOOSER, TIGHT
from braggfill.simulation.scans import one_thread

SHAPE = (32, 32, 32)
FITTING = Fitting(kappa=0.05, mu=0.003)


@pytest.fixture(scope="module")
def level():
    """The whole of a scan without a gap, and the crystal that it is of."""
    crystal, expected = expected_of(faceted(SHAPE))
    return level_of(scan_of(expected, np.zeros(SHAPE, bool), tuple(n // 2 for n in SHAPE)), 1.0, beyond=0), crystal.numpy()


def state_of(level, crystal):
    """An object cut to where it is large, and its misfit."""
    found = torch.from_numpy(crystal.astype(np.complex64))
    instrument = first_instrument(level)
    left = misfit(level, expected_counts(found, instrument, level), FITTING.kappa)
    return State(found, found.abs() > 0.1 * found.abs().amax(), instrument, left)


def test_what_spoiled_objects_have_in_common_is_nearer_to_the_crystal_than_any_of_them(level):
    level, crystal = level
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")
    lost = [crystal * (1 - 0.9 * where) for where in (z > 1, (y > 1) & (z < 2), (x < -1) & (y < 1))]
    lost[1] = np.roll(twin(lost[1]), (2, -3, 1), (0, 1, 2)) * np.exp(2j)
    lost[2] = np.roll(lost[2], (-1, 0, 4), (0, 1, 2)) * np.exp(-1j)
    states = [state_of(level, one) for one in lost]
    with one_thread():
        found = common(level, states, FITTING)
    assert align(crystal, found.crystal.numpy())[1] > max(align(crystal, one)[1] for one in lost)
    assert align(crystal, found.crystal.numpy())[1] > 0.98
    assert found.misfit < 0.1 * min(state.misfit for state in states)


def test_nothing_comes_of_a_mean_that_vanishes(level):
    level, crystal = level
    with pytest.raises(VanishedError):
        common(level, [state_of(level, crystal)] * 2, replace(FITTING, cut=1.0))


def promising(number, misfit, wrap=TIGHT):
    """A start of some misfit."""
    return Started(number, wrap, SimpleNamespace(misfit=misfit))


@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=6), st.lists(st.floats(0.1, 9), min_size=6, max_size=6))
def test_generations_go_on_as_long_as_they_are_worth_while(misfits, gains):
    first, best = [promising(n, misfit) for n, misfit in enumerate(misfits)], [min(misfits)]
    asked = []

    def make(families):
        asked.append(families)
        if not families:
            return []
        best.append(gains[len(asked) - 1])
        return [promising(len(misfits) + len(asked), gains[len(asked) - 1])]

    found = guided(first, len(gains), make)
    assert found[: len(first)] == first
    for n, families in enumerate(asked):
        known = sorted(found[: len(first) + n], key=lambda one: one.promise)
        assert [[one.promise for one in family] for family in families] == [
            [one.promise for one in known[:size]] for size in FAMILIES if size <= len(known)
        ]
        if n + 1 < len(asked):
            assert min(best[: n + 2]) <= WORTHWHILE * min(best[: n + 1]) * (1 + 1e-6)
    assert len(asked) == len(gains) or min(best) > WORTHWHILE * min(best[: len(asked)]) * (1 - 1e-6)


def test_a_mean_is_in_the_wrap_of_the_one_of_most_promise():
    families = []
    guided([promising(0, 1.0, LOOSER), promising(1, 1.2)], 1, lambda told: families.extend(told) or [])
    assert [one.wrap for one in families[0]] == [TIGHT, LOOSER]
