import numpy as np

from braggfill.classical.spread import FAINT_COUNTS, standard_deviation
from braggfill.scan.gapped import GappedScan


def stripe(shape=(60, 90, 60)):
    mask = np.zeros(shape, bool)
    mask[:, 40:46] = True
    return mask


def test_the_relative_error_of_a_fill_is_measured():
    rng = np.random.default_rng(0)
    truth = np.exp(rng.uniform(3, 8, (60, 90, 60)))
    counts, mask = rng.poisson(truth).astype(np.float32), stripe()

    def fill(error):
        noise = np.exp(rng.normal(0, error, truth.shape) - error**2 / 2)
        return lambda scan: np.where(scan.mask, np.log1p(truth * noise), np.log1p(scan.counts)).astype(np.float32)

    scan, mean = GappedScan.blanked(counts, mask), np.full(10, 300.0)
    np.testing.assert_allclose(standard_deviation(fill(0.3), scan, mean), 90, rtol=0.2)
    assert standard_deviation(fill(0.0), scan, mean).max() < 15


def test_an_estimate_of_nothing_is_not_certain():
    counts = np.random.default_rng(0).poisson(0.2, (60, 90, 60)).astype(np.float32)
    scan = GappedScan.blanked(counts, stripe())
    zero = standard_deviation(lambda scan: np.log1p(scan.counts), scan, np.zeros(3))
    np.testing.assert_allclose(zero, np.sqrt(0.2 + 0.2**2), rtol=0.1)  # the mean square of the counts it missed


def test_without_room_for_a_copy_the_spread_is_the_estimate_itself():
    mask = stripe((10, 50, 10))
    mask[:, :34] = True
    scan, mean = GappedScan.blanked(np.ones(mask.shape, np.float32), mask), np.array([1.0, 20.0])
    std = standard_deviation(lambda scan: np.log1p(scan.counts), scan, mean)
    np.testing.assert_array_equal(std, mean + FAINT_COUNTS)
