import numpy as np

from braggfill.gaps import find_slabs
from braggfill.guesses import FEWEST_VOXELS, GUESSES, first_guesses
from braggfill.kriging import kriging, smoothed
from braggfill.ridge import ridge


def test_guesses_are_the_two_fills_and_nan_where_nobody_sees():
    counts = np.random.default_rng(0).poisson(20.0, (40, 80, 60)).astype(np.float32)
    mask = np.zeros(counts.shape, bool)
    mask[:, 20:25], mask[:, 40:60], mask[10, 70, 30] = True, True, True
    slabs, blank = find_slabs(mask), np.where(mask, 0, counts)
    guesses = first_guesses(blank, mask, slabs)
    assert guesses.shape == (GUESSES, *counts.shape)
    assert guesses.dtype == np.float32
    assert np.isnan(guesses[:, :, 40:60]).all()
    large = [s for s in slabs if s.target.sum() >= FEWEST_VOXELS]
    assert len(large) < len(slabs)
    stripe = (slice(None), slice(20, 25))
    np.testing.assert_array_equal(guesses[0][stripe], kriging(np.log1p(blank), mask, slabs)[stripe])
    np.testing.assert_array_equal(guesses[1][stripe], ridge(np.log1p(blank), mask, large)[stripe])
    assert np.isnan(guesses[1][~mask]).all()
    np.testing.assert_array_equal(guesses[0], smoothed(np.log1p(blank), mask, slabs))
    assert np.isfinite(guesses[0, 10, 70, 30])
    assert np.isnan(guesses[1, 10, 70, 30])


def test_ridge_is_not_asked_where_it_is_not_wanted():
    counts = np.random.default_rng(0).poisson(20.0, (32, 40, 36)).astype(np.float32)
    mask = np.zeros(counts.shape, bool)
    mask[:, 20:25] = True
    both, one = (first_guesses(np.where(mask, 0, counts), mask, find_slabs(mask), regressed=r) for r in (True, False))
    np.testing.assert_array_equal(one[0], both[0])
    assert np.isfinite(both[1][mask]).all()
    assert np.isnan(one[1]).all()
