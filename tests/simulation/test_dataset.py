import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest

from braggfill import InputError
from braggfill.base.tasks import Workers
from braggfill.simulation.dataset import CONTENTS, SetRequest, scan_path, simulate_set
from braggfill.simulation.library import split_of
from braggfill.simulation.scans import SimulationConfig

REQUEST = SetRequest((20, 24, 22), 7, 3, True, None, None, SimulationConfig())
HERE = Workers(1)


def ignore(done, total):
    pass


@pytest.fixture(scope="module")
def made_here(tmp_path_factory):
    """Six scans made one after the other in this process: folder and contents."""
    out = tmp_path_factory.mktemp("sets") / "here"
    return out, simulate_set(out, 6, REQUEST, HERE, ignore)


def test_contents_tell_of_every_scan(made_here):
    out, rows = made_here
    assert json.loads((out / CONTENTS).read_text())["scans"] == rows
    for index, row in enumerate(rows):
        assert row["file"] == scan_path(out, index).name
        assert row["split"] in ("train", "validation", "test")
        if row["crystal"]:
            assert row["split"] == split_of(row["crystal"])
    assert len({row["counts_sha256"] for row in rows}) == 6


def test_a_scan_holds_counts_truth_and_faults(made_here):
    with np.load(scan_path(made_here[0], 0)) as scan:
        assert scan["data"].shape == scan["expected"].shape == (20, 24, 22)
        assert (scan["data"][:, scan["mask"] > 0] == 0).all()
        pulls = (scan["data"] + scan["hidden"] - scan["expected"]) / np.sqrt(scan["expected"] + 1e-9)
        assert abs(pulls[scan["expected"] > 5].mean()) < 0.5
        assert scan["faulty"].shape == (24, 22)


def test_an_interrupted_set_is_finished_to_the_same_bits(made_here, tmp_path):
    class Interrupted(Exception):
        pass

    def stop(done, total):
        if done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        simulate_set(tmp_path / "set", 6, REQUEST, HERE, stop)
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "set").glob("*.npz")}
    assert len(before) == 2
    rows = simulate_set(tmp_path / "set", 6, REQUEST, HERE, ignore)
    assert rows == made_here[1]
    assert all((tmp_path / "set" / name).stat().st_mtime_ns == when for name, when in before.items())


def test_other_requests_and_other_folders_are_refused(made_here, tmp_path):
    for other in (replace(REQUEST, seed=8), replace(REQUEST, cross=0), replace(REQUEST, split="test")):
        with pytest.raises(InputError, match="choose another folder"):
            simulate_set(made_here[0], 6, other, HERE, ignore)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="other files"):
        simulate_set(tmp_path, 1, REQUEST, HERE, ignore)


def test_a_split_draws_its_own_crystals_only(tmp_path):
    rows = simulate_set(tmp_path / "set", 5, replace(REQUEST, split="validation"), HERE, ignore)
    assert {row["split"] for row in rows} == {"validation"}
    assert all(split_of(row["crystal"]) == "validation" for row in rows if row["crystal"])


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_with_a_killed_worker_makes_the_same_bits(made_here, tmp_path):
    distributed = pytest.importorskip("distributed")
    killed = []
    with distributed.LocalCluster(2, threads_per_worker=3, processes=True, dashboard_address=None) as cluster:

        def kill_one(done, total):
            if done == 1 and not killed:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        rows = simulate_set(tmp_path / "set", 6, REQUEST, Workers(scheduler=cluster.scheduler_address), kill_one)
    assert killed
    assert rows == made_here[1]
    ours, theirs = (sorted(p.name for p in folder.iterdir()) for folder in (made_here[0], tmp_path / "set"))
    assert ours == theirs
    for index in range(6):
        assert scan_path(tmp_path / "set", index).read_bytes() == scan_path(made_here[0], index).read_bytes()


@pytest.mark.parametrize("keep", [0, 500])
def test_a_damaged_scan_is_named(made_here, tmp_path, keep):
    shutil.copytree(made_here[0], tmp_path / "set")
    path = scan_path(tmp_path / "set", 1)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=f"{path.name}: is damaged"):
        simulate_set(tmp_path / "set", 6, REQUEST, HERE, ignore)


def test_asking_for_fewer_scans_forgets_none(made_here, tmp_path):
    shutil.copytree(made_here[0], tmp_path / "set")
    assert simulate_set(tmp_path / "set", 2, REQUEST, HERE, ignore) == made_here[1]


def test_what_a_killed_writer_left_is_removed(made_here, tmp_path):
    shutil.copytree(made_here[0], tmp_path / "set")
    (tmp_path / "set" / ".scan_00002.npz.0123abcd.part").write_bytes(b"half")
    simulate_set(tmp_path / "set", 6, REQUEST, HERE, ignore)
    assert not list((tmp_path / "set").glob(".*"))
