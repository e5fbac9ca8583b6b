import numpy as np

from braggfill.blend import blend
from braggfill.gaps import find_slabs


def blended(counts, network, spread):
    """A gap of three rows filled by a network that says ``network`` ± ``spread`` everywhere."""
    mask = np.zeros(counts.shape, bool)
    mask[:, 15:18] = True

    def predict(portions, measured):
        mean = np.full(portions.shape, float(network))
        return np.stack([mean, mean**2 + spread**2])

    return blend(counts, mask, find_slabs(mask), predict, None, lambda done, total: None)


def test_a_network_that_says_zero_leaves_finite_estimates():
    counts = np.random.default_rng(0).poisson(9.0, (24, 40, 40)).astype(np.float32)
    mean, std = blended(counts, 0.0, 0.5)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std > 0.5).all()


def test_a_network_that_agrees_with_the_regression_keeps_its_spread():
    counts = np.full((24, 40, 40), 9.0, np.float32)
    mean, std = blended(counts, 9.0, 2.0)
    np.testing.assert_allclose(mean, 9.0, rtol=0.02)
    np.testing.assert_allclose(std, 2.0, rtol=0.02)
