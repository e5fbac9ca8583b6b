"""Many independent tasks, on the cores of this machine or on a Dask cluster; each depends on its argument alone.

Results come in the order in which they are ready. On a cluster, what a lost worker had begun is begun again by another.
"""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import as_completed as local_results
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from threading import current_thread, main_thread
from typing import Any, TypeVar

from braggfill.base.errors import InputError
from braggfill.base.stopping import end_children, obey_termination
from braggfill.base.version import __version__

Argument = TypeVar("Argument")
Result = TypeVar("Result")
CONNECTION_SECONDS = 5
"""A scheduler that does not answer within this time is not there."""


@dataclass(frozen=True)
class Workers:
    """Where tasks run: here by default, on a running Dask cluster, or on Slurm jobs that Dask starts."""

    processes: int | None = None
    """Processes on this machine; None for one a core."""
    scheduler: str | None = None
    """Address of a Dask scheduler, such as tcp://node:8786."""
    slurm_jobs: int = 0
    """Slurm jobs to start, as the file jobqueue.yaml of dask-jobqueue says."""

    @property
    def at_once(self) -> int:
        """Tasks that run side by side, as far as is known before a cluster is asked."""
        return self.slurm_jobs or self.processes or len(os.sched_getaffinity(0))


def spread(
    function: Callable[[Argument], Result],
    arguments: list[Argument],
    workers: Workers,
    when_killed: Callable[[Argument], Result] | None = None,
) -> Iterator[Result]:
    """Call a function on every argument, in parallel, and yield the results as they come.

    Parameters
    ----------
    function : callable
        Importable from a module, so that it can be sent to other processes.
    arguments : list
    workers : Workers
    when_killed : callable, optional
        From an argument whose task killed one worker of a cluster after another to what is yielded in place of its result.

    Yields
    ------
    Results of the function, in no fixed order.

    Raises
    ------
    InputError
        If the cluster cannot be reached, its packages or this one are not installed there, or a process was killed.
    """
    if workers.scheduler is not None or workers.slurm_jobs:
        with _dask_client(workers) as client:
            check_installed(client)
            yield from _on_cluster(client, function, arguments, when_killed)
        return
    processes = min(workers.at_once, len(arguments))
    if processes <= 1:
        yield from map(function, arguments)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin_process) as pool:
        with interruptions_ignored():
            futures = [pool.submit(function, argument) for argument in arguments]
        try:
            for future in local_results(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"jobs: one of {processes} processes was killed, perhaps for want of memory; what is done is kept; "
                "run again to go on, with fewer jobs"
            ) from error
        except (KeyboardInterrupt, GeneratorExit):
            end_children()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_process() -> None:
    """A process a core needs no threads beside its own, and goes when it is told to."""
    os.environ["OMP_NUM_THREADS"] = "1"
    obey_termination()


@contextmanager
def interruptions_ignored() -> Iterator[None]:
    """Start processes that do not hear the user's Ctrl-C, which is for the one that waits for them."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check_installed(client: Any) -> None:
    """Raise InputError unless a worker has this version of the package: a task that it cannot import might never end."""
    try:
        there = client.submit(version, "braggfill", pure=False).result()
    except PackageNotFoundError:
        there = "none"
    if there != __version__:
        raise InputError(
            f"scheduler, slurm: got workers with braggfill {there}, expected {__version__} as here; install it there"
        )


def _on_cluster(
    client: Any, function: Callable[[Any], Any], arguments: list[Any], when_killed: Callable[[Any], Any] | None
) -> Iterator[Any]:
    """Results as they come; what was given up with workers that another task may have killed is tried once more, alone."""
    from distributed import KilledWorker, as_completed

    asked = {client.submit(function, argument, pure=False): argument for argument in arguments}
    suspected = []
    for future in as_completed(list(asked)):
        try:
            result = future.result()
        except KilledWorker:
            suspected.append(asked[future])
        else:
            yield result
        future.release()
    for argument in suspected:
        try:
            result = client.submit(function, argument, pure=False).result()
        except KilledWorker as error:
            if when_killed is None:
                raise InputError(
                    "scheduler, slurm: a task was given up because it killed one worker after another, perhaps for want of "
                    "memory; what is done is kept; run again to go on, with more memory a worker"
                ) from error
            result = when_killed(argument)
        yield result


@contextmanager
def _dask_client(workers: Workers) -> Iterator[Any]:
    """A Dask client of the cluster that was asked for; jobs that were started for it end with it."""
    try:
        from dask_jobqueue import SLURMCluster  # type: ignore[attr-defined]
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "scheduler, slurm: got no Dask here, expected the packages of the extra 'cluster'; install them with: "
            "pip install 'braggfill[cluster]'"
        ) from error
    if workers.slurm_jobs and not shutil.which("sbatch"):
        raise InputError("slurm: got no program 'sbatch' here, expected a machine that submits Slurm jobs")
    with ExitStack() as stack:
        try:
            if workers.slurm_jobs:
                cluster = stack.enter_context(SLURMCluster())
                cluster.scale(jobs=workers.slurm_jobs)
                client = stack.enter_context(Client(cluster))
            else:
                client = stack.enter_context(Client(workers.scheduler, timeout=CONNECTION_SECONDS))
        except (OSError, ValueError) as error:
            asked = "slurm: got jobs" if workers.slurm_jobs else f"scheduler: got '{workers.scheduler}'"
            expected = (
                "cores and memory of a job in jobqueue.yaml" if workers.slurm_jobs else "the address of a running scheduler"
            )
            reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(" ,:")
            raise InputError(f"{asked} that cannot be used ({reason}), expected {expected}") from error
        yield client
