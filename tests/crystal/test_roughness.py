import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, generate_binary_structure

from braggfill.crystal.model.roughness import DEEPEST, LEAST_SHARE, eroded, interior, pairs, roughness, smooth_phase


def ball(radius=9, size=24):
    axis = np.arange(size) - size // 2
    inside = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 <= radius**2
    return torch.from_numpy(inside)


def random_crystal(support, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=support.shape) + 1j * rng.normal(size=support.shape)
    return torch.from_numpy(values) * support


def test_erosion_is_that_of_scipy():
    support = torch.from_numpy(np.random.default_rng(0).random((9, 10, 11)) < 0.9)
    np.testing.assert_array_equal(eroded(support), binary_erosion(support.numpy(), generate_binary_structure(3, 1)))


def test_the_interior_stops_where_a_quarter_is_left():
    thick, thin = ball(11), ball(5)
    assert interior(thick).sum() == binary_erosion(thick.numpy(), iterations=DEEPEST).sum()
    left = [int(binary_erosion(thin.numpy(), iterations=n).sum()) for n in range(1, DEEPEST + 1)]
    assert interior(thin).sum() == min(n for n in left if n >= LEAST_SHARE * thin.sum())


def test_a_flat_amplitude_is_not_rough_whatever_its_phase():
    support = ball()
    phase = torch.from_numpy(np.random.default_rng(1).uniform(-3, 3, support.shape))
    flat = torch.polar(torch.full_like(phase, 7.0), phase) * support
    found, gradient = roughness(flat, support, pairs(interior(support)))
    assert found.item() < 1e-20
    assert gradient.abs().max() < 1e-10


def test_the_edge_of_the_crystal_has_no_say():
    support = ball()
    crystal = torch.ones(support.shape, dtype=torch.complex128) * support
    crystal[support & ~eroded(support)] = 0.2
    assert roughness(crystal, support, pairs(interior(support)))[0].item() < 1e-20


def test_roughness_is_its_sum_and_does_not_depend_on_the_scale():
    support = ball(7, 18)
    inside = interior(support)
    crystal = random_crystal(support)
    scaled = (crystal.abs() / np.sqrt(np.mean(np.abs(crystal[support].numpy()) ** 2))).numpy()
    expected = 0.0
    for axis in range(3):
        steps = np.diff(scaled, axis=axis)
        both = np.diff(inside.numpy().astype(int), axis=axis) == 0
        both &= np.take(inside.numpy(), np.arange(1, 18), axis)
        expected += (steps[both] ** 2).sum()
    for factor in (1.0, 30.0):
        np.testing.assert_allclose(roughness(factor * crystal, support, pairs(inside))[0].item(), expected, rtol=1e-9)


def test_strain_is_no_roughness_of_a_phase_and_noise_is():
    support = ball(9)
    z, y, x = np.meshgrid(*(np.arange(24) - 12.0,) * 3, indexing="ij")
    strained = torch.from_numpy(np.exp(1j * (0.3 * z + 0.02 * x * y)).astype(np.complex64)) * support
    noisy = strained * torch.from_numpy(np.exp(0.2j * np.random.default_rng(3).normal(size=z.shape)).astype(np.complex64))
    rough = [roughness(c, support, pairs(interior(support)), smooth_phase(c))[0].item() for c in (strained, noisy)]
    pairs_inside = sum(float(both.sum()) for both in pairs(interior(support)))
    assert rough[0] < 1e-3 * rough[1]
    assert rough[1] == pytest.approx(2 * 0.2**2 * pairs_inside, rel=0.15)  # of independent phases of variance 0.04 each


@pytest.mark.parametrize("smooth", [False, True])
def test_gradient_is_that_of_autograd(smooth):
    support = ball(6, 16)
    crystal = random_crystal(support, 2).requires_grad_()
    phase = torch.exp(1j * random_crystal(support, 5).real) if smooth else None
    value, gradient = roughness(crystal, support, pairs(interior(support)), phase)
    (expected,) = torch.autograd.grad(value, crystal)
    np.testing.assert_allclose(gradient.detach().numpy(), expected.numpy(), atol=1e-9)
