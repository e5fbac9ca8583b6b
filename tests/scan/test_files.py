import errno
import json
import os
import re
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
import tifffile

from braggfill import InputError, fill_gaps
from braggfill.base.writing import check_output
from braggfill.filling.record import write_result
from braggfill.scan.files import read_image, read_mask, read_scan, split_address
from braggfill.scan.formats.hdf5 import DATA_PLACES as HDF5_DATA
from braggfill.scan.formats.hdf5 import MASK_PLACES as HDF5_MASK

DATA = np.random.default_rng(0).integers(0, 1000, (5, 7, 6)).astype(np.uint32)
MASK = np.zeros((7, 6), np.uint8)
MASK[3] = 1


@pytest.fixture
def result():
    return fill_gaps(DATA, MASK, method="linear")


def test_hidden_counts_of_a_simulated_scan_are_read_if_they_are_like_it(tmp_path):
    data, hidden = np.arange(24).reshape(2, 3, 4), np.ones((2, 3, 4), np.uint32)
    np.savez(tmp_path / "S1.npz", data=data, hidden=hidden)
    np.testing.assert_array_equal(read_scan(str(tmp_path / "S1.npz")).hidden, hidden)
    for other in (np.ones(3), np.full((2, 3, 4), -1), np.full((2, 3, 4), "text"), np.full((2, 3, 4), None)):
        np.savez(tmp_path / "S1.npz", data=data, hidden=other)
        scan = read_scan(str(tmp_path / "S1.npz"))
        assert scan.hidden is None
        np.testing.assert_array_equal(scan.intensity, data)


@pytest.mark.parametrize("arrays", [{"data": DATA, "iobs": DATA + 1}, {"iobs": DATA, "x": DATA + 1}, {"whatever": DATA}])
def test_npz_key_is_data_else_iobs_else_the_only_one(tmp_path, arrays):
    np.savez(tmp_path / "scan.npz", **arrays, mask=MASK)
    scan = read_scan(str(tmp_path / "scan.npz"))
    np.testing.assert_array_equal(scan.intensity, DATA)
    np.testing.assert_array_equal(scan.mask, MASK)


