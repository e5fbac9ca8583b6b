"""The box that is read: about the peak, which no hot pixel is taken for, and the same from memory and from any file."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import aps_folder, counts_of_a_crystal, eiger_master

from braggfill import InputError
from braggfill.scan.choice import MaskChoice
from braggfill.scan.crop import box_chooser, find_peak
from braggfill.scan.files import read_scan

COUNTS = counts_of_a_crystal((14, 40, 36))  # its peak is at (7, 20, 18)
HOT = COUNTS.copy()
HOT[:, 3, 4], HOT[:, 30, 5:7] = 10**6, 10**6  # a hot pixel, and two beside each other
BITS = np.zeros((40, 36), np.uint32)
BITS[26:29] = 1


@given(st.tuples(st.integers(0, 13), st.integers(0, 39), st.integers(0, 35)), st.booleans(), st.booleans())
def test_the_peak_is_found_wherever_it_is(shift, solid, masked):
    counts = np.roll(COUNTS, shift, (0, 1, 2))
    expected = tuple((p + s) % n for p, s, n in zip((7, 20, 18), shift, counts.shape, strict=True))
    mask = np.zeros(counts.shape if solid else counts.shape[1:], bool)
    mask[..., (expected[1] + 9) % 40, :] = True
    found = find_peak(counts, mask if masked else None)
    away = [abs(f - e) for f, e in zip(found, expected, strict=True)]
    assert all(min(a, n - a) <= 1 for a, n in zip(away, counts.shape, strict=True))


def test_hot_pixels_and_values_that_are_no_counts_are_no_peak():
    wild = HOT.astype(np.float64)
    wild[2, 10:14, 10:14], wild[4, :3] = np.nan, 2.0**32 - 1
    for counts in (HOT, wild):
        assert all(abs(f - e) <= 1 for f, e in zip(find_peak(counts), (7, 20, 18), strict=True))


@given(st.lists(st.integers(1, 14), min_size=3, max_size=3))
def test_three_numbers_are_sizes_about_the_peak_and_never_reach_beyond_the_scan(sizes):
    box = box_chooser(tuple(sizes))(COUNTS, None)
    peak = np.array(find_peak(COUNTS))
    assert [s.stop - s.start for s in box] == sizes
    for span, at, length in zip(box, peak, COUNTS.shape, strict=True):
        assert 0 <= span.start <= at < span.stop <= length


@pytest.mark.parametrize("solid", [True, False])
def test_the_peak_is_looked_for_where_the_mask_that_is_chosen_says_so(solid):
    """The file's mask marks the peak, as a good voxel or by mistake."""
    mask = np.zeros(COUNTS.shape if solid else COUNTS.shape[1:])
    mask[..., 15:25, 12:26] = 1
    right = box_chooser((6, 20, 16))(COUNTS, None)
    assert box_chooser((6, 20, 16))(COUNTS, mask) != right
    assert box_chooser((6, 20, 16), MaskChoice(mask_convention="good1"))(COUNTS, mask) == right
    assert box_chooser((6, 20, 16), MaskChoice(mask="own.npy"))(COUNTS, mask) == right
    assert find_peak(COUNTS, np.where(mask == 1, np.nan, 0)) == find_peak(COUNTS, mask)


CROP = (6, 20, 16)


@pytest.fixture(params=["master", "folder", "npz", "cxi"])
def address(request, tmp_path):
    """The same scan in files that are read box by box, and in some that are not."""
    if request.param == "master":
        return str(eiger_master(tmp_path, COUNTS, BITS))
    if request.param == "folder":
        return str(aps_folder(tmp_path, COUNTS))
    if request.param == "cxi":
        with h5py.File(tmp_path / "s.cxi", "w") as file:
            file["entry_1/data_1/data"] = COUNTS
            file["entry_1/data_1/mask"] = np.broadcast_to(BITS, COUNTS.shape)
        return str(tmp_path / "s.cxi")
    np.savez(tmp_path / "s.npz", data=COUNTS, mask=BITS)
    return str(tmp_path / "s.npz")


@pytest.mark.parametrize("crop", [CROP, (2, 13, 0, 40, 5, 30)])
def test_the_part_that_is_read_is_that_part_of_the_whole(address, crop):
    whole, part = read_scan(address), read_scan(address, box_chooser(crop))
    box = part.cut.box
    np.testing.assert_array_equal(part.intensity, whole.intensity[box])
    assert part.cut.shape == COUNTS.shape
    if whole.mask is not None:
        assert part.mask.ndim == whole.mask.ndim
        np.testing.assert_array_equal(part.mask, whole.mask[box[-whole.mask.ndim :]])
    if len(crop) == 6:
        assert box == (slice(2, 13), slice(0, 40), slice(5, 30))


@pytest.mark.parametrize(
    ("crop", "says"),
    [((15, 10, 10), "expected a part of the scan's 14 × 40 × 36 voxels"), ((0, 14, 0, 41, 0, 36), "0 to 14, 0 to 41, 0 to 36")],
)
def test_a_crop_larger_than_the_scan_is_refused(crop, says):
    with pytest.raises(InputError, match=says):
        box_chooser(crop)(COUNTS, None)


def test_what_has_no_peak_or_no_frames_is_refused():
    with pytest.raises(InputError, match="without counts"):
        box_chooser(CROP)(np.zeros((14, 40, 36)), None)
    with pytest.raises(InputError, match=r"shape \(40, 36\)"):
        box_chooser(CROP)(COUNTS[0], None)


def test_the_peak_is_not_looked_for_in_a_scan_that_no_one_could_have_measured():
    class Endless:
        shape = (1_000_000, 10_000, 10_000)

    with pytest.raises(InputError, match="at most 1e12"):
        find_peak(Endless())
