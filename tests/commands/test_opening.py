"""Every verb opens a scan in one way: outputs are looked at, the scan is read, its mask is chosen."""

import json

import h5py
import numpy as np
import pytest
from known_objects import faceted, pattern_of
from made_files import aps_folder, counts_of_a_crystal, eiger_master, id01_file
from program import run

from braggfill import InputError, detector_mask
from braggfill.commands.opening import beside, check_writable, open_scan
from braggfill.scan.choice import MaskChoice
from braggfill.scan.files import read_mask

COUNTS = np.random.default_rng(0).poisson(pattern_of(faceted((24, 24, 32), 9.0, 0.4), 1e5))
GOOD = np.ones((24, 32), np.uint8)
GOOD[3] = 0


@pytest.fixture
def scan_file(tmp_path):
    np.savez(tmp_path / "S1.npz", data=COUNTS, mask=GOOD)
    return tmp_path / "S1.npz"


def test_the_scan_comes_with_the_mask_that_was_chosen(scan_file):
    opened = open_scan(str(scan_file), MaskChoice(mask_convention="good1", detector="maxipix", roi=(240, 240)), {}, False)
    np.testing.assert_array_equal(opened.scan.intensity, COUNTS)
    expected = detector_mask("maxipix", (24, 32), (240, 240)) | (GOOD == 0)
    np.testing.assert_array_equal(opened.mask, np.broadcast_to(expected, COUNTS.shape))


@pytest.mark.parametrize("verb", ["fill", "evaluate", "retrieve", "compare", "convert"])
def test_a_mask_that_may_be_inverted_is_a_question_and_exit_code_2(scan_file, capsys, verb):
    arguments = [scan_file.with_name("out.cxi")] if verb == "convert" else []
    assert run(verb, scan_file, *arguments) == 2
    assert "is the mask inverted?" in capsys.readouterr().err
    assert [p.name for p in scan_file.parent.iterdir()] == ["S1.npz"]


@pytest.mark.parametrize("convention", [None, "bad1", "good1"])
def test_the_convention_of_a_mask_is_asked_for_until_it_is_said(tmp_path, capsys, convention):
    np.savez(tmp_path / "S1.npz", data=COUNTS)
    np.savez(tmp_path / "m.npz", mask=GOOD if convention != "good1" else 1 - GOOD)
    words = ["--mask-convention", convention] if convention else []
    assert run("mask", tmp_path / "S1.npz", "--mask", tmp_path / "m.npz", *words) == 0
    assert ("is the mask inverted?" in capsys.readouterr().err) == (convention is None)


def test_it_is_filled_once_the_convention_is_said(scan_file):
    assert run("fill", scan_file, "--mask-convention", "good1", "--method", "linear") == 0
    with np.load(scan_file.with_name("S1_filled.npz")) as filled:
        np.testing.assert_array_equal(filled["filled"], np.broadcast_to(GOOD == 0, COUNTS.shape))


def test_outputs_are_looked_at_before_anything_is_read(tmp_path):
    (tmp_path / "taken.png").touch()
    with pytest.raises(InputError, match="exists already"):
        open_scan(str(tmp_path / "none.npz"), MaskChoice(), {".png": tmp_path / "taken.png"}, False)


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        (".png", "x.jpg", "expected '.png'"),
        ("cdiutils", "x.npz", "_pynx_input_data"),
        ("cxi", "x.npz", "expected '.cxi'"),
        (".npz", "S1.npz", "is the input itself"),
        (".npz", "nowhere/x.npz", "cannot be written"),
    ],
)
def test_what_may_not_be_written(tmp_path, scan_file, kind, name, says):
    with pytest.raises(InputError, match=says):
        check_writable({kind: tmp_path / name}, [scan_file, None], overwrite=True)


