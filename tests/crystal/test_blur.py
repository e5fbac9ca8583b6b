import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from braggfill.crystal.blur import Blur, blurred, gaussian

WIDTHS = torch.tensor([0.7, 1.1, 0.4], dtype=torch.float64)


def random_field(shape=(12, 14, 16), seed=0):
    return torch.from_numpy(np.random.default_rng(seed).gamma(1.0, 30.0, shape))


@pytest.mark.parametrize("starts", [1, 3])
def test_blur_is_that_of_scipy_on_a_ring(starts):
    field = random_field((starts, 12, 14, 16))
    ours = blurred(field, WIDTHS.expand(starts, 3)).numpy()
    expected = field.numpy()
    for axis, sigma in zip((1, 2, 3), WIDTHS.tolist(), strict=True):
        expected = gaussian_filter1d(expected, sigma, axis, mode="wrap", radius=6)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


@pytest.mark.parametrize("width", [0.15, 0.8, 3.0])
def test_the_kernels_derivative_is_a_finite_difference(width):
    step = 1e-6
    kernel, slope = gaussian(width, 11)
    above, below = (gaussian(width * np.exp(s), 11)[0] for s in (step, -step))
    np.testing.assert_allclose(slope, (np.array(above) - below) / (2 * step), atol=1e-8)
    assert 2 * sum(kernel) - kernel[0] == pytest.approx(1)


def test_the_way_back_is_the_adjoint_and_tells_of_the_widths():
    """For a loss g·blur(I): its derivatives by I and by the log widths."""
    field, g = random_field(), random_field(seed=1)
    blur = Blur(field)
    light = blur.forth(field.clone(), WIDTHS)
    by_intensity, by_widths = blur.back(g.clone())
    assert (by_intensity * field).sum().item() == pytest.approx((g * light).sum().item(), rel=1e-12)
    for axis in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[axis] = 1e-6
        above, below = ((g * blur.forth(field.clone(), WIDTHS * torch.exp(s))).sum().item() for s in (step, -step))
        assert by_widths[axis].item() == pytest.approx((above - below) / 2e-6, rel=1e-4)


def test_without_a_width_there_is_no_blurred_intensity():
    field = random_field()
    assert Blur(field).forth(field, torch.tensor([0.5, torch.nan, 0.5])).isnan().all()
