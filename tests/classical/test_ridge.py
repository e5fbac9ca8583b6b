import numpy as np
import pytest

from braggfill.classical.interpolate import linear
from braggfill.classical.ridge import PENALTY, Neighbourhood, fit, free_places, places_to_learn_from, ridge
from braggfill.scan.gaps import find_slabs


def waves(shape, rng):
    """A sum of four plane waves: any voxel is a linear function of enough others."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    return 5 + sum(np.cos(grid @ rng.uniform(0.5, 1.6, 3) + rng.uniform(0, 6)) for _ in range(4))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_fringes_are_learned_from_the_rest_of_the_scan(axis):
    values = waves((48, 60, 64), np.random.default_rng(0)).astype(np.float32)
    mask = np.zeros(values.shape, bool)
    np.moveaxis(mask, axis, 0)[20:26] = True
    blank = np.where(mask, 0, values)
    slabs = find_slabs(mask)
    error = {f.__name__: np.abs(f(blank, mask, slabs) - values)[mask].mean() for f in (ridge, linear)}
    assert error["ridge"] < 0.15 * error["linear"]


def test_solution_minimises_the_penalised_squares():
    rng = np.random.default_rng(1)
    volume = rng.random((50, 12, 12)).astype(np.float32)
    hood = Neighbourhood.across(2, 3, 3)
    solution = fit(volume, np.zeros(volume.shape, bool), hood)
    places = places_to_learn_from(volume, np.zeros(volume.shape, bool), hood)
    x, y = hood.features(volume, places).astype(float), hood.targets(volume, places).astype(float)
    penalty = np.sqrt(len(x) * PENALTY) * np.eye(x.shape[1])
    expected = np.linalg.lstsq(np.concatenate([x, penalty]), np.concatenate([y, np.zeros((x.shape[1], 2))]))[0]
    np.testing.assert_allclose(solution, expected, atol=1e-8)


def test_places_reach_both_ends_of_the_scan():
    hood = Neighbourhood.across(2, 3, 4)
    places = free_places(np.random.default_rng(0), np.zeros((20, 9, 9), bool), hood)
    assert places.min(0).tolist() == [3, 2, 2]
    assert places.max(0).tolist() == [20 - 2 - 4, 9 - 3, 9 - 3]


def test_places_touch_nothing_missing():
    missing = np.zeros((60, 20, 20), bool)
    missing[30:34] = True
    missing[:, 9] = True
    hood = Neighbourhood.across(4, 6, 6)
    places = free_places(np.random.default_rng(0), missing, hood)
    assert len(places)
    for at in places[:: len(places) // 50]:
        near = missing[at[0] - 6 : at[0] + 10, at[1] - 2 : at[1] + 3, at[2] - 2 : at[2] + 3]
        assert near.shape == (16, 5, 5)
        assert not near.any()


def test_too_small_a_scan_keeps_the_linear_fill():
    values = np.random.default_rng(2).random((6, 20, 6)).astype(np.float32)
    mask = np.zeros(values.shape, bool)
    mask[:, 8:12] = True
    blank, slabs = np.where(mask, 0, values), find_slabs(mask)
    np.testing.assert_array_equal(ridge(blank, mask, slabs), linear(blank, mask, slabs))
