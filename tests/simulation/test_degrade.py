import numpy as np
import pytest
import torch

from braggfill.simulation.degrade import ObjectRanges, degraded_object, replaced_phase, smooth_modulus, uneven_modulus


def ball(size=32, radius=11.0):
    axis = np.arange(size) - (size - 1) / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    inside = np.sqrt(z**2 + y**2 + x**2) < radius
    return torch.from_numpy(inside * np.exp(0.05j * x)).to(torch.complex64)


def test_smoothing_keeps_the_phase_and_cuts_at_a_tenth():
    crystal = ball()
    smooth = smooth_modulus(crystal, 1.5)
    modulus = smooth.abs()
    assert float(modulus[modulus > 0].min()) >= 0.1 * float(modulus.max())
    inside = crystal.abs() > 0
    torch.testing.assert_close(smooth[inside].angle(), crystal[inside].angle(), atol=1e-5, rtol=0)
    assert 0.3 < float(modulus[15, 15, 26]) < 0.7  # half the height at the surface


def test_uneven_modulus_has_the_asked_spread_and_the_phase_left_alone():
    crystal = ball(64, 28.0)
    uneven = uneven_modulus(np.random.default_rng(0), crystal, 0.1, 2.0)
    inside = crystal.abs() > 0
    assert float(uneven.abs()[inside].std()) == pytest.approx(0.1, rel=0.1)
    torch.testing.assert_close(uneven[inside].angle(), crystal[inside].angle(), atol=1e-5, rtol=0)


def test_replaced_phase_has_the_asked_range_and_the_modulus_left_alone():
    crystal = ball()
    replaced = replaced_phase(np.random.default_rng(0), crystal, 2.0, 4.0)
    inside = crystal.abs() > 0.5
    assert float(replaced[inside].angle().max() - replaced[inside].angle().min()) == pytest.approx(2.0, rel=1e-3)
    torch.testing.assert_close(replaced.abs(), crystal.abs())


def test_phases_are_replaced_as_often_as_asked():
    crystal, kept = ball(), []
    for seed in range(40):
        changed = degraded_object(np.random.default_rng(seed), crystal, ObjectRanges(phase_share=0.5))
        kept.append(bool(torch.allclose(changed.angle()[16, 16, 8:24], crystal.angle()[16, 16, 8:24], atol=1e-3)))
    assert 10 < sum(kept) < 30
