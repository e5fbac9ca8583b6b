import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from braggfill.crystal.model.outliers import aliens, faulty_pixels


def fringes(oversampling=2.2, shape=(40, 48, 48), peak=1e5):
    """Counts of a cube, its facets along the axes, averaged over a pixel's size; the peak is beside the middle."""
    axes = [np.sinc((np.arange(n) - n // 2 + 0.3) / oversampling) ** 2 for n in shape]
    expected = gaussian_filter(peak * axes[0][:, None, None] * axes[1][:, None] * axes[2], 0.4) + 0.01
    return expected, np.random.default_rng(0).poisson(expected).astype(np.float32)


@given(st.floats(2.0, 8.0), st.floats(3, 7))
def test_no_fringe_of_a_crystal_is_taken_for_a_fault(oversampling, log_peak):
    _, counts = fringes(oversampling, (24, 32, 32), 10**log_peak)
    assert not faulty_pixels(counts, np.zeros(counts.shape, bool)).any()


@pytest.mark.parametrize(("row", "column"), [(3, 40), (33, 31), (42, 8), (0, 0)])
def test_pixels_that_count_by_themselves_and_dead_ones_are_found(row, column):
    _, counts = fringes(4.0)
    mask = np.zeros(counts.shape, bool)
    mask[:, :, 10:14] = True
    counts[:, row, column] += 500
    counts[:, 26, 24] = 0
    found = np.argwhere(faulty_pixels(counts, mask))
    np.testing.assert_array_equal(sorted(found.tolist()), sorted([[row, column], [26, 24]]))


def test_what_is_masked_is_no_fault_and_judges_none():
    _, counts = fringes(4.0)
    mask = np.zeros(counts.shape, bool)
    mask[:, 20:26] = True
    mask[3, 40, 40] = True
    counts[mask] = 1e9
    assert not faulty_pixels(counts, mask).any()


def test_faults_are_found_though_a_frame_was_lost():
    _, counts = fringes(4.0)
    mask = np.zeros(counts.shape, bool)
    mask[7] = True
    counts[:, 3, 40] += 500
    counts[mask] = 0
    assert np.argwhere(faulty_pixels(counts, mask)).tolist() == [[3, 40]]


def test_another_crystals_light_is_found_and_the_crystals_own_is_not():
    expected, counts = fringes(4.0)
    measured = np.ones(counts.shape, bool)
    assert not aliens(expected.astype(np.float32), counts, measured).any()
    counts[30:33, 3:6, 3:6] += 100
    found = aliens(expected.astype(np.float32), counts, measured)
    assert found[31, 4, 4]
    assert not found[:, 10:, 10:].any()


def test_an_object_that_is_wrong_itself_accuses_nobody():
    expected, counts = fringes(4.0)
    wrong = np.roll(expected, 15, 1).astype(np.float32)
    assert not aliens(wrong, counts, np.ones(counts.shape, bool)).any()
