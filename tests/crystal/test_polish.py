from dataclasses import replace

import pytest
import torch
from known_instruments import instrument

from braggfill.crystal import polish
from braggfill.crystal.polish import SHARES, SMOOTHER, STEPS, Polisher, first_fit, polished
from braggfill.crystal.search import State


@pytest.fixture
def fits(monkeypatch):
    """Every κ, number of voxels, and weight of the phase's roughness (0 for none) of a fit, which itself does nothing."""
    made = []

    def settled(level, state, evaluations, kappa, mu, smoother):
        made.append((kappa, int(state.support.sum()), mu * (smoother or 0)))
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


def all_fits(judge):
    """What is made of that state, the best first."""
    return polished(first_fit(Polisher(AnyLevel(), 0.3, judge), state()))


def test_kappa_falls_as_long_as_hidden_counts_allow_it(fits):
    wrong = iter([3.0, 3.1, 2.0, 2.5, 9.0, 9.0])
    made = all_fits(lambda _: next(wrong))
    kappas = [kappa for kappa, _ in STEPS]
    # the third was worse, so that what follows goes on from the second
    assert [kappa for kappa, _, _ in fits] == [kappas[0], *kappas[:3], kappas[1], kappas[1]]
    assert made[0].kappa == kappas[1]
    assert made[0].wrong == 2.0
    assert made[0].share is None
    assert made[0].smoother is None


def test_phases_become_smoother_as_long_as_hidden_counts_allow_it(fits):
    wrong = iter([3.0, 3.1, 2.0, 2.5, 1.5, 1.7, 9.0])
    best = all_fits(lambda _: next(wrong))[0]
    assert [weight for _, _, weight in fits] == pytest.approx([0, 0, 0, 0, 0.3, 0.3 * SMOOTHER[1], 0.3])
    assert (best.smoother, best.wrong) == (SMOOTHER[0], 1.5)


def test_supports_become_tighter_as_long_as_hidden_counts_allow_it(fits):
    wrong = iter([5.0, 5.1, 4.0, 3.0, 2.0, 2.5, 1.0, 0.5])
    made = all_fits(lambda _: next(wrong))
    voxels = [number for _, number, _ in fits]
    assert voxels[-3] > voxels[-2] > voxels[-1]
    assert [p.share for p in made[:2]] == [SHARES[1], SHARES[0]]
    assert [p.wrong for p in made] == sorted(p.wrong for p in made)


def test_an_even_detector_is_not_fitted_as_an_uneven_one(fits, monkeypatch):
    monkeypatch.setattr(polish, "efficiency_of", lambda level, state, kappa: state.instrument.efficiency)
    begun = first_fit(Polisher(AnyLevel(), 0.3, lambda _: 4.0), state())
    assert len(fits) == len(begun.made) == 1
    assert begun.excess == 3


def test_pixels_are_uneven_only_where_that_tells_more_of_hidden_counts(fits):
    for wrong, efficiency in ((3.1, 1.0), (2.5, 4.0)):
        said = iter([3.0, wrong, 2.0, 9.0, 9.0, 9.0])
        best = all_fits(lambda _, said=said: next(said))[0]
        assert best.wrong == 2.0
        assert best.state.instrument.efficiency.item() == efficiency
