import numpy as np
import pytest

from braggfill.degrade import counting_noise, expected_counts, partial_coherence


def test_blur_keeps_the_total_and_adds_its_variance():
    point = np.zeros((33, 33, 33), np.float32)
    point[16, 16, 16] = 1
    blurred = partial_coherence(point, 1.5)
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    positions = np.arange(33) - 16
    assert (blurred.sum((1, 2)) * positions**2).sum() == pytest.approx(1.5**2, rel=0.01)


def test_dose_is_the_peak():
    pattern = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    expected = expected_counts(pattern, 1e5, 0.5)
    assert expected.max() == pytest.approx(1e5 + 0.5, rel=1e-6)
    np.testing.assert_allclose((expected - 0.5) / 1e5, pattern / pattern.max(), rtol=1e-4, atol=1e-6)


def test_counts_have_the_mean_and_variance_of_photons():
    rng = np.random.default_rng(0)
    for mean in (0.3, 40.0):
        counts = counting_noise(rng, np.full(200_000, mean))
        assert counts.mean() == pytest.approx(mean, rel=0.01)
        assert counts.var() == pytest.approx(mean, rel=0.02)
        np.testing.assert_array_equal(counts, counts.round())