@pytest.mark.parametrize(
    ("source", "partner", "kind"),
    [
        ("S1_pynx_input_data.npz", "S1_pynx_input_mask.npz", ".npz"),
        ("S1_pynx_norm.npz", "S1_maskpynx_norm.npz", ".npz"),
        ("prep_data.tif", "prep_data_braggfill.npz", ".npz"),
        ("prep_data.tif", "prep_data.tif", "cohere"),
    ],
)
def test_what_lies_beside_an_input_and_is_read_with_it_is_not_written(tmp_path, source, partner, kind):
    check_writable({kind: tmp_path / partner}, [tmp_path / source], overwrite=True)
    (tmp_path / source).touch()
    (tmp_path / partner).touch()
    with pytest.raises(InputError, match="belongs to one"):
        check_writable({kind: tmp_path / partner}, [tmp_path / source], overwrite=True)


def test_the_files_behind_a_master_and_the_images_of_a_folder_are_inputs(tmp_path):
    counts = counts_of_a_crystal()
    master = eiger_master(tmp_path, counts, np.zeros(counts.shape[1:], np.uint32))
    images = aps_folder(tmp_path, counts)
    frames = sorted(p for p in tmp_path.glob("*.h5") if p != master)
    assert len(frames) == 3
    for address, path in ((master, frames[-1]), (images, sorted(images.iterdir())[3])):
        with pytest.raises(InputError, match="belongs to one"):
            check_writable({path.suffix: path}, [str(address)], overwrite=True)
    dataset = id01_file(tmp_path, counts)
    with pytest.raises(InputError, match="belongs to one"):
        check_writable({".h5": tmp_path / "mpx1x4_0012.h5"}, [f"{dataset}:/12.1"], overwrite=True)
    check_writable({".npz": images / "S54_filled.npz"}, [str(images)], overwrite=True)


@pytest.mark.parametrize("place", ["", ":/entry_1/instrument_1/detector_1/mask"])
@pytest.mark.parametrize("with_frames", [True, False])
def test_a_mask_behind_a_link_is_an_input(tmp_path, place, with_frames):
    for name, link in (("far.h5", "m"), ("near.h5", h5py.ExternalLink("far.h5", "m"))):
        with h5py.File(tmp_path / name, "w") as file:
            file["m" if link == "m" else "entry_1/instrument_1/detector_1/mask"] = GOOD if link == "m" else link
            if with_frames and name == "near.h5":
                file["entry_1/data_1/data"] = COUNTS
    np.testing.assert_array_equal(read_mask(f"{tmp_path / 'near.h5'}{place}"), GOOD)
    with pytest.raises(InputError, match="belongs to one"):
        check_writable({".h5": tmp_path / "far.h5"}, [f"{tmp_path / 'near.h5'}{place}"], overwrite=True)


@pytest.mark.parametrize("option", ["--dark", "--flat"])
def test_dark_and_flat_are_inputs_of_a_batch_too(scan_file, tmp_path, capsys, option):
    np.savez(tmp_path / "even.npz", data=np.ones((24, 32)))
    before = (tmp_path / "even.npz").read_bytes()
    words = ("fill", scan_file, option, tmp_path / "even.npz", "--mask-convention", "good1", "--method", "linear")
    assert run(*words, "-o", tmp_path / "even.npz", "--overwrite") == 2
    assert "got a file that is read as well" in capsys.readouterr().err
    assert (tmp_path / "even.npz").read_bytes() == before


def test_estimates_that_are_forgotten_need_not_be_counts(tmp_path):
    """Those of another program may be negative; they are refused as a fill, and as what is to be filled again they are not."""
    filled = np.zeros(COUNTS.shape, np.uint8)
    filled[:, 3] = 1
    np.savez(tmp_path / "S2.npz", data=np.where(filled, -1.5, COUNTS), mask=0 * filled, filled=filled)
    with pytest.raises(InputError, match="filled: got estimates"):
        open_scan(str(tmp_path / "S2.npz"), MaskChoice(), {}, False)
    opened = open_scan(str(tmp_path / "S2.npz"), MaskChoice(again=True), {}, False)
    np.testing.assert_array_equal(opened.mask, filled > 0)


def test_negative_values_that_are_measured_pass_the_door(tmp_path):
    values = COUNTS - 0.5
    np.savez(tmp_path / "S3.npz", data=values, mask=1 - GOOD)
    opened = open_scan(str(tmp_path / "S3.npz"), MaskChoice(), {}, False, negatives="measured")
    np.testing.assert_array_equal(opened.scan.intensity, values)


