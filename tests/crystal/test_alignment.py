import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import fourier_shift

from braggfill.crystal.search.alignment import align, average_modes, correlation, shifted, twin


def blob(shape=(20, 21, 24), seed=0):
    """A complex object of few low frequencies, about the middle, without symmetry."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    value = np.zeros(shape, complex)
    for _ in range(5):
        centre, width = rng.uniform(-3, 3, 3), rng.uniform(1.5, 2.5)
        value += np.exp(-((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2) / width**2 + 2j * rng.random())
    return value


@settings(max_examples=12)
@given(
    st.tuples(*[st.floats(-4, 4)] * 3),
    st.floats(-3, 3),
    st.booleans(),
    st.floats(0.2, 5),
    st.sampled_from([20, 21]),
    st.integers(0, 9),
)
def test_shift_twin_and_phase_are_taken_off(shift, phase, inverted, strength, size, seed):
    reference = blob((size, 21, 24), seed)
    moved = np.fft.ifftn(fourier_shift(np.fft.fftn(reference), shift)) * strength * np.exp(1j * phase)
    moved = twin(moved) if inverted else moved
    aligned, alike = align(reference, moved)
    assert alike > 0.999
    assert np.linalg.norm(aligned / strength - reference) < 0.05 * np.linalg.norm(reference)


def test_a_twin_scatters_the_same_and_its_twin_is_the_object():
    for shape in ((8, 8, 8), (7, 9, 8)):
        crystal = blob(shape)
        np.testing.assert_allclose(np.abs(np.fft.fftn(twin(crystal))), np.abs(np.fft.fftn(crystal)), atol=1e-9)
        np.testing.assert_allclose(twin(twin(crystal)), crystal)


def test_whole_shifts_are_rolls():
    crystal = blob()
    np.testing.assert_allclose(shifted(crystal, (2, -3, 5)), np.roll(crystal, (2, -3, 5), (0, 1, 2)), atol=1e-9)


def test_correlation_knows_no_scale_and_no_phase():
    one, other = blob(seed=1), blob(seed=2)
    assert correlation(one, 3j * one) == pytest.approx(1)
    assert correlation(one, other) == pytest.approx(correlation(other, 2 * one))
    assert correlation(one, 0 * one) == 0


def test_modes_of_equal_objects_are_one_and_of_orthogonal_ones_many():
    crystal = blob()
    mode, shares = average_modes([crystal, crystal, crystal])
    np.testing.assert_allclose(mode, crystal, rtol=1e-9)
    np.testing.assert_allclose(shares, [1, 0, 0], atol=1e-12)
    halves = [np.where(np.arange(24) < 12, crystal, 0), np.where(np.arange(24) < 12, 0, crystal)]
    halves = [h / np.linalg.norm(h) for h in halves]
    np.testing.assert_allclose(average_modes(halves)[1], [0.5, 0.5])


def test_the_first_mode_is_nearer_the_truth_than_any_noisy_object():
    rng, crystal = np.random.default_rng(0), blob()
    noisy = [crystal + rng.normal(0, 0.2, crystal.shape) + 1j * rng.normal(0, 0.2, crystal.shape) for _ in range(4)]
    mode, shares = average_modes(noisy)
    assert correlation(mode, crystal) > max(correlation(n, crystal) for n in noisy)
    s = np.linalg.svd(np.stack([n.ravel() for n in noisy]), compute_uv=False)  # the same by another way
    np.testing.assert_allclose(shares, s**2 / (s**2).sum())
