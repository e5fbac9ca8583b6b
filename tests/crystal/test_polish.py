from dataclasses import replace

import pytest
import torch
from known_instruments import instrument

from braggfill.crystal.search import polish, ways
from braggfill.crystal.search.polish import (
    ANNEALED,
    FIRST,
    FREED,
    LOOSER,
    MISSED,
    ROUGHER,
    SMOOTHER,
    SURER,
    TIGHTER,
    UNMET,
    Polisher,
    first_fit,
    polished,
)
from braggfill.crystal.search.turns import REFINED_CUT, State


@pytest.fixture
def fits(monkeypatch):
    """Every κ, number of voxels, and weight of the phase's roughness (0 for none) of a fit, which itself does nothing."""
    made = []

    def settled(level, state, way):
        made.append((way.kappa, int(state.support.sum()), way.mu * (way.smoother or 0)))
        return replace(state, misfit=1.0 + len(made))

    for module in (polish, ways):
        monkeypatch.setattr(module, "settled", settled)
    return made


@pytest.fixture(autouse=True)
def held(monkeypatch):
    """Objects that nothing sets free: what they are made of then, and the way they were fitted in."""
    asked = []
    monkeypatch.setattr(polish, "freed", lambda level, state, fitting, forgetting: asked.append(fitting) or state)
    return asked


@pytest.fixture(autouse=True)
def smoothed(monkeypatch):
    """The misfit of every object that annealing, which does nothing, was given."""
    given = []
    monkeypatch.setattr(polish, "annealed", lambda level, state: given.append(state.misfit) or state)
    return given


class AnyLevel:
    roomiest = 10**9


@pytest.fixture(autouse=True)
def bright_voxels(monkeypatch):
    """Not explained by any state yet; returned is what to say of the next ones."""
    said = [False]
    monkeypatch.setattr(Polisher, "explains", lambda polisher, state: said[-1])
    return said


@pytest.fixture(autouse=True)
def efficiencies(monkeypatch):
    """Twice what they were."""
    monkeypatch.setattr(polish, "efficiency_of", lambda level, state, kappa: 2 * state.instrument.efficiency)


def state():
    x, y, z = torch.meshgrid(*(torch.arange(24) - 12.0,) * 3, indexing="ij")
    modulus = torch.exp(-0.5 * (x**2 + y**2 + z**2) / 4**2)
    return State(modulus.to(torch.complex64), modulus > 0.01, instrument(24), 1.0)


