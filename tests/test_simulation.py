import numpy as np

from braggfill.simulation import detector_cross, simulate


def test_a_scan_depends_on_seed_and_index_alone():
    alone = list(simulate(3, shape=(24, 32, 28), seed=4))[2]
    again = list(simulate(3, shape=(24, 32, 28), seed=4))[2]
    other = next(simulate(1, shape=(24, 32, 28), seed=5))
    np.testing.assert_array_equal(alone.counts, again.counts)
    assert alone.description == again.description
    assert not np.array_equal(alone.counts, other.counts)


def test_counts_are_poisson_about_the_expectation(scan):
    bright = scan.expected > 5
    pulls = (scan.counts[bright] - scan.expected[bright]) / np.sqrt(scan.expected[bright])
    assert abs(pulls.mean()) < 4 / np.sqrt(pulls.size)
    assert abs(pulls.var() - 1) < 0.05


def test_peak_is_where_the_description_says():
    for scan in simulate(3, shape=(40, 48, 44), seed=2):
        peak = np.array(scan.description["peak"])
        weights = scan.expected / scan.expected.sum()
        centroid = [
            float((weights.sum(tuple(b for b in range(3) if b != a)) * np.arange(n)).sum()) for a, n in enumerate(weights.shape)
        ]
        assert np.abs(centroid - peak).max() < 8


def test_cross_has_its_width_and_misses_the_peak(scan):
    mask = detector_cross(scan, 5)
    assert mask.shape == scan.counts.shape[1:]
    assert mask.all(1).sum() == 5
    assert mask.all(0).sum() == 5
    _, row, column = np.unravel_index(scan.expected.argmax(), scan.expected.shape)
    assert not mask[row, column]
