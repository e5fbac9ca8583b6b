import h5py
import numpy as np
import pytest
import torch

from braggfill import InputError, fill_gaps
from braggfill.scan.counts import MOST_COUNTS, as_mask, as_spread, brightest_voxel, check_scan, measured_values, scale_of
from braggfill.scan.formats.contents import Scan

COUNTS = np.ones((3, 5, 6), np.float32)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"intensity": COUNTS[0]}, "intensity: got 2 dimensions"),
        ({"intensity": np.float32(3)}, "intensity: got 0 dimensions"),
        ({"intensity": COUNTS[:0]}, "intensity: got an empty"),
        ({"intensity": COUNTS.astype("M8[s]")}, "intensity: got values of type datetime64"),
        ({"intensity": COUNTS.astype(str)}, "intensity: got values of type <U"),
        ({"mask": COUNTS[:2]}, "mask: got shape"),
        ({"mask": COUNTS.astype(complex)}, "mask: got values of type complex"),
        ({"filled": COUNTS[:2]}, "filled: got shape"),
        ({"filled": COUNTS, "std": COUNTS[:2]}, "std: got float32 of shape"),
        ({"filled": COUNTS, "std": -COUNTS}, "std: got"),
        ({"filled": COUNTS, "std": np.full_like(COUNTS, np.inf)}, "std: got"),
        ({"filled": COUNTS, "intensity": np.where(COUNTS > 0, np.nan, 0)}, "filled: got estimates"),
        ({"filled": COUNTS, "intensity": -COUNTS}, "filled: got estimates"),
    ],
)
def test_a_scan_whose_arrays_do_not_fit_is_refused_by_the_array_s_name(changed, says):
    given = {"intensity": COUNTS, "mask": None, "name": "made", **changed}
    with pytest.raises(InputError, match=f"^{says}"):
        check_scan(Scan(**given))


def test_counts_that_were_not_measured_may_be_anything():
    counts = COUNTS.copy()
    counts[0, 0, :3] = np.nan, np.inf, -1
    check_scan(Scan(counts, None, "made"))


@pytest.mark.parametrize(
    ("largest", "unit"), [(2e12, None), (1e38, 1.0), (2e12, 1.0), (3.0, 1e12), (1e25, 1e-12), (1e38, 1e-12)]
)
def test_counts_that_no_detector_counts_are_refused(largest, unit):
    with pytest.raises(InputError, match=r"^intensity: got values up to"):
        scale_of(np.array([1, largest], np.float32), unit)


@pytest.mark.parametrize("unit", [1e-46, 1e300, np.nan, np.inf, 0, -1, "1", True])
def test_units_that_no_scan_has_are_refused(unit):
    mask = np.zeros(COUNTS.shape[1:], bool)
    mask[:, 2] = True
    with pytest.raises(InputError, match=r"^counts_per_unit: got"):
        fill_gaps(COUNTS, mask, method="linear", counts_per_unit=unit)


def test_the_largest_counts_that_pass_leave_room_for_their_squares():
    assert scale_of(np.array([MOST_COUNTS], np.float32), None) == 1
    assert np.isfinite(np.float32(MOST_COUNTS) ** 2 * np.float32(1e9))


def test_rows_of_different_lengths_are_no_array():
    with pytest.raises(InputError, match=r"^std: got list that makes no array"):
        as_spread([[1], [1, 2]], (1, 2))


@pytest.fixture
def closed_dataset(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["data"] = COUNTS
        return file["data"]


def test_tensors_with_a_gradient_and_closed_files_are_one_sentence(closed_dataset):
    for given in (torch.ones(3, 5, 6, requires_grad=True), closed_dataset):
        with pytest.raises(InputError, match=r"^intensity: got (Tensor|Dataset) that makes no array.*without gradient"):
            measured_values(given, None)


def test_tensors_and_masked_arrays_are_taken_for_what_they_hold():
    bad = np.indices(COUNTS.shape)[1] == 2
    for given, mask in ((torch.from_numpy(COUNTS), torch.from_numpy(bad)), (np.ma.masked_array(COUNTS, bad), None)):
        measured, missing = measured_values(given, mask)
        np.testing.assert_array_equal(missing, bad)
        np.testing.assert_array_equal(measured, np.where(bad, 0, 1))


@pytest.mark.parametrize(("given", "what"), [("S12.npz", "str"), (Scan(COUNTS, None, "S12"), "Scan"), (None, "NoneType")])
def test_a_name_or_a_scan_is_no_array_and_how_to_come_by_one_is_said(given, what):
    with pytest.raises(InputError, match=rf"^intensity: got {what}, expected an array; give arrays: s = read_scan"):
        fill_gaps(given, COUNTS)


def test_the_peak_is_found_beside_a_hot_voxel():
    counts = np.zeros((20, 20, 20), np.float32)
    counts[9:12, 9:12, 9:12] = 100
    counts[3, 3, 3] = 150
    assert brightest_voxel(counts) == (10, 10, 10)


@pytest.mark.parametrize("frames", [1, 6])
def test_what_counts_is_no_mask(frames):
    """A detector's bits are, and whatever is not marked may be anything; another scan's counts are not."""
    rng = np.random.default_rng(0)
    shape = (6, 12, 14) if frames > 1 else (12, 14)
    bits = rng.choice([0, 1, 2, 5, 2**30, -7, 0.5], shape)
    np.testing.assert_array_equal(as_mask(bits, (6, 12, 14)), np.broadcast_to(bits > 0, (6, 12, 14)))
    counts = np.arange(np.prod(shape)).reshape(shape) % 40
    with pytest.raises(InputError, match=r"mask: got more than 32 different numbers above 0, .* counts of a scan"):
        as_mask(counts, (6, 12, 14))
