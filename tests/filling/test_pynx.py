"""PyNX's own rule for a voxel, written down here by itself, decides whether what is handed over means what it should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braggfill import InputError, fill_gaps, to_pynx
from braggfill.filling.pynx import SHARE, bounded_spread, trimmed


def projected(obs, calc, low=0.5, high=1.2):
    """Calculated intensities after PyNX's amplitude projection of stored values: its kernel, an array at a time."""
    obs, calc = obs.astype(np.float32), calc.astype(np.float32)
    estimate = -obs / np.float32(1e19) - 1
    bounded = np.clip(calc, low * estimate, high * estimate)
    return np.where(obs <= -1e38, calc, np.where(obs <= -1e19, bounded, np.where(obs < -0.5, calc, obs)))


@pytest.fixture(scope="module")
def result(scan, cross):
    wide = cross.copy()
    wide[48:] = True  # cannot be filled
    return fill_gaps(scan.counts, wide, method="kriging")


def test_hard_estimates_stand_for_measurements_and_what_is_missing_is_free(result):
    given = to_pynx(result)
    calc = np.full(given.iobs.shape, 7.0)
    stored = np.where(given.mask > 0, np.float32(-1.05e38), given.iobs)  # what PyNX makes of iobs and mask
    after = np.fft.ifftshift(projected(stored, calc))
    np.testing.assert_array_equal(after[~result.mask], result.intensity[~result.mask])
    assert (after[result.mask] == 7).all()
    assert (given.iobs.dtype, given.mask.dtype, given.bounds) == (np.float32, np.int8, {})


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1e3])
def test_soft_estimates_hold_the_calculated_intensity_near_them(result, factor):
    given = to_pynx(result, "soft")
    low, high = (given.bounds[f"confidence_interval_factor_mask_{n}"] for n in ("min", "max"))
    calc = np.fft.fftshift(result.intensity * factor + 0.5)
    after = np.fft.ifftshift(projected(given.iobs, calc, low, high))
    before = np.fft.ifftshift(calc)
    measured = ~result.filled & ~result.mask
    np.testing.assert_array_equal(after[measured], result.intensity[measured])
    np.testing.assert_array_equal(after[result.mask], before[result.mask])
    free = after[result.filled] == before[result.filled]
    inside = (after >= low * result.intensity * 0.999 - 1e-3) & (after <= high * result.intensity * 1.001 + 1e-3)
    assert (free | inside[result.filled]).all()
    assert given.mask is None
    assert given.iobs.dtype == np.float32


def test_soft_bounds_are_the_predicted_spread(result):
    given = to_pynx(result, "soft")
    coded = np.fft.ifftshift(given.iobs)
    bounded = (coded <= -1e19) & (coded > -1e38)
    relative = result.std[bounded] / result.intensity[bounded]
    half = given.bounds["confidence_interval_factor_mask_max"] - 1
    assert relative.max() * 1.645 == pytest.approx(half, rel=1e-5)
    assert result.intensity[bounded].sum() >= SHARE * result.intensity[result.filled].sum() * 0.999
    assert not bounded[result.mask].any()
    np.testing.assert_allclose(-coded[bounded] / 1e19 - 1, result.intensity[bounded], rtol=1e-5, atol=1e-5)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(1e-3, 1e6), st.floats(0.01, 5)), min_size=1, max_size=30))
def test_the_bounded_spread_is_the_least_that_holds_its_share(pairs):
    estimate, relative = np.array(pairs).T
    largest = bounded_spread(estimate, relative)
    assert estimate[relative <= largest].sum() >= SHARE * estimate.sum() * (1 - 1e-12)
    assert estimate[relative < largest].sum() < SHARE * estimate.sum() * (1 + 1e-12)


@pytest.mark.parametrize("n", [4, 5, 41, 128, 201, 300, 509, 515])
def test_sizes_are_trimmed_about_the_centre_to_what_pynx_transforms(n):
    (part,) = trimmed((n,))
    size = part.stop - part.start
    rest = size
    for prime in (2, 3, 5, 7):
        while rest % prime == 0:
            rest //= prime
    assert (size % 4, rest) == (0, 1)
    assert part.start + size // 2 == n // 2  # the centre of a transform stays its centre
    assert n - size < 24


def test_what_cannot_be_handed_over(result):
    with pytest.raises(InputError, match="'firm', expected one of hard, soft"):
        to_pynx(result, "firm")
    with pytest.raises(InputError, match="3 voxels"):
        trimmed((8, 3, 8))