def test_an_output_that_is_not_wanted_is_no_mistake(scan_file):
    check_writable({".png": None, "cxi": None}, [scan_file], overwrite=False)


def test_names_beside_a_scan():
    assert beside("a/S1.npz", "_object.npz").as_posix() == "a/S1_object.npz"
    assert beside("a/S1.cxi:/entry_1/data", "_x.png").as_posix() == "a/S1_x.png"


@pytest.mark.parametrize("verb", ["retrieve", "compare"])
def test_phase_retrieval_takes_a_mask_of_good_voxels_and_a_detector_as_the_other_verbs_do(tmp_path, scan_file, verb):
    """The whole detector is masked if the mask is read the wrong way round, so that nothing is left to retrieve."""
    arguments = [
        verb,
        scan_file,
        "--treatment",
        "free",
        "--coherence",
        "full",
        "--schedule",
        "hio 20, er 2",
        "--starts",
        1,
        "--keep",
        1,
        "--device",
        "cpu",
    ]
    out = tmp_path / ("object.npz" if verb == "retrieve" else "picture.png")
    bad = tmp_path / "bad.npy"
    np.save(bad, np.ones((24, 32)))
    assert run(*arguments, "-o", out, "--mask", bad) == 2
    assert run(*arguments, "-o", out, "--mask", bad, "--mask-convention", "good1", "--detector", "maxipix") == 2
    detector = ["--detector", "maxipix", "--roi", "240,240"]
    assert run(*arguments, "-o", out, "--mask", bad, "--mask-convention", "good1", *detector) == 0
    assert out.exists()
    if verb == "retrieve":
        with np.load(out) as written:
            assert json.loads(str(written["provenance"]))["options"]["schedule"] == [["hio", 20], ["er", 2]]


@pytest.mark.parametrize("verb", ["fill", "mask"])
def test_what_the_scans_own_mask_marks_and_the_given_one_does_not_is_warned_of(tmp_path, capsys, verb):
    own, other = np.zeros((24, 32), np.uint8), np.zeros((24, 32), np.uint8)
    own[:, 3:5] = other[8:10] = 1
    np.savez(tmp_path / "S1.npz", data=COUNTS, mask=own)
    for marked, warned in ((other, True), (other | own, False)):
        np.savez(tmp_path / "m.npz", mask=marked)
        more = ["--method", "linear", "--overwrite"] if verb == "fill" else []
        assert run(verb, tmp_path / "S1.npz", "--mask", tmp_path / "m.npz", *more) == 0
        said = f"{24 * 2 * 22:,} voxels that the scan's own mask marks as not measured count as measured now"
        assert (said in " ".join(capsys.readouterr().err.split())) == warned


def test_the_mask_of_a_filled_scan_says_that_it_leaves_its_estimates_out(tmp_path, capsys):
    mask = np.zeros((24, 32), np.uint8)
    mask[:, 3:5] = 1
    np.savez(tmp_path / "S1.npz", data=COUNTS, mask=mask)
    assert run("fill", tmp_path / "S1.npz", "--method", "linear") == 0
    capsys.readouterr()
    assert run("mask", tmp_path / "S1_filled.npz") == 0
    assert f"{24 * 24 * 2:,} voxels of this scan are estimates" in " ".join(capsys.readouterr().err.split())
    assert run("mask", tmp_path / "S1_filled.npz", "--again") == 0
    assert "are estimates" not in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--hot"], ["--crop", "4,4,4"], ["--find"], ["--dark", "none.tif"], ["--again"]])
def test_what_looks_at_a_scan_is_refused_without_one(capsys, more):
    assert run("mask", "--detector", "maxipix", *more) == 2
    assert f"{more[0][2:]}: got it without a scan to look at" in capsys.readouterr().err


def test_a_geometry_that_would_be_lost_is_refused(scan_file, capsys):
    words = ("convert", scan_file, scan_file.with_name("out.npz"), "--mask-convention", "good1", "--energy-kev", 9)
    assert run(*words) == 2
    assert "energy_kev: got a value for" in capsys.readouterr().err
    assert not scan_file.with_name("out.npz").exists()
