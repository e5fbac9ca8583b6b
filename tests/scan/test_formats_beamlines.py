"""Files as beamlines leave them: the frames are found, in their order, with the mask and geometry that the file tells."""

import os

import h5py
import numpy as np
import pytest
import tifffile
from made_files import (
    DISTANCE_M,
    ENERGY_KEV,
    PIXEL_M,
    aps_folder,
    counts_of_a_crystal,
    cristal_file,
    id01_file,
    lambda_master,
    nanomax_file,
    p10_folder,
    sixs_file,
)
from program import run

from braggfill import InputError
from braggfill.scan.files import read_scan

COUNTS = counts_of_a_crystal()
BITS = np.zeros(COUNTS.shape[1:], np.uint32)
BITS[:, 20:23] = 1
BITS[7, 9] = 2
JOULES = ENERGY_KEV * 1e3 * 1.602176634e-19


def test_id01_by_the_only_scan_or_by_its_name(tmp_path):
    one = read_scan(str(id01_file(tmp_path, COUNTS)))
    np.testing.assert_array_equal(one.intensity, COUNTS + 12)
    assert one.geometry.energy_j == pytest.approx(JOULES)
    assert (one.geometry.distance_m, one.geometry.pixel_size_m) == (DISTANCE_M, (55e-6, 55e-6))
    many = id01_file(tmp_path, COUNTS, (12, 13, 14), "eiger2M", "sample_")
    with pytest.raises(
        InputError, match=r"3 stacks of frames \(sample_12\.1/measurement/eiger2M.*id01_dataset\.h5:/sample_12\.1"
    ):
        read_scan(str(many))
    for address in (f"{many}:/sample_13.1", f"{many}:/sample_13.1/measurement/eiger2M"):
        scan = read_scan(address)
        np.testing.assert_array_equal(scan.intensity, COUNTS + 13)
        assert scan.geometry.energy_j == pytest.approx(JOULES)


def test_many_scans_of_one_id01_file_by_their_numbers(tmp_path):
    path = id01_file(tmp_path, COUNTS, (12, 13))
    np.savez(tmp_path / "mask.npz", mask=BITS)
    arguments = ["--scan", "12-13", "--template", f"{path}:/%d.1", "--mask", tmp_path / "mask.npz", "--method", "nearest"]
    assert run("fill", *arguments) == 0
    for number in (12, 13):
        filled = read_scan(str(tmp_path / f"id01_dataset_{number}.1_filled.npz"))
        np.testing.assert_array_equal(filled.intensity[:, BITS == 0], COUNTS[:, BITS == 0] + number)


def test_id01_with_two_detectors_asks_for_one(tmp_path):
    path = id01_file(tmp_path, COUNTS)
    with h5py.File(path, "a") as file:
        file["12.1/measurement/eiger2M"] = COUNTS[:, :8]
    with pytest.raises(InputError, match="2 stacks of frames"):
        read_scan(str(path))
    scan = read_scan(f"{path}:/12.1/measurement/eiger2M")
    assert scan.intensity.shape[1] == 8
    assert scan.geometry.energy_j == pytest.approx(JOULES)


def test_a_file_of_lima_itself(tmp_path):
    id01_file(tmp_path, COUNTS)
    np.testing.assert_array_equal(read_scan(str(tmp_path / "mpx1x4_0012.h5")).intensity, COUNTS + 12)


@pytest.mark.parametrize("make", [sixs_file, cristal_file, nanomax_file])
def test_soleil_and_maxiv_find_the_frames_and_the_energy(tmp_path, make):
    scan = read_scan(str(make(tmp_path, COUNTS)))
    np.testing.assert_array_equal(scan.intensity, COUNTS)
    assert scan.geometry.energy_j == pytest.approx(JOULES)


def test_nanomax_with_the_names_of_its_early_files_or_of_another_detector(tmp_path):
    for detector, stack in (("Merlin", "data"), ("eiger500k", "frames")):
        np.testing.assert_array_equal(read_scan(str(nanomax_file(tmp_path, COUNTS, detector, stack))).intensity, COUNTS)


@pytest.mark.parametrize(
    ("make", "place"), [(sixs_file, "com/scan_data/data_09"), (nanomax_file, "entry/measurement/x/frames")]
)
def test_two_stacks_ask_for_one(tmp_path, make, place):
    path = make(tmp_path, COUNTS)
    with h5py.File(path, "a") as file:
        file[place] = COUNTS + 1
    with pytest.raises(InputError, match=r"2 stacks of frames .*; give it as"):
        read_scan(str(path))
    scan = read_scan(f"{path}:/{place}")
    np.testing.assert_array_equal(scan.intensity, COUNTS + 1)
    assert scan.geometry.energy_j == pytest.approx(JOULES)


def test_a_lambda_s_master_over_its_modules(tmp_path):
    scan = read_scan(str(lambda_master(tmp_path, COUNTS, BITS)))
    np.testing.assert_array_equal(scan.intensity, COUNTS)
    np.testing.assert_array_equal(np.asarray(scan.mask) > 0, BITS > 0)
    assert scan.geometry.distance_m == pytest.approx(DISTANCE_M)
    assert scan.geometry.pixel_size_m == pytest.approx((55e-6, 55e-6))


