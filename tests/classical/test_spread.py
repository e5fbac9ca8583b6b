import numpy as np

from braggfill.classical.spread import FAINT_COUNTS, displaced, standard_deviation
from braggfill.scan.gaps import find_slabs


def stripe(shape=(60, 90, 60)):
    mask = np.zeros(shape, bool)
    mask[:, 40:46] = True
    return mask


def test_displaced_copies_lie_on_measured_voxels_beside_the_gap():
    mask = stripe()
    copies = displaced(find_slabs(mask), mask, 16)
    rows = np.flatnonzero(copies.any((0, 2)))
    np.testing.assert_array_equal(rows, np.r_[18:24, 62:68])


def test_the_relative_error_of_a_fill_is_measured():
    rng = np.random.default_rng(0)
    truth = np.exp(rng.uniform(3, 8, (60, 90, 60)))
    counts, mask = rng.poisson(truth).astype(np.float32), stripe()

    def fill(error):
        noise = np.exp(rng.normal(0, error, truth.shape) - error**2 / 2)
        return lambda values, missing, slabs: np.where(missing, np.log1p(truth * noise), values).astype(np.float32)

    slabs, mean = find_slabs(mask), np.full(10, 300.0)
    measured = standard_deviation(fill(0.3), counts, mask, slabs, mean)
    np.testing.assert_allclose(measured, 90, rtol=0.2)
    assert standard_deviation(fill(0.0), counts, mask, slabs, mean).max() < 15


def test_an_estimate_of_nothing_is_not_certain():
    counts = np.random.default_rng(0).poisson(0.2, (60, 90, 60)).astype(np.float32)
    mask = stripe()
    zero = standard_deviation(lambda v, m, g: np.where(m, 0, v), counts, mask, find_slabs(mask), np.zeros(3))
    np.testing.assert_allclose(zero, np.sqrt(0.2 + 0.2**2), rtol=0.1)  # the mean square of the counts it missed


def test_without_room_for_a_copy_the_spread_is_the_estimate_itself():
    mask = stripe((10, 50, 10))
    mask[:, :30] = True
    counts, mean = np.ones(mask.shape, np.float32), np.array([1.0, 20.0])
    std = standard_deviation(lambda v, m, g: v, counts, mask, find_slabs(mask), mean)
    np.testing.assert_array_equal(std, mean + FAINT_COUNTS)