@pytest.mark.parametrize("suffix", [".npy", ".tif", ".tiff"])
def test_plain_arrays(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    np.save(path, DATA) if suffix == ".npy" else tifffile.imwrite(path, DATA)
    scan = read_scan(str(path))
    np.testing.assert_array_equal(scan.intensity, DATA)
    assert scan.mask is None


@pytest.mark.parametrize("place", [*HDF5_DATA, "somewhere/else"])
def test_hdf5_in_the_usual_places_or_the_only_volume(tmp_path, place):
    with h5py.File(tmp_path / "scan.cxi", "w") as file:
        file[place] = DATA
        file[HDF5_MASK[0]] = MASK
    scan = read_scan(str(tmp_path / "scan.cxi"))
    np.testing.assert_array_equal(scan.intensity, DATA)
    np.testing.assert_array_equal(scan.mask, MASK)
    assert scan.name == f"scan.cxi:{place}"


def test_hdf5_dataset_by_its_path(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["a/one"], file["a/two"] = DATA, DATA + 5
    np.testing.assert_array_equal(read_scan(f"{tmp_path / 'scan.h5'}:/a/two").intensity, DATA + 5)
    with pytest.raises(InputError, match=r"a/one, a/two.*scan\.h5:/path"):
        read_scan(str(tmp_path / "scan.h5"))
    with pytest.raises(InputError, match="no dataset '/a/three'"):
        read_scan(f"{tmp_path / 'scan.h5'}:/a/three")


@pytest.mark.parametrize(("data", "mask"), [("data", "mask"), ("a/frames", "a/mask"), ("a/frames", "mask")])
@pytest.mark.parametrize("solid", [False, True])
def test_hdf5_mask_beside_the_data_or_at_the_root(tmp_path, data, mask, solid):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file[data], file[mask] = DATA, np.broadcast_to(MASK, DATA.shape) if solid else MASK
    for address in (f"{tmp_path / 'scan.h5'}", f"{tmp_path / 'scan.h5'}:/{data}"):
        scan = read_scan(address)
        np.testing.assert_array_equal(scan.intensity, DATA)
        np.testing.assert_array_equal(scan.mask, np.broadcast_to(MASK, DATA.shape) if solid else MASK)


def test_data_are_never_taken_for_a_mask(tmp_path):
    with h5py.File(tmp_path / "scan.cxi", "w") as file:
        file[HDF5_DATA[0]] = DATA
        file["other"] = DATA
    with pytest.raises(InputError, match="no dataset in the usual places"):
        read_mask(str(tmp_path / "scan.cxi"))


@pytest.mark.parametrize("place", ["entry/data/mask", "pixel_mask", "entry/calibration/bad_mask"])
@pytest.mark.parametrize("solid", [True, False])
def test_a_mask_in_hdf5_is_found_beside_the_data_or_by_its_name(tmp_path, place, solid):
    mask = np.zeros((4, 12, 10) if solid else (12, 10), np.uint8)
    mask[..., 3:5, :] = 1
    with h5py.File(tmp_path / "m.nxs", "w") as file:
        file[place] = mask
        file["entry/flat"] = np.ones((12, 10))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.nxs"), mask)
    with h5py.File(tmp_path / "m.nxs", "a") as file:
        file["entry/data/data"] = np.ones((4, 12, 10))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.nxs"), mask)
    np.testing.assert_array_equal(read_scan(tmp_path / "m.nxs").intensity, np.ones((4, 12, 10)))


def test_of_several_masks_one_is_to_be_named(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a_mask"], file["b_mask"] = np.zeros((12, 10)), np.zeros((12, 10))
    with pytest.raises(InputError, match=r"usual places; found a_mask, b_mask; give it"):
        read_mask(tmp_path / "m.h5")


def test_capital_suffixes(tmp_path):
    np.savez(tmp_path / "SCAN.NPZ.npz", data=DATA)
    (tmp_path / "SCAN.NPZ.npz").rename(tmp_path / "SCAN.NPZ")
    np.testing.assert_array_equal(read_scan(str(tmp_path / "SCAN.NPZ")).intensity, DATA)


@pytest.mark.parametrize("key", ["mask", "data", "other"])
def test_mask_files_of_cdiutils_and_bcdi(tmp_path, key):
    np.savez(tmp_path / "mask.npz", **{key: MASK})
    np.testing.assert_array_equal(read_mask(str(tmp_path / "mask.npz")), MASK)


def test_only_hdf5_addresses_are_split():
    assert split_address("a/b.h5:/x/y")[1] == "/x/y"
    assert split_address("a:b.npz")[1] is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.npz", None, "cannot be reached.*No such file"),
        ("empty.npz", b"", "empty file"),
        ("text.npz", b"these are not the photons", "cannot be read"),
        ("text.npy", b"these are not the photons", "cannot be read"),
        ("text.cxi", b"these are not the photons", "cannot be read"),
        ("text.tif", b"these are not the photons", "cannot be read"),
        ("scan.edf", b"x", "expected one of"),
    ],
)
def test_unreadable_files_are_one_sentence(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for read in (read_scan, read_mask):
        with pytest.raises(InputError, match=says) as caught:
            read(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_truncated_npz_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "whole.npz", data=DATA)
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        read_scan(str(tmp_path / "half.npz"))


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", data=np.array([{"a": 1}], object))
    with pytest.raises(InputError, match="cannot be read"):
        read_scan(str(tmp_path / "objects.npz"))


def test_result_comes_back_as_written(tmp_path, result):
    write_result(tmp_path / "out.npz", result, "scan.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["data"], result.intensity)
        np.testing.assert_array_equal(arrays["std"], result.std)
        np.testing.assert_array_equal(arrays["mask"], result.mask)
        np.testing.assert_array_equal(arrays["filled"], result.filled)
        assert (arrays["mask"].dtype, arrays["filled"].dtype) == (np.uint8, np.uint8)
        facts = json.loads(str(arrays["provenance"]))
    assert (facts["method"], facts["input"], facts["weights_sha256"]) == ("linear", "scan.npz", None)
    (gap,) = facts["gaps"]
    assert (gap["kind"], gap["across"], gap["first"], gap["last"], gap["voxels"], gap["filled"]) == (
        "stripe",
        "row",
        3,
        3,
        30,
        30,
    )
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]


def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path, result, monkeypatch):
    (tmp_path / "out.npz").write_bytes(b"precious")

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_result(tmp_path / "out.npz", result, "scan.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]
    assert (tmp_path / "out.npz").read_bytes() == b"precious"


def test_a_real_failing_write_leaves_nothing(tmp_path):
    """The operating system refuses to let the file grow: the same path as a full disk, without a stand-in."""
    program = f"""
        import resource, signal, numpy as np
        from pathlib import Path
        from braggfill import fill_gaps, write_result, InputError
        counts = np.random.default_rng(0).integers(0, 9999, (40, 40, 40))
        mask = np.zeros((40, 40)); mask[20] = 1
        result = fill_gaps(counts, mask, method="linear")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_result(Path({str(tmp_path)!r}) / "out.npz", result, "scan.npz")
        except InputError as error:
            print("refused:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused: output")
    assert not list(tmp_path.iterdir())


def test_output_is_checked_before_the_work(tmp_path):
    scan, taken = tmp_path / "scan.npz", tmp_path / "taken.npz"
    for path in (scan, taken):
        path.write_bytes(b"x")
    for path, says in [
        (tmp_path / "out.cxi", "expected '.npz'"),
        (scan, "input itself"),
        (taken, "exists already"),
        (tmp_path / "nowhere" / "out.npz", "cannot be written"),
    ]:
        with pytest.raises(InputError, match=says):
            check_output(path, [scan], overwrite=path == scan)
    with pytest.raises(InputError, match=rf"^output {re.escape(str(taken))}: exists already; [^()]*$"):
        check_output(taken, [], overwrite=False)
    check_output(taken, [scan], overwrite=True)
    check_output(tmp_path / "new.npz", [scan], overwrite=False)


def test_an_image_without_pixels_is_refused_and_one_beyond_floats_is_told_without_numpys_words(tmp_path):
    np.save(tmp_path / "empty.npy", np.ones((0, 4, 5)))
    with pytest.raises(InputError, match="expected pixels"):
        read_image(str(tmp_path / "empty.npy"), "dark")
    np.save(tmp_path / "huge.npy", np.full((3, 4, 5), 1.5e308))
    assert np.isinf(read_image(str(tmp_path / "huge.npy"), "dark")).all()