def test_a_p10_folder_with_the_energy_of_its_log(tmp_path):
    folder = p10_folder(tmp_path, COUNTS, BITS)
    scan = read_scan(str(folder))
    np.testing.assert_array_equal(scan.intensity[:, BITS == 0], COUNTS[:, BITS == 0])
    np.testing.assert_array_equal(np.asarray(scan.mask) > 0, BITS > 0)
    assert scan.geometry.energy_j == pytest.approx((ENERGY_KEV * 1e3 + 4) * 1.602176634e-19)
    assert scan.geometry.pixel_size_m == (PIXEL_M, PIXEL_M)
    assert run("fill", folder, "--method", "linear") == 0
    assert (tmp_path / "sample_00012_filled.npz").exists()


def test_a_p10_folder_of_two_scans_asks_for_one(tmp_path):
    p10_folder(tmp_path, COUNTS, BITS)
    (tmp_path / "sample_00012" / "e4m" / "other_master.h5").touch()
    with pytest.raises(InputError, match=r"2 masters \(other_master\.h5, sample_00012_master\.h5\)"):
        read_scan(str(tmp_path / "sample_00012"))


@pytest.mark.parametrize("first", [0, 1, 95])
def test_an_aps_folder_is_read_in_the_order_of_its_numbers(tmp_path, first):
    folder = aps_folder(tmp_path, COUNTS, first)
    tifffile.imwrite(folder / "whitefield.tif", COUNTS[0])  # no number at its end: no frame
    scan = read_scan(str(folder))
    np.testing.assert_array_equal(scan.intensity, COUNTS)
    assert (scan.intensity.dtype, scan.name) == (COUNTS.dtype, "Staff20_S0054")


@pytest.mark.parametrize("suffix", [".edf", ".cbf"])
def test_a_folder_of_images_that_fabio_knows(tmp_path, suffix):
    fabio = pytest.importorskip("fabio")
    kind = {".edf": fabio.edfimage.EdfImage, ".cbf": fabio.cbfimage.CbfImage}[suffix]
    values = COUNTS.astype(np.int32)
    values[:, 3] = -1  # a Pilatus' gap
    for number, frame in enumerate(values):
        kind(data=frame).write(str(tmp_path / f"scan_{number:04d}{suffix}"))
    np.testing.assert_array_equal(read_scan(str(tmp_path)).intensity, values)


def test_frames_that_were_lost_or_are_there_twice_are_no_scan(tmp_path):
    folder = aps_folder(tmp_path, COUNTS)
    lost = folder / "Staff20_S0054_00007.tif"
    frame = lost.read_bytes()
    lost.unlink()
    with pytest.raises(InputError, match=r"images 0 to 11 without those after 6"):
        read_scan(str(folder))
    lost.write_bytes(frame)
    (folder / "other_7.tif").write_bytes(frame)
    with pytest.raises(InputError, match=r"two images of number 7 \(Staff20_S0054_00007\.tif, other_7\.tif\)"):
        read_scan(str(folder))


def test_folders_that_hold_no_scan_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match="got a folder with neither numbered images"):
        read_scan(str(tmp_path))
    tifffile.imwrite(tmp_path / "stack_1.tif", COUNTS)
    with pytest.raises(InputError, match=r"stack_1\.tif: got an image of shape \(12, 40, 36\)"):
        read_scan(str(tmp_path))


@pytest.mark.parametrize("place", ["sample_00012/e4m/sample_00012_master.h5", "sample_00012/sample_00012.fio"])
def test_a_pipe_in_a_folder_of_p10_is_refused(tmp_path, place):
    folder = p10_folder(tmp_path, COUNTS, BITS)
    (tmp_path / place).unlink()
    os.mkfifo(tmp_path / place)
    with pytest.raises(InputError, match="got a pipe or a device"):
        read_scan(str(folder))


def test_a_pipe_among_images_is_refused(tmp_path):
    folder = aps_folder(tmp_path, COUNTS)
    next(folder.iterdir()).unlink()
    os.mkfifo(next(folder.iterdir()).with_name("Staff20_S0054_00099.tif"))
    with pytest.raises(InputError, match=r"got a pipe or a device|without those after"):
        read_scan(str(folder))


@pytest.mark.parametrize("make", [lambda f: lambda_master(f, COUNTS, BITS), lambda f: id01_file(f, COUNTS)])
def test_a_pipe_behind_a_virtual_dataset_is_refused(tmp_path, make):
    master = make(tmp_path)
    part = next(p for p in tmp_path.iterdir() if p.is_file() and p != master)
    part.unlink()
    os.mkfifo(part)
    with pytest.raises(InputError, match="got a pipe or a device"):
        read_scan(str(master))


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "."])
def test_a_link_to_no_file_is_refused(tmp_path, target):
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/data/data_000001"] = h5py.ExternalLink(target, "entry/data/data")
    with pytest.raises(InputError, match=r"file behind a link .*got a (pipe or a device|folder)"):
        read_scan(str(tmp_path / "m.h5"))


def test_an_image_cut_off_before_its_pixels_is_refused(tmp_path):
    fabio = pytest.importorskip("fabio")
    path = tmp_path / "a_0001.cbf"
    fabio.cbfimage.CbfImage(data=COUNTS[0].astype(np.int32)).write(str(path))
    path.write_bytes(path.read_bytes()[:600].partition(b"\x0c\x1a")[0])
    with pytest.raises(InputError, match="without its binary part"):
        read_scan(str(tmp_path))
