import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d, gaussian_filter1d

from braggfill.crystal.model.blur import Blur, Kernel, blurred, gaussian
from braggfill.crystal.model.frames import frames_at_once

WIDTHS = torch.tensor([0.7, 1.1, 0.45], dtype=torch.float64)


def random_field(shape=(12, 14, 16), seed=0):
    return torch.from_numpy(np.random.default_rng(seed).gamma(1.0, 30.0, shape))


def test_blur_is_that_of_scipy_on_a_ring():
    field = random_field()
    ours = blurred(field.clone(), WIDTHS).numpy()
    expected = field.numpy()
    for axis, sigma in enumerate(WIDTHS.tolist()):
        expected = gaussian_filter1d(expected, sigma, axis, mode="wrap", radius=6)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("length", [5, 16, 23, 46, 90])
def test_a_fold_is_scipys_whatever_the_axis_and_its_factors(axis, length):
    shape = [3, 4, 5]
    shape[axis] = length
    field, weights = random_field(shape), gaussian(0.9, length)[1]
    expected = convolve1d(field.numpy(), [*weights[:0:-1], *weights], axis, mode="wrap")
    np.testing.assert_allclose(Kernel(weights, field).along(field, axis), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("width", [0.15, 0.85, 3.0])
def test_the_kernels_derivative_is_a_finite_difference(width):
    step = 1e-6
    kernel, slope = gaussian(width, 11)
    above, below = (gaussian(width * np.exp(s), 11)[0] for s in (step, -step))
    np.testing.assert_allclose(slope, (np.array(above) - below) / (2 * step), atol=1e-8)
    assert 2 * sum(kernel) - kernel[0] == pytest.approx(1)


def light_of(blur, field, widths):
    """The blurred field (frames, rows, columns), by the steps that a fit takes."""
    blur.begin(widths)
    for frames in frames_at_once(field):
        blur.planes(frames, field[frames])
    blur.by_row.close()
    return torch.cat([blur.light(frames) for frames in frames_at_once(field)])


@pytest.fixture(params=[2**17, 500])
def cached_voxels(request, monkeypatch):
    """All frames at once, or two."""
    monkeypatch.setattr("braggfill.crystal.model.frames.CACHED_VOXELS", request.param)


def test_the_way_back_is_the_adjoint_and_tells_of_the_widths(cached_voxels):
    """For a loss g·blur(I): its derivatives by I and by the log widths."""
    field, g = random_field(), random_field(seed=1)
    blur = Blur(field)
    light = light_of(blur, field, WIDTHS)
    np.testing.assert_allclose(light, blurred(field.clone(), WIDTHS), rtol=1e-12)
    blur.by_light.inside.copy_(g)
    blur.by_light.close()
    by_intensity = torch.cat([blur.back(frames) for frames in frames_at_once(field)])
    by_widths = blur.by_widths
    assert (by_intensity * field).sum().item() == pytest.approx((g * light).sum().item(), rel=1e-12)
    for axis in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[axis] = 1e-6
        above, below = ((g * light_of(blur, field, WIDTHS * torch.exp(s))).sum().item() for s in (step, -step))
        assert by_widths[axis].item() == pytest.approx((above - below) / 2e-6, rel=1e-4)


def test_without_a_width_there_is_no_blurred_intensity():
    field = random_field()
    assert light_of(Blur(field), field, torch.tensor([0.5, torch.nan, 0.5])).isnan().all()
