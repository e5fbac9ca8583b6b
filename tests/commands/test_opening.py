"""Every verb opens a scan in one way: outputs are looked at, the scan is read, its mask is chosen."""

import json

import numpy as np
import pytest
from known_objects import facetted, pattern_of
from program import run

from braggfill import InputError, detector_mask
from braggfill.commands.opening import beside, check_writable, open_scan
from braggfill.scan.choice import MaskChoice

COUNTS = np.random.default_rng(0).poisson(pattern_of(facetted((24, 24, 32), 9.0, 0.4), 1e5))
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
