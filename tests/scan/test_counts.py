import numpy as np

from braggfill.scan.counts import brightest_voxel


def test_the_peak_is_found_beside_a_hot_voxel():
    counts = np.zeros((20, 20, 20), np.float32)
    counts[9:12, 9:12, 9:12] = 100
    counts[3, 3, 3] = 150
    assert brightest_voxel(counts) == (10, 10, 10)
