import math
import os
import signal
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from braggfill import InputError
from braggfill.base.tasks import Workers, check_installed, spread
from braggfill.base.version import __version__


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise InputError(f"task {number}")


def slow_mark(task: tuple[Path, int]) -> int:
    """Leave a mark for every time that the task is begun, and say which process it is."""
    folder, number = task
    with (folder / f"{number}.begun").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.3)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_is_done_once(processes):
    assert sorted(spread(square, list(range(7)), Workers(processes))) == [n * n for n in range(7)]


def test_nothing_to_do():
    assert list(spread(square, [], Workers())) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_task_s_error_comes_through(processes):
    with pytest.raises(InputError, match="task 0"):
        list(spread(fail, [0, 0, 0], Workers(processes)))


def test_no_scheduler_there():
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="scheduler"):
        list(spread(square, [1], Workers(scheduler="tcp://127.0.0.1:9")))


def end_worker(number: int) -> int:
    """End the worker, as one that has no memory left."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.filterwarnings("ignore")
def test_a_task_that_kills_its_workers_is_given_up_and_the_others_are_done():
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
    ):
        there = Workers(scheduler=cluster.scheduler_address)
        assert sorted(spread(end_worker, [0, 1, 2], there, lambda number: -number)) == [-1, 0, 2]


class OneWorker:
    """A client whose only worker has some version of the package, or None."""

    def __init__(self, there: str | None) -> None:
        self.there = there

    def submit(self, *words, pure):
        return self

    def result(self) -> str:
        if self.there is None:
            raise PackageNotFoundError
        return self.there


@pytest.mark.parametrize("there", ["0.0", None])
def test_workers_without_this_version_are_refused(there):
    with pytest.raises(InputError, match=f"workers with braggfill {there or 'none'}, expected"):
        check_installed(OneWorker(there))
    check_installed(OneWorker(__version__))


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_s_tasks_are_done_by_the_other(tmp_path):
    distributed = pytest.importorskip("distributed")
    numbers = list(range(10))
    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        results = spread(slow_mark, [(tmp_path, n) for n in numbers], Workers(scheduler=cluster.scheduler_address))
        done = [next(results)]
        os.kill(int((tmp_path / f"{done[0]}.begun").read_text().split()[0]), signal.SIGKILL)
        done += list(results)
    assert sorted(done) == numbers
    begun = [len((tmp_path / f"{n}.begun").read_text().split()) for n in numbers]
    assert sum(begun) > len(numbers)  # what the killed worker had begun was begun again


def test_no_slurm_there(monkeypatch, tmp_path):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^slurm: got no program 'sbatch' here, expected"):
        list(spread(square, [1], Workers(slurm_jobs=1)))


@pytest.mark.filterwarnings("ignore")
def test_slurm_jobs_do_the_tasks(monkeypatch, tmp_path):
    """A stand-in for sbatch starts the job script on this machine; scancel ends it."""
    dask, _ = pytest.importorskip("dask"), pytest.importorskip("dask_jobqueue")
    sbatch = f'#!/bin/bash\ncp "${{@: -1}}" {tmp_path}/job\nsetsid bash {tmp_path}/job >{tmp_path}/log 2>&1 &\n'
    sbatch += f"echo $! >{tmp_path}/pid\necho Submitted batch job 7\n"
    scancel = f"#!/bin/bash\nkill -- -$(cat {tmp_path}/pid)\n"
    for name, script in (("sbatch", sbatch), ("scancel", scancel)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with dask.config.set({"jobqueue.slurm.cores": 1, "jobqueue.slurm.memory": "1GB", "jobqueue.slurm.processes": 1}):
        assert sorted(spread(math.factorial, [1, 2, 3], Workers(slurm_jobs=1))) == [1, 2, 6]
