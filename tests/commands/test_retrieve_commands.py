"""The commands retrieve, strain and compare, on a pattern of 32³ voxels with a stripe 3 wide."""

import json

import numpy as np
import pytest
from known_objects import faceted, pattern_of, ramp_free
from program import run

from braggfill import InputError, retrieve, strain
from braggfill.commands.options import USUAL_SCHEDULE, read_schedule
from braggfill.crystal.search.alignment import correlation
from braggfill.crystal.search.turns import Turn
from braggfill.judging import comparison
from braggfill.judging.comparison import compare
from braggfill.retrieval.options import SCHEDULE
from braggfill.scan.boxes import bounding_box
from braggfill.simulation.scans import one_thread

QUICK = "hio 10, er 10, ml 5"


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def filled():
    """Whole counts, a stripe of them 'filled' with the truth, and its spread."""
    expected = pattern_of(faceted((32, 32, 32), 9.0, 0.4), 1e5)
    counts = np.random.default_rng(0).poisson(expected).astype(np.float32)
    stripe = np.zeros(counts.shape, bool)
    stripe[:, 20:23] = True
    return np.where(stripe, expected, counts), stripe, np.where(stripe, 0.3 * expected, 0).astype(np.float32)


@pytest.fixture
def scan_file(tmp_path, filled):
    data, stripe, std = filled
    path = tmp_path / "S1_filled.npz"
    np.savez(path, data=data, mask=np.zeros(data.shape, np.uint8), filled=stripe.astype(np.uint8), std=std)
    return path


def test_a_schedule_is_read_as_it_is_written():
    assert tuple(map(tuple, read_schedule(USUAL_SCHEDULE))) == SCHEDULE


def test_retrieve_writes_what_the_function_returns(tmp_path, scan_file, filled, capsys):
    data, stripe, std = filled
    assert (
        run("retrieve", scan_file, "--starts", 2, "--keep", 1, "--coherence", "full", "--schedule", QUICK, "--device", "cpu")
        == 0
    )
    expected = retrieve(
        data,
        filled=stripe,
        std=std,
        starts=2,
        keep=1,
        coherence="full",
        schedule=(("hio", 10), ("er", 10), ("ml", 5)),
        device="cpu",
    )
    assert expected.options.treatment == "bounded"
    with np.load(tmp_path / "S1_filled_object.npz") as written:
        assert correlation(written["crystal"], expected.crystal) > 0.9999
        assert written["support"].dtype == np.uint8
        facts = json.loads(str(written["provenance"]))
    assert facts["options"]["treatment"] == "bounded"
    assert [s["number"] for s in facts["starts"]] == [s.number for s in expected.starts]
    assert "in common" in capsys.readouterr().out


def test_a_mask_over_some_estimates_is_warned_of_and_one_over_all_refused(tmp_path, scan_file, filled, capsys):
    gap = filled[1].copy()
    np.save(tmp_path / "gap.npy", gap)
    for words in (["retrieve"], ["retrieve", "--treatment", "bounded"], ["compare", "--treatment", "bounded"]):
        assert run(words[0], scan_file, *words[1:], "--mask", tmp_path / "gap.npy") == 2
        assert f"mask: got one that covers all {gap.sum():,} estimates" in capsys.readouterr().err
    gap[:16] = False
    np.save(tmp_path / "part.npy", gap)
    quick = ["--starts", 1, "--keep", 1, "--coherence", "full", "--schedule", QUICK, "--device", "cpu"]
    assert run("retrieve", scan_file, "--mask", tmp_path / "part.npy", *quick) == 0
    told = capsys.readouterr()
    assert f"mask: covers {gap.sum():,} estimates" in told.err
    assert "bounded: " in told.out


def test_retrieve_says_how_many_starts_converged_and_how_coherent_the_light_was(tmp_path, scan_file, monkeypatch, capsys):
    """Not one of a search that is far too short: it says so, and is no failure."""
    monkeypatch.setattr("braggfill.retrieval.partial.TURNS", (Turn(2, 2, 1, 2, coherent=True),))
    monkeypatch.setattr("braggfill.retrieval.carried.LIFTS", 0)
    assert run("retrieve", scan_file, "--starts", 2, "--keep", 1, "--device", "cpu") == 0
    told = capsys.readouterr()
    assert "0 of 1 starts taken to the end converged" in told.out
    assert told.err.count("no start converged") == 1
    with np.load(tmp_path / "S1_filled_object.npz") as written:
        facts = json.loads(str(written["provenance"]))
    assert facts["options"]["coherence"] == "partial"
    assert facts["coherence"] in ("partial", "full")
    assert facts["converged"] == 0
    assert len(facts["starts"]) == 2
    for start in facts["starts"]:
        assert start["misfit"] > 1.2 * start["noise_misfit"]
        assert len(start["widths"]) == 3
        assert start["converged"] is False


def test_a_known_object_of_another_shape_is_one_sentence(tmp_path, capsys):
    for name, size in (("object", 32), ("truth", 36)):
        np.savez(tmp_path / f"{name}.npz", crystal=faceted((size, 32, 32), 9.0).astype(np.complex64))
    assert run("strain", tmp_path / "object.npz", "--truth", tmp_path / "truth.npz") == 2
    assert "got an object of (36, 32, 32) voxels, expected (32, 32, 32)" in " ".join(capsys.readouterr().err.split())


