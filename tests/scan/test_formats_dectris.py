"""Masters of DECTRIS detectors: frames behind links in order, a mask of bits, what the file tells of the measurement."""

import h5py
import numpy as np
import pytest
from made_files import DISTANCE_M, ENERGY_KEV, PIXEL_M, counts_of_a_crystal, eiger_master
from program import run

from braggfill import InputError, fill_gaps
from braggfill.scan.files import read_mask, read_scan

COUNTS = counts_of_a_crystal()
BITS = np.zeros(COUNTS.shape[1:], np.uint32)
BITS[25:29] = 1  # a gap
BITS[3, 4], BITS[5, 30], BITS[33, 2] = 2, 16, 8  # dead, noisy, over-responding


@pytest.mark.parametrize("per_file", [1, 5, 12, 100])
def test_the_frames_of_all_links_are_one_scan_in_their_order(tmp_path, per_file):
    scan = read_scan(str(eiger_master(tmp_path, COUNTS, BITS, per_file)))
    assert scan.intensity.shape == COUNTS.shape
    np.testing.assert_array_equal(scan.intensity[:, BITS == 0], COUNTS[:, BITS == 0])
    np.testing.assert_array_equal(np.asarray(scan.mask) > 0, BITS > 0)
    assert scan.geometry.energy_j == pytest.approx(ENERGY_KEV * 1e3 * 1.602176634e-19)
    assert (scan.geometry.distance_m, scan.geometry.pixel_size_m) == (DISTANCE_M, (PIXEL_M, PIXEL_M))


def test_links_are_ordered_by_their_numbers_even_without_leading_zeros(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for number in range(1, 13):
            file[f"entry/data/data_{number}"] = COUNTS[number - 1 : number]
    np.testing.assert_array_equal(read_scan(str(tmp_path / "m.h5")).intensity, COUNTS)


def test_every_bad_pixel_is_filled_and_nothing_else(tmp_path):
    master = eiger_master(tmp_path, COUNTS, BITS)
    assert run("fill", master, "--method", "linear", "-o", tmp_path / "filled.cxi") == 0
    back = read_scan(str(tmp_path / "filled.cxi"))
    np.testing.assert_array_equal(back.filled > 0, np.broadcast_to(BITS > 0, COUNTS.shape))
    np.testing.assert_array_equal(back.intensity[:, BITS == 0], COUNTS[:, BITS == 0])
    assert back.intensity.max() < 1e6
    assert back.geometry.energy_j == pytest.approx(ENERGY_KEV * 1e3 * 1.602176634e-19)


def test_frames_without_the_master_s_mask_are_told_by_the_largest_integer(tmp_path):
    """Some sites take the mask out of the master."""
    master = eiger_master(tmp_path, COUNTS, BITS)
    with h5py.File(master, "a") as file:
        del file["entry/instrument/detector/detectorSpecific/pixel_mask"]
    scan = read_scan(str(master))
    assert scan.mask is None
    result = fill_gaps(scan.intensity, scan.mask, method="nearest")
    np.testing.assert_array_equal(result.filled | result.mask, np.broadcast_to(BITS > 0, COUNTS.shape))


def test_a_frame_of_its_own_dataset_is_one_frame(tmp_path):
    """A gated acquisition leaves datasets without a third axis."""
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for number, frame in enumerate(COUNTS, 1):
            file[f"entry/data/data_{number:06d}"] = frame
    np.testing.assert_array_equal(read_scan(str(tmp_path / "m.h5")).intensity, COUNTS)


def test_links_that_lead_nowhere_are_named_and_no_frame_is_left_out_silently(tmp_path):
    master = eiger_master(tmp_path, COUNTS, BITS)
    (tmp_path / "scan_00012_data_000002.h5").unlink()
    with pytest.raises(InputError, match=r"1 of 3 links to frames that lead nowhere \(data_000002\).*copy them there"):
        read_scan(str(master))
    one = read_scan(f"{master}:/entry/data/data_000001")
    np.testing.assert_array_equal(one.intensity[:, BITS == 0], COUNTS[:5, BITS == 0])
    np.testing.assert_array_equal(np.asarray(one.mask) > 0, BITS > 0)


def test_frames_of_two_sizes_are_refused(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/data/data_000001"], file["entry/data/data_000002"] = COUNTS[:6], COUNTS[6:, 1:]
    with pytest.raises(InputError, match="39 × 36, 40 × 36 pixels, expected all of one size"):
        read_scan(str(tmp_path / "m.h5"))


def test_the_mask_of_a_master_can_be_given_for_another_scan(tmp_path):
    master = eiger_master(tmp_path, COUNTS, BITS)
    np.testing.assert_array_equal(read_mask(str(master)) > 0, BITS > 0)
