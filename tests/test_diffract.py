import numpy as np
import pytest

from braggfill.crystal import FILLED_SHARE_OF_BOX, random_crystal
from braggfill.diffract import diffraction_pattern
from braggfill.errors import InputError


def test_cuboid_has_sinc_fringes_with_the_asked_oversampling():
    box, side = 50, 44  # 0.88 of the box
    crystal = np.zeros((box,) * 3, np.complex64)
    crystal[3:47, 3:47, 3:47] = 1
    oversampling, peak = (4.0, 3.0, 6.0), (20.0, 16.5, 25.0)
    pattern = diffraction_pattern(crystal, (41, 33, 51), oversampling, peak)
    axes = []
    for n, s, p in zip((41, 33, 51), oversampling, peak, strict=True):
        q = 2 * np.pi / (s * FILLED_SHARE_OF_BOX * box) * (np.arange(n) - p)
        half = np.where(q == 0, 1, q / 2)
        axes.append(np.where(q == 0, 1, np.sin(side * half) / (side * np.sin(half))) ** 2)  # Laue function
    expected = axes[0][:, None, None] * axes[1][:, None] * axes[2]
    np.testing.assert_allclose(pattern, expected / expected.max(), atol=5e-6)  # complex64


def test_unstrained_crystal_is_centrosymmetric():
    crystal = np.abs(random_crystal(np.random.default_rng(0), 32)).astype(np.complex64)
    pattern = diffraction_pattern(crystal, (31, 31, 31), (3.0, 4.0, 5.0), (15.0, 15.0, 15.0))
    np.testing.assert_allclose(pattern, pattern[::-1, ::-1, ::-1], atol=5e-6)


def test_moving_the_crystal_does_not_change_the_intensity():
    crystal = np.zeros((40, 40, 40), np.complex64)
    crystal[10:30, 12:28, 8:30] = random_crystal(np.random.default_rng(1), 24)[2:22, 2:18, 1:23]
    moved = np.roll(crystal, (3, -4, 2), (0, 1, 2))
    arguments = ((24, 24, 24), (3.0, 3.0, 3.0), (12.0, 12.0, 12.0))
    np.testing.assert_allclose(diffraction_pattern(moved, *arguments), diffraction_pattern(crystal, *arguments), atol=5e-6)


def test_phase_ramp_moves_the_peak():
    crystal = np.zeros((50,) * 3, np.complex64)
    crystal[3:47, 3:47, 3:47] = 1
    step = 2 * np.pi / (4.0 * FILLED_SHARE_OF_BOX * 50)
    ramped = (crystal * np.exp(1j * 5 * step * np.arange(50))).astype(np.complex64)  # along columns, five voxels
    pattern = diffraction_pattern(ramped, (31, 31, 31), (4.0, 4.0, 4.0), (15.0, 15.0, 15.0))
    assert np.unravel_index(pattern.argmax(), pattern.shape) == (15, 15, 20)


def test_grid_beyond_the_first_zone_is_refused():
    crystal = random_crystal(np.random.default_rng(0), 16)
    with pytest.raises(InputError, match="first zone"):
        diffraction_pattern(crystal, (128, 128, 128), (2.5, 2.5, 2.5), (64.0, 64.0, 64.0))
