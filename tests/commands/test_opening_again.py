"""A scan that is filled already is not taken for a measured one: it says by what it was filled, and how to begin anew."""

import numpy as np
import pytest
from made_files import counts_of_a_crystal
from program import run

from braggfill import fill_gaps
from braggfill.scan.files import FORMATS, read_scan

COUNTS = counts_of_a_crystal()
GAP = np.zeros(COUNTS.shape[1:], np.uint8)
GAP[25:29] = 1
GAP[3:9, 5:30] = 0


@pytest.fixture
def filled_file(tmp_path):
    np.savez(tmp_path / "S1.npz", data=COUNTS, mask=GAP)
    assert run("fill", tmp_path / "S1.npz", "--method", "nearest") == 0
    return tmp_path / "S1_filled.npz"


@pytest.mark.parametrize("verb", [["fill"], ["evaluate"], ["finetune", "-o", "w.safetensors"]])
def test_it_says_by_what_it_is_filled_and_how_to_begin_anew(filled_file, capsys, monkeypatch, verb):
    monkeypatch.chdir(filled_file.parent)
    before = sorted(p.name for p in filled_file.parent.iterdir())
    assert run(verb[0], filled_file, *verb[1:]) == 2
    told = capsys.readouterr().err
    assert "is filled already (braggfill 0.1.0, method nearest, 1,728 voxels, from S1.npz)" in told
    assert "--again" in told and told.count("\n") == 1
    assert sorted(p.name for p in filled_file.parent.iterdir()) == before


def test_again_fills_the_same_voxels_from_the_measured_ones_alone(filled_file):
    out = filled_file.with_name("again.npz")
    assert run("fill", filled_file, "--again", "--method", "linear", "-o", out) == 0
    anew, straight = read_scan(str(out)), fill_gaps(COUNTS, GAP, method="linear")
    np.testing.assert_array_equal(anew.intensity.view(np.uint32), straight.intensity.view(np.uint32))
    np.testing.assert_array_equal(anew.filled > 0, straight.filled)
    assert anew.provenance["filled_before"] == {
        "program": "braggfill",
        "version": "0.1.0",
        "method": "nearest",
        "input": "S1.npz",
        "voxels": 1728,
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_carries_what_again_needs(tmp_path, filled_file, kind):
    name = {
        "npz": "a.npz",
        "cxi": "a.cxi",
        "cdiutils": "a_pynx_input_data.npz",
        "bcdi": "a_pynx.npz",
        "cohere": "prep_data.tif",
    }
    there = tmp_path / name[kind]
    assert run("convert", filled_file, there, "--format", kind) == 0
    out = tmp_path / "again.cxi"
    assert run("fill", there, "--again", "--method", "linear", "-o", out) == 0
    np.testing.assert_array_equal(read_scan(str(out)).intensity, fill_gaps(COUNTS, GAP, method="linear").intensity)


def test_convert_again_writes_the_scan_as_it_was_before_the_fill(filled_file):
    there = filled_file.with_name("bare.npz")
    assert run("convert", filled_file, there, "--again") == 0
    bare = read_scan(there)
    np.testing.assert_array_equal(bare.intensity, np.where(GAP > 0, 0, COUNTS))
    np.testing.assert_array_equal(bare.mask, np.broadcast_to(GAP, COUNTS.shape))
    assert (bare.filled, bare.std) == (None, None)
    assert set(bare.provenance) == {"program", "version", "input", "filled_before"}
    out = filled_file.with_name("anew.npz")
    assert run("fill", there, "--method", "linear", "-o", out) == 0
    np.testing.assert_array_equal(read_scan(out).intensity, fill_gaps(COUNTS, GAP, method="linear").intensity)


def test_again_of_what_was_never_filled_is_one_sentence(filled_file, capsys):
    assert run("fill", filled_file.with_name("S1.npz"), "--again", "-o", filled_file.with_name("x.npz")) == 2
    assert "nothing is marked as filled" in capsys.readouterr().err
