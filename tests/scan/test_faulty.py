import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_fringes import fringes

from braggfill.scan.faulty import faulty_pixels


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
