"""How tight a support is: a bent block seen with few counts and with many, and a slab of counts hidden."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from known_instruments import instrument, ring
from scipy.ndimage import gaussian_filter

from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, tapered_level
from braggfill.crystal.model.roughness import eroded
from braggfill.crystal.search.polish import LOOSER, Polisher
from braggfill.crystal.search.support_cut import CLEARLY, CUTS, beside, hidden_levels, in_best_support
from braggfill.crystal.search.turns import Fitting, State, refined
from braggfill.crystal.search.ways import Way
from braggfill.simulation.scans import one_thread

SHAPE = (32, 32, 32)
PEAK = (16, 16, 16)
NOTHING = np.full(SHAPE, np.nan, np.float32)


def seen(dose):
    """The object, what it is expected to scatter, and a scan of it with a slab hidden, at some counts in all."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")
    bent = ((np.abs(z) < 4) & (np.abs(y) < 5) & (np.abs(x) < 4)) * np.exp(0.03j * (y**2 + z * x))
    crystal = gaussian_filter(bent.real, 0.8) + 1j * gaussian_filter(bent.imag, 0.8)
    crystal = torch.from_numpy(crystal.astype(np.complex64))
    crystal *= (dose / expected_counts(crystal, None, ring(SHAPE)).sum()).sqrt()
    given = instrument(SHAPE[0], (0.4, 0.4, 0.4), 1e-3)
    expected = np.roll(expected_counts(crystal, given, ring(SHAPE)).numpy(), PEAK, (0, 1, 2))
    counts = np.random.default_rng(0).poisson(expected).astype(np.float32)
    hidden = np.zeros(SHAPE, bool)
    hidden[:, :, 18:21] = True
    scan = CountsWithPrior(np.where(hidden, 0, counts).astype(np.float32), hidden, NOTHING, NOTHING, PEAK, (4.0, 4.0, 4.0))
    everywhere = torch.ones(SHAPE, dtype=torch.bool)
    return expected, counts, scan, State(crystal, everywhere, given)


def test_hidden_levels_measure_what_was_hidden_and_nothing_else():
    _, counts, scan, _ = seen(1e6)
    for level in hidden_levels(scan, scan.mask, counts[scan.mask], (0.5, 1.0)):
        other = tapered_level(scan, {16: 0.5}.get(level.shape[0], 1.0))
        assert level.shape == other.shape
        assert not (level.measured & other.measured).any()
        assert level.measured.any()
        assert float(level.target[level.measured].sum()) <= counts[scan.mask].sum()
    assert float(level.target[level.measured].sum()) == pytest.approx(counts[scan.mask].sum())


def three_quarters(dose):
    """That part of a scan, the counts hidden from it, and the true object on that level in too wide a support."""
    _, counts, scan, state = seen(dose)
    (hidden,) = hidden_levels(scan, scan.mask, counts[scan.mask], (0.75,))
    level = tapered_level(scan, 0.75)
    places = [np.roll(np.arange(first, first + n), first) for first, n in zip(level.first, level.shape, strict=True)]
    amplitude = torch.fft.fftn(state.crystal)[np.ix_(*places)] * level.taper.sqrt()
    crystal = torch.fft.ifftn(amplitude)
    support = crystal.abs() > 0.02 * crystal.abs().max()
    given = instrument(level.shape[0], (0.4, 0.4, 0.4), 1e-3)
    return level, hidden, State(crystal, support, given)


@pytest.fixture(scope="module")
def begun():
    """A faint scan's."""
    return three_quarters(3e4)


def left_of(hidden, level, found, kappa):
    """Misfit of the hidden counts by a state, by numpy."""
    at, known = hidden.measured.numpy(), hidden.target.numpy()
    weight = level.taper.numpy()[at] / (1 + kappa**2 * known[at])
    model = expected_counts(found.crystal, found.instrument, level).numpy()
    return (weight * (np.sqrt(model[at] + 0.375) - np.sqrt(known[at] + 0.375)) ** 2).mean()


def test_no_share_tells_hidden_counts_better_than_the_chosen_one(begun):
    level, hidden, state = begun
    fitting = Fitting(kappa=0.05, mu=0.003)

    def wrong(found):
        return left_of(hidden, level, found, fitting.kappa)

    with one_thread():
        chosen, way = in_best_support(level, hidden, state, fitting)
        others = {cut: wrong(in_best_support(level, hidden, state, fitting, (cut,))[0]) for cut in CUTS}
    assert way.cut == min(others, key=others.get)
    assert wrong(chosen) == pytest.approx(others[way.cut], rel=1e-4)
    assert len(set(others.values())) == len(CUTS)
    assert (way.kappa, way.mu) == (fitting.kappa, fitting.mu)


def test_a_smaller_weight_is_taken_as_long_as_hidden_counts_clearly_gain_by_it(begun):
    level, hidden, state = begun
    mus = (30.0, 0.3, 0.003, 0.0)
    with one_thread():
        chosen, way = in_best_support(level, hidden, state, Fitting(0.05, mus[0]), CUTS[:1], mus[1:])
        alone = [refined(level, state, Fitting(0.05, mu, CUTS[0])) for mu in mus]
    wrong = [left_of(hidden, level, found, 0.05) for found in alone]
    gains = [later < CLEARLY * sooner for sooner, later in pairwise(wrong)]
    assert gains[0], "what holds a crystal back that much cannot be the best"
    assert way.mu == mus[[*gains, False].index(False)]
    assert left_of(hidden, level, chosen, 0.05) == pytest.approx(wrong[mus.index(way.mu)], rel=1e-4)


def test_where_nothing_is_hidden_the_share_stays(begun):
    level, hidden, state = begun
    nothing = replace(hidden, measured=torch.zeros_like(hidden.measured))
    fitting = Fitting(kappa=0.05, mu=0.003, cut=0.2)
    with one_thread():
        found, same = in_best_support(level, nothing, state, fitting)
        expected = refined(level, state, fitting)
    assert same == fitting
    assert torch.equal(found.support, expected.support)


def test_a_share_lies_among_its_neighbours():
    assert beside(CUTS[0]) == CUTS[:2]
    assert beside(CUTS[1]) == CUTS[:3]
    assert beside(CUTS[-1]) == CUTS[-2:]


def test_what_was_cut_off_too_tightly_is_found_again():
    """Bright counts know the crystal's edge: its support grows back, and what was hidden is told better."""
    level, hidden, true = three_quarters(1e6)
    edge = true.crystal.abs() > 0.2 * true.crystal.abs().max()
    tight = eroded(edge)
    polisher = Polisher(level, lambda found: left_of(hidden, level, found, 0), 0.25)
    with one_thread():
        cut_off = polisher.fitted(replace(true, crystal=true.crystal * tight, support=tight), Way(0.0, 40))
        found = polisher.fitted(cut_off.state, replace(cut_off.way, **LOOSER[0]), LOOSER[0])
    assert found.hidden_deviance < 0.5 * cut_off.hidden_deviance
    assert (found.state.support & edge).sum() > 0.9 * edge.sum() > tight.sum()
