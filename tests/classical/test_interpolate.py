import numpy as np
import pytest
from scipy.interpolate import griddata
from skimage.restoration import inpaint_biharmonic

from braggfill.classical import interpolate
from braggfill.scan.gaps import find_slabs

FILLS = (interpolate.nearest, interpolate.linear, interpolate.cubic, interpolate.idw, interpolate.biharmonic)
FRAME, ROW, COLUMN = np.meshgrid(np.arange(12.0), np.arange(40.0), np.arange(36.0), indexing="ij")


def stripe(axis=1, first=15, width=5):
    mask = np.zeros(FRAME.shape, bool)
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    return mask


def cross():
    return stripe() | stripe(2, 20, 4)


def run(fill, values, mask):
    return fill(np.where(mask, 0, values).astype(np.float32), mask, find_slabs(mask))


@pytest.mark.parametrize("fill", FILLS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_constant_is_continued_and_what_is_measured_stays(fill, axis):
    mask = stripe(axis, 4, 4)
    filled = run(fill, np.full(FRAME.shape, 3.25), mask)
    np.testing.assert_allclose(filled, 3.25, rtol=1e-5)
    values = np.random.default_rng(0).random(FRAME.shape).astype(np.float32)
    np.testing.assert_array_equal(run(fill, values, mask)[~mask], values[~mask])


@pytest.mark.parametrize("fill", [interpolate.linear, interpolate.cubic], ids=lambda f: f.__name__)
def test_a_ramp_is_continued_even_through_the_middle_of_a_cross(fill):
    ramp = 5 + 0.2 * FRAME + 0.3 * ROW - 0.1 * COLUMN
    np.testing.assert_allclose(run(fill, ramp, cross())[cross()], ramp[cross()], atol=2e-3)


def test_cubic_is_exact_for_a_cubic():
    cubic = 2 + ((ROW - 17) / 10) ** 3 + ((ROW - 17) / 10) ** 2
    np.testing.assert_allclose(run(interpolate.cubic, cubic, stripe()), cubic, atol=1e-5)


def test_nearest_is_scipy_s_nearest_up_to_ties():
    values = np.random.default_rng(1).random(FRAME.shape)
    mask = cross()
    points = np.argwhere(~mask)
    filled = run(interpolate.nearest, values, mask)
    distance = {}
    for at in np.argwhere(mask)[::37]:
        squared = ((points - at) ** 2).sum(1)
        candidates = values[tuple(points[squared == squared.min()].T)]
        distance[tuple(at)] = np.abs(candidates - filled[tuple(at)]).min()
    assert max(distance.values()) < 1e-6


def test_linear_is_scipy_s_linear_along_the_normal():
    values = np.random.default_rng(2).random(FRAME.shape)
    mask = stripe()
    line = np.r_[0:15, 20:40]
    expected = np.apply_along_axis(lambda v: np.interp(np.arange(40), line, v[line]), 1, values)
    np.testing.assert_allclose(run(interpolate.linear, values, mask), expected, atol=1e-6)


def test_inverse_distance_is_the_direct_sum():
    values = np.random.default_rng(3).random(FRAME.shape)
    mask = cross()
    filled = run(interpolate.idw, values, mask)
    for at in np.argwhere(mask)[::211]:
        low, high = np.maximum(at - 8, 0), at + 9
        near = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        offset = np.argwhere(~mask[near]) + low - at
        weight = 1 / (offset**2).sum(1)
        expected = (values[near][~mask[near]] * weight).sum() / weight.sum()
        assert filled[tuple(at)] == pytest.approx(expected, abs=1e-4)


def test_biharmonic_is_scikit_image_s_in_each_slice():
    values = np.random.default_rng(4).random(FRAME.shape)
    mask = stripe()
    filled = run(interpolate.biharmonic, values, mask)
    band = slice(15 - 8, 20 + 8)
    for frame in (0, 7):
        expected = inpaint_biharmonic(np.where(mask, 0, values)[frame, band], mask[frame, band])
        np.testing.assert_allclose(filled[frame, band], expected, atol=1e-4)


def test_linear_agrees_with_griddata_on_a_smooth_field():
    smooth = np.sin(ROW / 6) + np.cos(COLUMN / 7)
    mask = stripe()
    frame = smooth[0]
    expected = griddata(np.argwhere(~mask[0]), frame[~mask[0]], np.argwhere(mask[0]), "linear")
    assert np.abs(run(interpolate.linear, smooth, mask)[0][mask[0]] - expected).max() < 0.1


@pytest.mark.parametrize("fill", FILLS, ids=lambda f: f.__name__)
def test_gaps_at_the_border_get_finite_values(fill):
    mask = stripe(1, 0, 3) | stripe(2, 33, 3)
    mask[4, 20:22, 10] = True
    assert np.isfinite(run(fill, np.random.default_rng(5).random(FRAME.shape), mask)).all()
