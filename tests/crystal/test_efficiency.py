import numpy as np
import pytest
import torch
from known_instruments import instrument as plain_instrument
from known_instruments import ring
from scipy.ndimage import gaussian_filter

from braggfill.crystal.model.coherence import Instrument, expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, level_of
from braggfill.crystal.search.efficiency import efficiency_of, unevenness
from braggfill.crystal.search.turns import State

SHAPE, PEAK = (32, 30, 36), (16, 15, 18)


def measured(spread):
    """A state that expects what an even detector would count, the level that an uneven one counted, and its efficiencies."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")
    block = ((np.abs(z) < 4) & (np.abs(y) < 4) & (np.abs(x) < 5)).astype(float)
    crystal = torch.from_numpy((30 * gaussian_filter(block, 0.8)).astype(np.complex64))
    instrument = plain_instrument(SHAPE[0], background=0.01)
    expected = np.roll(expected_counts(crystal, instrument, ring(SHAPE)).numpy(), PEAK, (0, 1, 2))
    efficiency = np.exp(np.random.default_rng(0).normal(0, spread, SHAPE[1:]))
    counts = np.random.default_rng(1).poisson(expected * efficiency).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 22:25] = True
    nothing = np.full(SHAPE, np.nan, np.float32)
    level = level_of(
        CountsWithPrior(np.where(mask, 0, counts).astype(np.float32), mask, nothing, nothing, PEAK, (4.0, 4.0, 4.0)),
        1.0,
        beyond=0,
    )
    return level, State(crystal, crystal.abs() > 0, instrument), efficiency, expected


def in_scan_order(efficiency):
    return np.roll(efficiency.numpy(), PEAK[1:], (0, 1))[: SHAPE[1], : SHAPE[2]]


def test_an_uneven_detectors_efficiencies_are_found_and_those_of_pixels_not_measured_are_one():
    level, state, truth, expected = measured(0.2)
    found = in_scan_order(efficiency_of(level, state, 0.0))
    bright = expected.sum(0) > 2000
    bright[:, 22:25] = False
    assert np.corrcoef(np.log(found[bright]), np.log(truth[bright]))[0, 1] > 0.97
    np.testing.assert_array_equal(found[:, 22:25], 1)
    assert unevenness(found, expected.sum(0)) == pytest.approx(0.2, rel=0.3)


def test_counting_noise_is_no_unevenness():
    level, state, _, expected = measured(0.0)
    found = in_scan_order(efficiency_of(level, state, 0.0))
    assert unevenness(found, expected.sum(0)) < 0.01


def test_what_was_found_stays_when_it_is_looked_for_again():
    level, state, _, expected = measured(0.15)
    bright = expected.sum(0) > 2000
    once = efficiency_of(level, state, 0.0)
    instrument = Instrument(**(vars(state.instrument) | {"efficiency": once}))
    again = efficiency_of(level, State(state.crystal, state.support, instrument), 0.0)
    np.testing.assert_allclose(in_scan_order(again)[bright], in_scan_order(once)[bright], rtol=0.02)
