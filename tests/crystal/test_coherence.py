import numpy as np
import torch
from known_instruments import instrument, ring

from braggfill.crystal.model.blur import blurred
from braggfill.crystal.model.coherence import expected_counts, project_modulus
from braggfill.crystal.model.levels import Level


def random_field(shape=(12, 14, 16), seed=0):
    return torch.from_numpy(np.random.default_rng(seed).gamma(1.0, 30.0, shape).astype(np.float32))


def level(least, most):
    """An interval of counts for every voxel; those whose ends coincide were measured."""
    window = ring(least.shape)
    return Level(window.first, window.taper, least, torch.ones_like(least), least == most, most)


def test_frames_and_background_are_counted_after_the_blur():
    rng = np.random.default_rng(1)
    crystal = torch.from_numpy((rng.normal(size=(6, 8, 8)) + 1j * rng.normal(size=(6, 8, 8))).astype(np.complex64))
    factors = torch.linspace(0.9, 1.1, 6)
    given = instrument(6, (0.5, 0.6, 0.7), 2.5, frame_factors=factors, dead_time=torch.tensor(1e-3))
    intensity = torch.from_numpy(np.abs(np.fft.fftn(crystal.numpy())).astype(np.float32) ** 2)
    expected = blurred(intensity, given.widths) * factors[:, None, None] + 2.5
    expected = expected / (1 + 1e-3 * expected)
    np.testing.assert_allclose(expected_counts(crystal, given, ring((6, 8, 8))).numpy(), expected.numpy(), rtol=1e-4)


def test_without_an_instrument_the_projection_is_the_usual_one():
    rng = np.random.default_rng(2)
    amplitude = torch.from_numpy((rng.normal(size=(5, 6, 7)) + 1j * rng.normal(size=(5, 6, 7))).astype(np.complex64)) * 9
    counts = random_field((5, 6, 7), 3).clamp(min=1)
    projected = project_modulus(amplitude.clone(), level(counts, counts))
    held = amplitude.abs().square() > counts / 100  # the ratio is limited elsewhere
    np.testing.assert_allclose(projected.abs().square()[held], counts[held], rtol=1e-4)
    np.testing.assert_allclose(projected.angle(), amplitude.angle(), atol=1e-5)


def test_the_blurred_projection_leaves_what_agrees_and_what_lies_in_its_interval():
    rng = np.random.default_rng(3)
    amplitude = torch.from_numpy((rng.normal(size=(12, 8, 8)) + 1j * rng.normal(size=(12, 8, 8))).astype(np.complex64)) * 9
    given = instrument(12, (0.7, 1.1, 0.4))
    counts = expected_counts(torch.fft.ifftn(amplitude), given, ring((12, 8, 8)))
    same = project_modulus(amplitude.clone(), level(counts, counts), given)
    np.testing.assert_allclose(same, amplitude, rtol=1e-4, atol=1e-4)
    bounded = project_modulus(amplitude.clone(), level(torch.zeros_like(counts), counts / 4), given)
    np.testing.assert_allclose(bounded.abs(), amplitude.abs() / 2, rtol=1e-4, atol=1e-4)
