from dataclasses import replace

import pytest
import torch
from known_instruments import instrument

from braggfill.crystal import polish
from braggfill.crystal.polish import SHARES, STEPS, polished
from braggfill.crystal.search import State


@pytest.fixture
def fits(monkeypatch):
    """Every κ and number of voxels that is fitted; the fit itself does nothing."""
    made = []

    def settled(level, state, evaluations, kappa, mu):
        made.append((kappa, int(state.support.sum())))
        return replace(state, misfit=torch.tensor([float(len(made))]))

    monkeypatch.setattr(polish, "settled", settled)
    return made


class AnyLevel:
    roomiest = 10**9


@pytest.fixture(autouse=True)
def efficiencies(monkeypatch):
    """Twice what they were."""
    monkeypatch.setattr(polish, "efficiency_of", lambda level, state, kappa: 2 * state.instrument.efficiency)


def state():
    x, y, z = torch.meshgrid(*(torch.arange(24) - 12.0,) * 3, indexing="ij")
    modulus = torch.exp(-0.5 * (x**2 + y**2 + z**2) / 4**2)[None]
    one = torch.ones(1)
    return State(modulus.to(torch.complex64), modulus > 0.01, instrument(24), one, one)


def test_kappa_falls_as_long_as_hidden_counts_allow_it(fits):
    wrong = iter([3.0, 3.1, 2.0, 2.5, 9.0])
    made = polished(AnyLevel(), state(), 0.3, lambda _: next(wrong))
    kappas = [kappa for kappa, _ in STEPS]
    assert [kappa for kappa, _ in fits] == [kappas[0], *kappas[:3], kappas[1]]  # the third was worse: the second's support next
    assert made[0].kappa == kappas[1]
    assert made[0].wrong == 2.0
    assert made[0].share is None


def test_supports_become_tighter_as_long_as_hidden_counts_allow_it(fits):
    wrong = iter([5.0, 5.1, 4.0, 3.0, 2.0, 1.0, 0.5])
    made = polished(AnyLevel(), state(), 0.3, lambda _: next(wrong))
    voxels = [number for _, number in fits]
    assert voxels[-3] > voxels[-2] > voxels[-1]
    assert [p.share for p in made[:2]] == [SHARES[1], SHARES[0]]
    assert [p.wrong for p in made] == sorted(p.wrong for p in made)
    assert len(made) == len(STEPS) + len(SHARES)


def test_pixels_are_uneven_only_where_that_tells_more_of_hidden_counts(fits):
    for wrong, efficiency in ((3.1, 1.0), (2.5, 4.0)):
        said = iter([3.0, wrong, 2.0, 9.0, 9.0])
        best = polished(AnyLevel(), state(), 0.3, lambda _, said=said: next(said))[0]
        assert best.wrong == 2.0
        assert best.state.instrument.efficiency.item() == efficiency
