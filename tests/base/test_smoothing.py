import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from braggfill.base.smoothing import LINES_AT_ONCE, blur_in_place, correlated_field, gaussian_blur


@pytest.mark.parametrize("sigma", [0.7, 2.0, (0.5, 3.0, 1.2)])
def test_wrapped_blur_is_scipy_s(sigma):
    field = np.random.default_rng(0).standard_normal((24, 30, 28)).astype(np.float32)
    ours = gaussian_blur(torch.from_numpy(field), sigma, wrap=True).numpy()
    np.testing.assert_allclose(ours, gaussian_filter(field, sigma, mode="wrap", truncate=6), atol=2e-5)


def test_at_a_border_the_weights_inside_make_up_for_those_outside():
    field = np.random.default_rng(0).standard_normal((20, 20, 20)).astype(np.float32)
    ours = gaussian_blur(torch.from_numpy(field), 1.5).numpy()
    weights = gaussian_filter(np.ones_like(field), 1.5, mode="constant", truncate=6)
    np.testing.assert_allclose(ours, gaussian_filter(field, 1.5, mode="constant", truncate=6) / weights, atol=2e-5)


def test_in_its_own_memory_a_field_is_smoothed_alike():
    field = np.random.default_rng(0).standard_normal((LINES_AT_ONCE + 5, 2 * LINES_AT_ONCE + 1, 18)).astype(np.float32)
    ours = torch.from_numpy(field.copy())
    blur_in_place(ours, 2.0)
    weights = gaussian_filter(np.ones_like(field), 2.0, mode="constant", truncate=6)
    np.testing.assert_allclose(ours, gaussian_filter(field, 2.0, mode="constant", truncate=6) / weights, atol=2e-5)


def test_no_blur_and_stacks():
    field = torch.rand(2, 8, 9, 10)
    torch.testing.assert_close(gaussian_blur(field, 0.0), field)
    torch.testing.assert_close(gaussian_blur(field, 1.0)[1], gaussian_blur(field[1], 1.0))


def test_correlated_field_has_unit_variance_and_its_correlation_length():
    sigma = 4.0
    field = correlated_field(np.random.default_rng(0), (96, 96, 96), sigma).numpy()
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-4)
    for lag in (2, 5):  # the autocorrelation of Gaussian-filtered white noise is exp(-lag²/4σ²)
        assert np.mean(field * np.roll(field, lag, 0)) == pytest.approx(np.exp(-(lag**2) / (4 * sigma**2)), abs=0.05)