def test_strain_reads_the_object_and_compares_it_with_a_known_one(tmp_path, capsys):
    crystal = ramp_free(faceted((32, 32, 32), 9.0, 0.4)).astype(np.complex64)
    np.savez(tmp_path / "object.npz", crystal=crystal)
    np.savez(tmp_path / "truth.npz", crystal=np.roll(crystal, 2, 1) * 1j)
    geometry = ["--voxel-nm", 5, 6, 7, "--q-inv-nm", 20, 0, 10]
    plot = tmp_path / "strain.png"
    truth = ["--truth", tmp_path / "truth.npz", "--plot", plot]
    assert run("strain", tmp_path / "object.npz", *geometry, *truth) == 0
    expected = strain(crystal, voxel_nm=(5, 6, 7), q_inv_nm=(20, 0, 10))
    with np.load(tmp_path / "object_strain.npz") as written:
        np.testing.assert_array_equal(written["strain"], expected.strain)
        np.testing.assert_array_equal(written["displacement_nm"], expected.displacement_nm)
        facts = json.loads(str(written["provenance"]))
    assert facts["correlation"] > 0.9999
    assert facts["rmse"] < 0.02 * np.nanstd(expected.strain)
    assert plot.read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr().out
    assert "RMSE" in told
    assert told.startswith("average strain ")


def test_strain_calls_a_phase_gradient_so_where_neither_voxel_nor_vector_is_given(tmp_path, capsys):
    np.savez(tmp_path / "object.npz", crystal=faceted((32, 32, 32), 9.0, 0.4).astype(np.complex64))
    assert run("strain", tmp_path / "object.npz") == 0
    assert capsys.readouterr().out.startswith("average -phase gradient (rad a voxel) ")


def test_retrieve_draws_the_object_and_puts_it_on_a_page(tmp_path, scan_file):
    plot, report = tmp_path / "object.png", tmp_path / "object.html"
    quick = ["--starts", 1, "--keep", 1, "--coherence", "full", "--schedule", QUICK, "--device", "cpu"]
    assert run("retrieve", scan_file, *quick, "--plot", plot, "--report", report) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    page = report.read_text()
    assert "<h2>The crystal</h2>" in page
    assert page.count('src="data:image/png;base64,') == 1
    assert f"<dd>{32 * 3 * 32:,} (9.38 %)</dd>" in page  # of the fill that the file holds


def test_compare_draws_the_treatments_and_ends_with_advice(tmp_path, scan_file, capsys):
    quick = ["--starts", 1, "--coherence", "full", "--schedule", QUICK, "--device", "cpu"]
    assert run("compare", scan_file, "--treatment", "bounded", "--treatment", "free-streaks", *quick) == 0
    assert (tmp_path / "S1_filled_compared.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "bounded" in printed
    assert "free-streaks" in printed
    assert "strain: -phase gradient (rad a voxel)" in printed
    last = printed.strip().splitlines()[-1]
    assert last.startswith(("For this scan take 'bounded'", "For this scan take 'free-streaks'"))


def test_compare_fills_a_scan_that_is_not_filled(filled):
    data, stripe, _ = filled
    options = {
        "treatments": ("zero", "filled"),
        "starts": 1,
        "keep": 1,
        "coherence": "full",
        "schedule": (("er", 5),),
        "device": "cpu",
    }
    zero, estimated = compare(np.where(stripe, 0, data), stripe, **options).compared
    assert (zero.treatment, estimated.treatment) == ("zero", "filled")
    assert zero.correlation == 1
    assert 0.5 < estimated.correlation < 1


def test_a_treatment_that_finds_no_object_takes_none_of_the_others_with_it(filled, monkeypatch):
    """A search that diverges: nothing of its object is finite, and nothing is left of its support."""
    data, stripe, std = filled
    search = comparison.retrieve

    def diverging(*arguments, treatment, **options):
        if treatment == "zero":
            bounding_box(np.full((4, 4, 4), np.nan) > 0)
        return search(*arguments, treatment=treatment, **options)

    monkeypatch.setattr(comparison, "retrieve", diverging)
    quick = {"starts": 1, "keep": 1, "coherence": "full", "schedule": (("er", 5),), "device": "cpu"}
    found = compare(data, filled=stripe, std=std, treatments=("zero", "free"), **quick)
    assert [c.treatment for c in found.compared] == ["free"]
    assert list(found.left_out) == ["zero"]
    assert "the object vanished" in found.left_out["zero"]
    with pytest.raises(InputError, match="none that finds an object"):
        compare(data, filled=stripe, std=std, treatments=("zero",), **quick)


BAD = {
    "schedule": ["retrieve", "S1_filled.npz", "--schedule", "hio"],
    "own turns": ["retrieve", "S1_filled.npz", "--schedule", "er 8"],
    "keep": ["retrieve", "S1_filled.npz", "--starts", "1", "--keep", "2"],
    "itself": ["retrieve", "S1_filled.npz", "-o", "S1_filled.npz", "--overwrite"],
    "support": ["retrieve", "S1_filled.npz", "--support", "nothing.npz"],
    "no object": ["strain", "S1_filled.npz"],
    "missing": ["strain", "nothing.npz"],
    "no compare": ["compare", "nothing.npz"],
    "twice": ["compare", "S1_filled.npz", "--treatment", "free", "--treatment", "free"],
    "picture": ["compare", "S1_filled.npz", "-o", "picture.npz"],
    "no page": ["retrieve", "plain.npz", "--report", "page.html"],
    "no estimates": ["retrieve", "plain.npz", "--treatment", "filled"],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, scan_file, filled, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    np.savez("plain.npz", data=np.where(filled[1], 0, filled[0]), mask=filled[1])
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    assert run(*BAD[name]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("braggfill: ")
    assert captured.err.count("\n") == 1
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
