"""Many scans: each succeeds or fails by itself, and what is done is not done again."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import aps_folder

from braggfill import InputError
from braggfill.base.config import build_each
from braggfill.base.tasks import Workers
from braggfill.commands.batch import attempt, fill_scans
from braggfill.commands.jobs import FillJob, make_jobs, numbered, output_beside, scan_numbers, select_scans
from braggfill.commands.outputs import Outputs
from braggfill.filling.options import FillOptions
from braggfill.scan.choice import MaskChoice, Preparation
from braggfill.scan.files import read_provenance, read_scan, write_scan
from braggfill.scan.formats.contents import Scan

MASK = np.zeros((24, 24), np.uint8)
MASK[10:13] = 1
KINDS = {"options": FillOptions, "mask": MaskChoice, "outputs": Outputs, "how": Preparation}


def jobs_of(scans, command="", **values):
    """Jobs by options given as the command line or a TOML file give them."""
    return make_jobs(scans, **build_each(KINDS, {"method": "linear"} | values, "test"), command=command)


def write_scans(folder, numbers, broken=()):
    """Scans S1.npz, S2.npz, …; the broken ones are cut off or have no gap."""
    for number in numbers:
        counts = np.random.default_rng(number).poisson(20.0, (8, 24, 24))
        np.savez(folder / f"S{number}.npz", data=counts, mask=MASK)
    for number, how in zip(broken, ("cut off", "no gap"), strict=False):
        path = folder / f"S{number}.npz"
        if how == "cut off":
            path.write_bytes(path.read_bytes()[:1000])
        else:
            np.savez(path, data=counts)
    return [(str(folder / f"S{n}.npz"), None) for n in numbers]


@given(st.lists(st.integers(0, 99), min_size=1, max_size=8))
def test_a_list_of_numbers_is_read_as_it_is_written(numbers):
    assert scan_numbers(",".join(map(str, numbers))) == list(dict.fromkeys(numbers))


@given(st.integers(0, 50), st.integers(0, 20))
def test_a_range_has_both_its_ends(first, more):
    assert scan_numbers(f"{first}-{first + more}") == list(range(first, first + more + 1))


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-3", "1-2-3", "1.5"])
def test_what_is_no_list_of_numbers(text):
    with pytest.raises(InputError, match=r"12,23-30"):
        scan_numbers(text)


def test_templates():
    assert numbered("data_%05d/S%d.cxi", 37) == "data_00037/S37.cxi"
    assert numbered("100%/S%d", 2) == "100%/S2"
    assert select_scans([], "3,5-6", "S%02d.cxi") == [("S03.cxi", 3), ("S05.cxi", 5), ("S06.cxi", 6)]
    assert select_scans(["a.npz", "b.npz"], None, None) == [("a.npz", None), ("b.npz", None)]
    for wrong in (([], None, None), ([], "3", None), (["a"], "3", "S%d"), ([], "3", "S.cxi")):
        with pytest.raises(InputError):
            select_scans(*wrong)


def test_names_of_results():
    assert output_beside("a/S1.npz", None).as_posix() == "a/S1_filled.npz"
    assert output_beside("a/S1.h5", "cxi").as_posix() == "a/S1_filled.cxi"
    assert output_beside("a/S1_pynx_input_data.npz", "cdiutils").name == "S1_filled_pynx_input_data.npz"
    assert output_beside("a/S1_pynx_norm.npz", "bcdi").name == "S1_pynx_norm_filled.npz"
    assert output_beside("a/prep_data.tif", "cohere").name == "prep_data_filled.tif"
    assert output_beside("a/scan.h5:/entry/frames", None).name == "scan_filled.npz"
    assert output_beside("a/scan.h5:/12.1/instrument/det/data", None).name == "scan_12.1_filled.npz"


def test_jobs_know_their_place_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (job,) = jobs_of([("S3.npz", 3)], mask="m_%d.npz", report="reports", plot="one.png")
    assert (job.scan, job.mask.mask) == (str(tmp_path / "S3.npz"), str(tmp_path / "m_3.npz"))
    assert job.output == tmp_path / "S3_filled.npz"
    assert (job.outputs.plot, job.outputs.report) == (tmp_path / "one.png", tmp_path / "reports" / "S3_filled.html")
    (job,) = jobs_of([("S3.npz", None)], method="unet", weights="own.safetensors")
    assert job.options.weights == tmp_path / "own.safetensors"
    (job,) = jobs_of([("S3.npz", None)], output="reports", format="cxi")
    assert (job.output, job.kind) == (tmp_path / "reports" / "S3_filled.cxi", "cxi")
    for scans, outputs in (
        ([("S3.npz", 3), ("S4.npz", 4)], {"output": "one.npz"}),
        ([("S3.npz", 3)], {"plot": "one.png", "report": "one.png"}),
    ):
        with pytest.raises(InputError, match=r"one\.\w+: got 2 results, pictures or pages to be written there"):
            jobs_of(scans, **outputs)


@pytest.mark.parametrize("kind", ["output", "plot", "report"])
def test_a_folder_that_is_to_be_made_first(tmp_path, kind):
    folder = tmp_path / "filled"
    with pytest.raises(InputError, match=rf"^output {folder}: got a folder that does not exist.*\(mkdir {folder}\)$"):
        jobs_of([("S3.npz", None)], **{kind: str(folder)})
    folder.mkdir()
    assert jobs_of([("S3.npz", None)], **{kind: str(folder)})


def test_ten_succeed_two_fail_and_a_second_run_does_what_is_missing(tmp_path):
    scans = write_scans(tmp_path, range(1, 13), broken=(4, 9))
    jobs = jobs_of(scans)
    outcomes = fill_scans(jobs, Workers(1))
    assert [o.state for o in outcomes] == ["failed" if n in (4, 9) else "filled" for n in range(1, 13)]
    assert "cannot be read" in outcomes[3].sentence
    assert "no voxel marked" in outcomes[8].sentence
    results = set(tmp_path.glob("*_filled.npz"))
    assert len(results) == 10
    assert not list(tmp_path.glob(".*.part"))
    stamps = {p: p.stat().st_mtime_ns for p in results}
    (tmp_path / "S1_filled.npz").unlink()
    write_scans(tmp_path, [4])
    expected = ["filled" if n in (1, 4) else "failed" if n == 9 else "there already" for n in range(1, 13)]
    assert [o.state for o in fill_scans(jobs, Workers(1))] == expected
    assert all(p.stat().st_mtime_ns == stamps[p] for p in results - {tmp_path / "S1_filled.npz"})


def test_no_scan_of_a_batch_is_written_over(tmp_path):
    for name in ("S1.npz", "S1_filled.npz"):
        np.savez(tmp_path / name, data=np.ones((4, 4, 4)))
    scans = [(str(tmp_path / name), None) for name in ("S1.npz", "S1_filled.npz")]
    with pytest.raises(InputError, match="got a file that is read as well"):
        make_jobs(scans, FillOptions(), MaskChoice(), Outputs(overwrite=True))
    assert make_jobs(scans[1:], FillOptions(), MaskChoice(), Outputs(overwrite=True))


@pytest.mark.parametrize("text", ["1-3000000", "1-100000,7", "9" * 5000, "1-" + "9" * 30])
def test_more_scans_than_anyone_has_are_refused(text):
    with pytest.raises(InputError, match=r"^scan: got"):
        scan_numbers(text)


@pytest.mark.parametrize("template", ["S%0999999999d.npz", "S%21d.npz", "%" + "9" * 5000 + "d"])
def test_a_template_of_more_digits_than_a_number_has_is_refused(template):
    with pytest.raises(InputError, match=r"^template: got"):
        numbered(template, 1)


def test_what_is_to_be_known_of_a_fill_is_told_in_a_batch(tmp_path):
    counts = np.random.default_rng(1).poisson(20.0, (1, 24, 40))
    mask = np.zeros((24, 40), np.uint8)
    mask[10:13] = mask[:, :15] = 1
    np.savez(tmp_path / "S1.npz", data=counts, mask=mask)
    (job,) = jobs_of([(str(tmp_path / "S1.npz"), None)], method="retrieval")
    outcome = attempt(job)
    assert outcome.state == "filled" and "by unet" in outcome.sentence
    assert "filled by the network: the scan is too small" in outcome.sentence
    assert "voxels stay masked" in outcome.sentence


def test_a_result_made_otherwise_is_neither_taken_nor_replaced(tmp_path):
    scans = write_scans(tmp_path, [1])
    (job,) = jobs_of(scans)
    assert attempt(job).state == "filled"
    before = job.output.read_bytes()
    (other,) = jobs_of(scans, method="nearest")
    outcome = attempt(other)
    assert outcome.state == "failed"
    assert "--overwrite" in outcome.sentence
    assert job.output.read_bytes() == before
    (replaced,) = jobs_of(scans, method="nearest", overwrite=True)
    assert attempt(replaced).state == "filled"
    assert read_provenance(job.output)["method"] == "nearest"


def test_a_result_of_another_scan_of_the_same_name_is_none_of_this_one(tmp_path):
    for name in ("a", "b", "results"):
        (tmp_path / name).mkdir()
    ours, theirs = (jobs_of(write_scans(tmp_path / run, [1]), output=str(tmp_path / "results"))[0] for run in "ab")
    assert attempt(ours).state == "filled"
    outcome = attempt(theirs)
    assert outcome.state == "failed"
    assert "--overwrite" in outcome.sentence
    assert attempt(ours).state == "there already"


@pytest.mark.parametrize("name", ["S1.npz", "m.npz"])
def test_a_result_older_than_what_it_was_made_of_is_made_differently(tmp_path, name):
    scans = write_scans(tmp_path, [1])
    np.savez(tmp_path / "m.npz", mask=MASK)
    (job,) = jobs_of(scans, mask=str(tmp_path / "m.npz"))
    assert [attempt(job).state for _ in range(2)] == ["filled", "there already"]
    later = job.output.stat().st_mtime_ns + 10**9
    os.utime(tmp_path / name, ns=(later, later))
    assert attempt(job).state == "failed"


def test_weights_trained_anew_make_a_result_differently(tmp_path):
    weights = tmp_path / "w.safetensors"
    weights.touch()
    (job,) = jobs_of(write_scans(tmp_path, [1]), method="unet", weights=str(weights))
    write_scan(job.output, Scan(np.ones((8, 24, 24)), None, "S1", provenance=job.record))
    assert attempt(job).state == "there already"
    later = job.output.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(later, later))
    assert attempt(job).state == "failed"


def test_a_scan_moved_with_its_result_is_known_again(tmp_path):
    (tmp_path / "here").mkdir()
    (job,) = jobs_of(write_scans(tmp_path / "here", [1]))
    assert attempt(job).state == "filled"
    (tmp_path / "here").rename(tmp_path / "there")
    (moved,) = jobs_of([(str(tmp_path / "there" / "S1.npz"), None)])
    assert attempt(moved).state == "there already"


def test_a_picture_and_a_page_that_lack_are_made_of_the_result_that_is_there(tmp_path):
    write_scans(tmp_path, [1])
    with np.load(tmp_path / "S1.npz") as stored:
        np.savez(tmp_path / "S1.npz", hidden=stored["data"], **stored)
    scans = [(str(tmp_path / "S1.npz"), None)]
    shown = {"plot": str(tmp_path / "S1.png"), "report": str(tmp_path / "S1.html"), "self_test": False}
    (job,) = jobs_of(scans, "braggfill fill S1.npz", **shown)
    assert attempt(job).state == "filled"
    first = {name: (tmp_path / name).read_bytes() for name in ("S1_filled.npz", "S1.png", "S1.html")}
    for lacking in (["S1.png"], ["S1.html"], ["S1.png", "S1.html"]):
        for name in lacking:
            (tmp_path / name).unlink()
        assert attempt(job).state == "there already"
        assert {name: (tmp_path / name).read_bytes() for name in first} == first


def test_an_error_that_nobody_foresaw_fails_one_scan(tmp_path, monkeypatch):
    (job,) = jobs_of(write_scans(tmp_path, [1]))
    monkeypatch.setattr("braggfill.commands.batch.fill_scan", lambda *_, **__: 1 / 0)
    assert attempt(job).sentence == "ZeroDivisionError: division by zero"


def test_the_resolved_configuration_is_in_the_result(tmp_path):
    chosen = {"detector": "merlin", "roi": [240, 0], "format": "cxi"}
    counts = np.random.default_rng(0).poisson(20.0, (8, 24, 24))
    np.save(tmp_path / "S1.npy", counts)
    scans = [(str(tmp_path / "S1.npy"), None)]
    (job,) = jobs_of(scans, "braggfill fill S1.npy", **chosen)
    assert attempt(job).state == "filled"
    facts = read_scan(str(tmp_path / "S1_filled.cxi")).provenance
    assert facts["configuration"] == json.loads(json.dumps(facts["configuration"]))
    assert {k: facts["configuration"][k] for k in ("method", "detector", "roi", "mask_convention", "skip")} == {
        "method": "linear",
        "detector": "merlin",
        "roi": [240, 0],
        "mask_convention": None,
        "skip": None,
    }
    assert facts["command"] == "braggfill fill S1.npy"
    stored = {k: v for k, v in facts["configuration"].items() if v is not None}
    assert jobs_of(scans, "braggfill fill S1.npy", **stored) == [job]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"methd": "linear"}, "'methd'; did you mean 'method'"),
        ({"mask_convention": "good"}, "'good', expected"),
        ({"tta": 1}, "1, expected true or false$"),
        ({"counts_per_unit": "2"}, "'2', expected a number$"),
        ({"roi": "1,2"}, "expected a list, each a whole number$"),
        ({"method": 3}, "3, expected one of auto, unet, "),
        ({"format": "hdf"}, "'hdf', expected"),
    ],
)
def test_mistakes_in_the_configuration_are_named(values, says):
    with pytest.raises(InputError, match=says):
        build_each(KINDS, values, "config")


OF_VERSION_0_1 = {
    **{"mask": None, "mask_convention": "bad1", "detector": "merlin", "roi": [240, 0], "format": None, "self_test": True},
    **{"method": "linear", "skip": None, "device": "auto", "precision": "float32", "tta": False, "counts_per_unit": None},
    **{"weights": None, "adapt": False, "adapt_minutes": 2.0, "seed": 0},
}
"""A configuration as version 0.1.0 wrote it into its results."""


def test_results_of_earlier_versions_are_known_again(tmp_path):
    scans = write_scans(tmp_path, [1])
    (job,) = jobs_of(scans, detector="merlin", roi=[240, 0])
    write_scan(job.output, Scan(np.ones((8, 24, 24)), None, "S1", provenance={"configuration": OF_VERSION_0_1}))
    assert attempt(job).state == "there already"
    (other,) = jobs_of(scans, detector="merlin", roi=[240, 0], adaptation={"steps": 7})
    assert attempt(other).state == "failed"
    assert other.options.adaptation.steps == 7
    stored = {k: v for k, v in other.record["configuration"].items() if v is not None}
    assert jobs_of(scans, **stored) == [other]


def slowly(job: FillJob):
    """A job that says which process does it and takes long enough for this one to be killed."""
    with (job.output.parent / "pids").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.4)
    return attempt(job)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_worker(tmp_path, monkeypatch):
    """Ten results, two failures, nothing half-written, although a worker is killed in the middle."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("braggfill.commands.batch.attempt", slowly)
    jobs = jobs_of(write_scans(tmp_path, range(1, 13), broken=(4, 9)))
    killed = []

    def kill():
        while not (tmp_path / "pids").exists():
            time.sleep(0.05)
        killed.append(int((tmp_path / "pids").read_text().split()[0]))
        os.kill(killed[0], signal.SIGKILL)

    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        thread = threading.Thread(target=kill)
        thread.start()
        outcomes = fill_scans(jobs, Workers(scheduler=cluster.scheduler_address))
        thread.join()
    assert killed
    begun = (tmp_path / "pids").read_text().split()
    assert len(begun) > len(jobs)  # what the killed worker had begun was begun again
    assert [o.state for o in outcomes] == ["failed" if n in (4, 9) else "filled" for n in range(1, 13)]
    assert len(list(tmp_path.glob("*_filled.npz"))) == 10
    for path in tmp_path.glob("*_filled.npz"):
        assert read_scan(str(path)).filled.sum() == 8 * 3 * 24
    monkeypatch.undo()
    assert {o.state for o in fill_scans(jobs, Workers(1))} == {"there already", "failed"}


def test_the_folder_that_one_is_in_is_a_scan_with_a_name(tmp_path, monkeypatch):
    aps_folder(tmp_path, np.random.default_rng(0).poisson(20.0, (4, 24, 24)))
    monkeypatch.chdir(tmp_path / "Staff20_S0054")
    (job,) = make_jobs([(".", None)], FillOptions(), MaskChoice(), Outputs())
    assert (job.scan, job.output) == (str(tmp_path / "Staff20_S0054"), tmp_path / "Staff20_S0054_filled.npz")
