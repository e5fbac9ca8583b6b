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
    id01_spec,
    lambda_master,
    nanomax_file,
    p10_folder,
    sixs_file,
)
from program import run

from braggfill import InputError
from braggfill.scan.crop import box_chooser
from braggfill.scan.files import files_read, read_scan

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


@pytest.mark.parametrize("suffix", [".edf", ".edf.gz"])
def test_id01_before_bliss_by_its_spec_file(tmp_path, suffix):
    pytest.importorskip("silx")
    path = id01_spec(tmp_path, COUNTS, (12, 13), suffix)
    with pytest.raises(InputError, match=r"no number of 2 scans \(12\.1, 13\.1\).*align\.spec:/12\.1"):
        read_scan(str(path))
    for place in ("13", "13.1", "13.1/mpx4"):
        scan = read_scan(f"{path}:/{place}", box_chooser((1, 12, 5, 40, 0, 30)))
        np.testing.assert_array_equal(scan.intensity, COUNTS[1:12, 5:40, :30] + 13)
        assert scan.geometry.energy_j == pytest.approx(JOULES)
        assert (scan.geometry.distance_m, scan.geometry.pixel_size_m) == (DISTANCE_M, (55e-6, 55e-6))
    frame = (tmp_path / "detector" / "mpx4" / f"align_mpx4_{95 + len(COUNTS):05d}{suffix}").rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"scan 13\.1 without its image .*align_mpx4_00107"):
        read_scan(f"{path}:/13")
    frame.rename(tmp_path / "detector" / "mpx4" / f"align_mpx4_{95 + len(COUNTS):05d}{suffix}")
    np.savez(tmp_path / "mask.npz", mask=BITS)
    arguments = ["--scan", "12-13", "--template", f"{path}:/%d", "--mask", tmp_path / "mask.npz", "--method", "nearest"]
    assert run("fill", *arguments) == 0
    filled = read_scan(str(tmp_path / "align_13_filled.npz"))
    np.testing.assert_array_equal(filled.intensity[:, BITS == 0], COUNTS[:, BITS == 0] + 13)


@pytest.mark.parametrize("place", ["14", "x", "12.1/eiger2M", "12/a/b"])
def test_a_scan_or_detector_that_a_spec_file_lacks_is_one_sentence(tmp_path, place):
    pytest.importorskip("silx")
    path = id01_spec(tmp_path, COUNTS[:2])
    with pytest.raises(InputError, match=r"got .*; give it as 'align\.spec:/12\.1"):
        read_scan(f"{path}:/{place}")
    (tmp_path / "text.spec").write_text("nothing of the kind\n")
    with pytest.raises(InputError):
        read_scan(str(tmp_path / "text.spec"))


def test_images_of_a_spec_file_where_it_tells_and_never_over_them(tmp_path):
    """Found by the path in the file, without a place where there is one scan; none of them is written over."""
    pytest.importorskip("silx")
    path = id01_spec(tmp_path / "a", COUNTS[:3], told=str(tmp_path / "a" / "detector" / "mpx4"))
    (tmp_path / "b").mkdir()
    moved = path.rename(tmp_path / "b" / "align.spec")
    np.testing.assert_array_equal(read_scan(str(moved)).intensity, COUNTS[:3] + 12)
    image = tmp_path / "a" / "detector" / "mpx4" / "align_mpx4_00096.edf.gz"
    assert image in files_read(str(moved))


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


@pytest.mark.parametrize("what", ["folder", "master", "files"])
def test_a_p10_series_has_a_frame_a_point(tmp_path, what):
    """What was counted in several frames, in a file a point, is the counts of the point, and no voxel of a gap is."""
    folder = p10_folder(tmp_path, COUNTS, BITS, per_point=3)
    master = folder / "e4m" / "sample_00012_master.h5"
    if what == "files":
        master.unlink()
    box = box_chooser((2, 9, 3, 30, 4, 36))
    for choose, part in ((None, np.s_[:, :, :]), (box, np.s_[2:9, 3:30, 4:36])):
        scan = read_scan(str(master if what == "master" else folder), choose)
        good = BITS[part[1:]] == 0
        np.testing.assert_array_equal(scan.intensity[:, good], COUNTS[part][:, good])
        assert (scan.intensity[:, ~good] < 0).all()
        assert scan.geometry.energy_j == pytest.approx((ENERGY_KEV * 1e3 + 4) * 1.602176634e-19)
        assert "12 files, the frames of each summed" in scan.name
    assert run("fill", folder, "--method", "linear") == 0


def test_frames_of_a_p10_scan_without_its_master(tmp_path):
    folder = p10_folder(tmp_path, COUNTS, BITS)
    (folder / "e4m" / "sample_00012_master.h5").unlink()
    scan = read_scan(str(folder))
    np.testing.assert_array_equal(scan.intensity, np.where(BITS > 0, np.iinfo(np.uint32).max, COUNTS))
    assert scan.mask is None
    (folder / "e4m" / "sample_00012_data_000002.h5").unlink()
    with pytest.raises(InputError, match="2 files of frames without a master, not numbered from 1"):
        read_scan(str(folder))


@pytest.mark.parametrize("per_point", [1, 3])
def test_without_a_line_a_point_in_the_log_frames_stay_frames(tmp_path, per_point):
    folder = p10_folder(tmp_path, COUNTS, BITS, per_point)
    (folder / "sample_00012.fio").unlink()
    assert read_scan(str(folder)).intensity.shape[0] == per_point * len(COUNTS)


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


@pytest.mark.parametrize("suffix", [".edf", ".cbf", ".edf.gz"])
def test_a_folder_of_images_that_fabio_knows(tmp_path, suffix):
    fabio = pytest.importorskip("fabio")
    kind = fabio.cbfimage.CbfImage if suffix == ".cbf" else fabio.edfimage.EdfImage
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
