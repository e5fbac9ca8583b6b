import numpy as np
import pytest

from braggfill.crystal import FILLED_SHARE_OF_BOX, correlated_field, facet_normals, polyhedron, random_crystal


def test_facets_are_the_26_of_an_fcc_crystal():
    normals = facet_normals()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    indices = np.abs(normals) / np.abs(normals).max(1, keepdims=True)
    np.testing.assert_array_equal(indices.sum(1), [3] * 8 + [1] * 6 + [2] * 12)
    assert len(np.unique(normals.round(6), axis=0)) == 26


@pytest.mark.parametrize("sides", [(1, 1, 1), (1, 2, 3)])
def test_cuboid_fills_its_share_of_the_box(sides):
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    modulus = polyhedron(normals, np.array(sides * 2, float), 50, edge_width=0.1)
    assert modulus.sum() == pytest.approx((FILLED_SHARE_OF_BOX * 50) ** 3, rel=0.01)


def test_octahedron_has_a_sixth_of_its_bounding_cube():
    octahedron = facet_normals()[:8]
    modulus = polyhedron(octahedron, np.ones(8), 80, edge_width=0.1)
    assert modulus.sum() == pytest.approx((FILLED_SHARE_OF_BOX * 80) ** 3 / 6, rel=0.02)


def test_correlated_field_has_unit_variance_and_its_correlation_length():
    field = correlated_field(np.random.default_rng(0), 96, 0.04)
    assert field.mean() == pytest.approx(0, abs=1e-9)
    assert field.std() == pytest.approx(1)
    sigma = 0.04 * 96
    for lag in (2, 5):  # the autocorrelation of Gaussian-filtered white noise is exp(-lag²/4σ²)
        assert np.mean(field * np.roll(field, lag, 0)) == pytest.approx(np.exp(-(lag**2) / (4 * sigma**2)), abs=0.05)


def test_random_crystal_is_one_inside_and_zero_at_the_border():
    crystal = random_crystal(np.random.default_rng(3), 48)
    modulus = np.abs(crystal)
    border = np.concatenate([modulus[[0, -1]].ravel(), modulus[:, [0, -1]].ravel(), modulus[..., [0, -1]].ravel()])
    assert border.max() < 1e-2
    assert np.median(modulus[modulus > 0.5]) == pytest.approx(1, abs=0.15)


def test_same_seed_same_crystal():
    first, second = (random_crystal(np.random.default_rng(5), 24) for _ in range(2))
    np.testing.assert_array_equal(first, second)
