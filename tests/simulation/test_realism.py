import numpy as np
import pytest

from braggfill.simulation.realism import empty_share, histogram_width, modulus_histogram, radial_profile


def test_width_of_a_gaussian_modulus_is_its_fwhm():
    rng = np.random.default_rng(0)
    modulus = np.zeros((60, 60, 60))
    for sigma in (0.05, 0.1):
        modulus[10:50, 10:50, 10:50] = 3 * rng.normal(1, sigma, (40, 40, 40))
        assert histogram_width(modulus) == pytest.approx(2.3548 * sigma, rel=0.15)


def test_width_does_not_depend_on_scale_and_is_small_for_an_even_crystal():
    rng = np.random.default_rng(0)
    modulus = np.abs(rng.normal(1, 0.1, (30, 30, 30)))
    assert histogram_width(7 * modulus) == pytest.approx(histogram_width(modulus))
    even = np.zeros((20, 20, 20))
    even[5:15, 5:15, 5:15] = 1
    assert histogram_width(even) < 0.04


def test_histogram_holds_the_whole_support():
    share, centres = modulus_histogram(np.abs(np.random.default_rng(0).normal(1, 0.1, (30, 30, 30))))
    assert share.sum() == pytest.approx(1, abs=0.02)
    assert centres[share.argmax()] == 1


def test_empty_voxels_are_counted():
    counts = np.ones((4, 5, 6))
    counts[0] = 0
    assert empty_share(counts) == pytest.approx(0.25)


def test_profile_of_an_anisotropic_pattern_is_one_curve_in_fringes():
    fringes = (8.0, 4.0, 5.0)
    axes = [(np.arange(n) - n // 2) / f for n, f in zip((64, 40, 50), fringes, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2)
    radii = np.arange(0, 4.5, 0.5)
    profile = radial_profile(1e4 * np.exp(-radius), fringes, radii)
    np.testing.assert_allclose(profile[1:], np.exp(-(radii[1:-1] + 0.25)), rtol=0.1)
    assert np.isnan(radial_profile(np.exp(-radius), fringes, np.array([0, 50, 60]))[1])