def all_fits(judge, *kinds, cut=REFINED_CUT, worthwhile=0.0):
    """What is made of that state, whose support was cut so, in some kinds of ways, the best first; in one round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polish, "WORTHWHILE", worthwhile)
        patch.setattr(polish, "THOROUGH", kinds)
        return polished(first_fit(Polisher(AnyLevel(), judge, 1.0), state(), replace(FIRST, cut=cut)))


def judging(*said):
    """A judge of hidden counts that says these deviances, one after the other, and no more."""
    deviances = iter(said)
    return lambda _: next(deviances)


def test_kappa_falls_as_long_as_hidden_counts_allow_it(fits):
    made = all_fits(judging(3.0, 3.1, 2.0, 2.5, 9.0), SURER, FREED)
    kappas = [FIRST.kappa, *(change["kappa"] for change in SURER)]
    # the third was worse, so that what follows goes on from the second
    assert [kappa for kappa, _, _ in fits] == [kappas[0], *kappas[:3], kappas[1]]
    assert made[0].way.kappa == kappas[1]
    assert made[0].hidden_deviance == 2.0
    assert made[0].way.cut == REFINED_CUT
    assert made[0].way.smoother is None


def test_an_object_that_converged_is_fitted_for_a_smaller_kappa_though_the_last_was_worse(fits, monkeypatch):
    """Hidden bright voxels were worse with a κ that still lets them go; without κ they are better."""
    doing_nothing = polish.settled
    monkeypatch.setattr(polish, "settled", lambda *asked: replace(doing_nothing(*asked), misfit=1.0, counting_misfit=1.0))
    made = all_fits(judging(71.5, 72.0, 75.4, 73.0, 5.6), SURER)
    assert [kappa for kappa, _, _ in fits][2:5] == [change["kappa"] for change in SURER]
    assert (made[0].way.kappa, made[0].hidden_deviance) == (SURER[-1]["kappa"], 5.6)


def test_one_step_of_kappa_is_left_out_where_bright_voxels_are_explained(fits, bright_voxels):
    bright_voxels.append(True)
    all_fits(judging(3.0, 3.1, 2.0, 1.5), SURER)
    assert [kappa for kappa, _, _ in fits][2:4] == [SURER[0]["kappa"], SURER[2]["kappa"]]


def test_few_ways_are_tried_where_it_has_to_be_quick(fits):
    polished(first_fit(Polisher(AnyLevel(), judging(3.0, 3.1, 2.0, 1.5, 1.4), 1.0), state()), thorough=False)
    assert [kappa for kappa, _, _ in fits][2:] == [SURER[0]["kappa"], SURER[2]["kappa"], SURER[2]["kappa"]]
    assert [weight for _, _, weight in fits][2:] == pytest.approx([0, 0, 0.3])


def test_objects_are_set_free_as_long_as_hidden_counts_allow_it(fits, held):
    for then, freed in ((6.0, 1), (4.0, 2)):
        held.clear()
        best = all_fits(judging(13.0, 13.1, 9.0, 9.5, 5.0, then, 99.0), SURER, FREED)[0]
        assert (best.way.freed, best.hidden_deviance) == (freed, min(then, 5.0))
        assert [fitting.kappa for fitting in held] == [SURER[0]["kappa"]] * (freed + 1)


def test_objects_are_annealed_as_long_as_hidden_counts_allow_it(fits, smoothed):
    for then, times in ((6.0, 1), (4.0, 2)):
        smoothed.clear()
        fits.clear()
        best = all_fits(judging(13.0, 13.1, 5.0, then), ANNEALED)[0]
        assert (best.way.annealed, best.hidden_deviance) == (times, min(then, 5.0))
        assert smoothed == [2.0, 4.0]  # of the better first fit, and of the one after annealing


def test_an_object_that_tells_the_hidden_counts_is_neither_set_free_nor_annealed(fits, held, smoothed):
    all_fits(lambda _: 1.0 + MISSED / 2, ANNEALED, FREED)
    assert held == smoothed == []
    all_fits(lambda _: 1.0 + 2 * MISSED, ANNEALED, FREED)
    assert len(held) == len(FREED)
    assert len(smoothed) == len(ANNEALED)


def test_amplitudes_become_rougher_as_long_as_hidden_counts_allow_it(fits):
    best = all_fits(judging(3.0, 3.1, 2.5, 2.6, 2.4, 9.0), ROUGHER, SMOOTHER)[0]
    assert (best.way.mu, best.hidden_deviance) == (ROUGHER[0]["mu"], 2.4)
    assert [weight for _, _, weight in fits][-2:] == pytest.approx([best.way.mu, best.way.mu * SMOOTHER[1]["smoother"]])


def test_tight_supports_are_loosened_as_long_as_hidden_counts_allow_it(fits):
    best = all_fits(judging(3.0, 3.1, 2.5, 2.6), LOOSER, cut=2 * REFINED_CUT)[0]
    before, wider, cut, _, _ = [number for _, number, _ in fits][1:]
    assert (best.way.loosened, best.hidden_deviance) == (1, 2.5)
    assert wider > before
    assert wider > cut == int(best.state.support.sum())


def test_a_support_is_not_loosened_where_hidden_counts_are_told_or_it_was_cut_loosely(fits):
    for excess, cut, times in ((UNMET / 2, 0.2, 0), (2 * UNMET, 0.2, len(LOOSER)), (2 * UNMET, REFINED_CUT, 0)):
        made = all_fits(lambda _, excess=excess: 1.0 + excess, LOOSER, cut=cut)
        assert max(p.way.loosened for p in made) == times


def test_phases_become_smoother_as_long_as_hidden_counts_allow_it(fits):
    best = all_fits(judging(3.0, 3.1, 1.5, 1.7), SMOOTHER)[0]
    assert [weight for _, _, weight in fits] == pytest.approx([0, 0, 0.3, 0.3 * SMOOTHER[1]["smoother"]])
    assert (best.way.smoother, best.hidden_deviance) == (SMOOTHER[0]["smoother"], 1.5)


def test_supports_become_tighter_as_long_as_hidden_counts_allow_it(fits):
    made = all_fits(judging(5.0, 5.1, 2.5, 1.0, 0.5, 0.7), TIGHTER)
    voxels = [number for _, number, _ in fits]
    assert voxels[-4] > voxels[-3] > voxels[-2] > voxels[-1]
    assert [p.way.cut for p in made[:3]] == [TIGHTER[n]["cut"] for n in (2, 3, 1)]
    assert [p.hidden_deviance for p in made] == sorted(p.hidden_deviance for p in made)


def test_all_ways_are_tried_again_as_long_as_that_is_worth_while(fits):
    """κ, refused once, is made smaller once the phase is smooth; then too little was gained for a third round."""
    said = judging(9.0, 9.1, 9.5, 4.0, 4.1, 3.5, 3.6, 3.7)
    made = all_fits(said, SURER, SMOOTHER, worthwhile=polish.WORTHWHILE)
    first, second, third = FIRST.kappa, SURER[0]["kappa"], SURER[1]["kappa"]
    assert [kappa for kappa, _, _ in fits] == [first, first, second, first, first, second, third, second]
    assert (made[0].way.kappa, made[0].way.smoother) == (SURER[0]["kappa"], SMOOTHER[0]["smoother"])
    with pytest.raises(StopIteration):
        said(None)


def test_an_even_detector_is_not_fitted_as_an_uneven_one(fits, monkeypatch):
    monkeypatch.setattr(polish, "efficiency_of", lambda level, state, kappa: state.instrument.efficiency)
    begun = first_fit(Polisher(AnyLevel(), lambda _: 4.0, 1.0), state())
    assert len(fits) == len(begun.made) == 1
    assert begun.excess == 3


def test_pixels_are_uneven_only_where_that_tells_more_of_hidden_counts(fits):
    for wrong, efficiency in ((3.1, 1.0), (2.5, 4.0)):
        best = all_fits(judging(3.0, wrong, 2.0, 9.0), SURER)[0]
        assert best.hidden_deviance == 2.0
        assert best.state.instrument.efficiency.item() == efficiency
