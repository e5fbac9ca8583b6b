"""Throughput of many scans over Dask on two worker processes, beside two plain processes that do the same without it.

Scans of 128³ voxels with a cross 6 wide are read from disk, filled, and their results written, as by `braggfill fill`. There
are eight files, the mirror images of the bundled scan continued to that size; every scan is a link to one of them, and its
result is deleted once it is counted, so that any number of scans takes 100 MB. Both ways fill in turns, a block of scans at a
time, so that whatever else the machine does slows both; every process fills one scan before the clock starts.

Usage: OMP_NUM_THREADS=1 python benchmarks/many_scans.py [--number 1000] [--blocks 10] [--method unet]
       [--out docs/results/many_scans.json]
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import distributed
import numpy as np
from shared.timing import report

from braggfill.base.tasks import Workers
from braggfill.commands.batch import Outcome, attempt, fill_scans
from braggfill.commands.jobs import FillJob, make_jobs
from braggfill.commands.outputs import Outputs
from braggfill.filling.options import FillOptions
from braggfill.scan.choice import MaskChoice

SIDE, WIDTH = 128, 6
PROCESSES = 2
MIRRORED = [axes for n in range(4) for axes in itertools.combinations(range(3), n)]


@dataclass
class Taken:
    """What a way of filling many scans took."""

    seconds: float = 0.0
    """On the wall."""
    core_seconds: float = 0.0
    """Of all its processes."""
    filled: int = 0
    failed: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome, job: FillJob) -> None:
        """Count a scan, and delete its result."""
        job.output.unlink(missing_ok=True)
        if outcome.state == "filled":
            self.filled += 1
        else:
            self.failed.append(outcome.sentence)


def write_scans(folder: Path) -> None:
    """The bundled scan with its counts under the mask, continued to a cube, with another mask, in eight mirror images."""
    with np.load(Path(__file__).parents[1] / "examples" / "demo_scan.npz") as scan:
        counts = np.where(scan["mask"] > 0, scan["hidden"], scan["data"])
    whole = np.pad(counts, [(0, SIDE - n) for n in counts.shape], mode="symmetric")
    for number, axes in enumerate(MIRRORED):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[82 : 82 + WIDTH] = mask[:, 39 : 39 + WIDTH] = 1
        np.savez_compressed(folder / f"mirrored_{number}.npz", data=np.flip(whole, axes), mask=mask)


def jobs_of(folder: Path, numbers: range, method: str) -> list[FillJob]:
    """Jobs for some scans, which are links to the files."""
    scans = []
    for number in numbers:
        link = folder / f"S{number}.npz"
        if not link.exists():
            link.symlink_to(folder / f"mirrored_{number % len(MIRRORED)}.npz")
        scans.append((str(link), number))
    return make_jobs(scans, FillOptions(method, device="cpu"), MaskChoice(), Outputs(output=folder / "results"))


class Plain:
    """Processes that each fill their share of a block's scans when they read its numbers, one after the other."""

    def __init__(self, folder: Path, method: str, stack: ExitStack) -> None:
        command = [sys.executable, __file__, "--child", str(folder), "--method", method]
        one = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
        self.processes = [stack.enter_context(subprocess.Popen(command, **one)) for _ in range(PROCESSES)]

    def fill(self, numbers: range, taken: Taken) -> None:
        """Fill a block."""
        start = time.perf_counter()
        for which, process in enumerate(self.processes):
            mine = numbers[which::PROCESSES]
            print(json.dumps([mine.start, mine.stop, mine.step]), file=process.stdin, flush=True)
        for process in self.processes:
            told = json.loads(process.stdout.readline())
            taken.core_seconds += told["core_seconds"]
            taken.filled += told["filled"]
            taken.failed += told["failed"]
        taken.seconds += time.perf_counter() - start


def work_as_told(folder: Path, method: str) -> None:
    """One plain process: fill the scans whose numbers are read, and say what they took."""
    for line in sys.stdin:
        taken, start = Taken(), time.process_time()
        for job in jobs_of(folder, range(*json.loads(line)), method):
            taken.count(attempt(job), job)
        told = {"core_seconds": time.process_time() - start, "filled": taken.filled, "failed": taken.failed}
        print(json.dumps(told), flush=True)


class OverDask:
    """A Dask cluster of as many worker processes, and what it takes: workers, scheduler, and the client in this process."""

    def __init__(self, folder: Path, method: str, stack: ExitStack) -> None:
        self.folder, self.method = folder, method
        one = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
        self.cluster = stack.enter_context(distributed.LocalCluster(PROCESSES, **one))
        self.client = stack.enter_context(distributed.Client(self.cluster))

    def core_seconds(self) -> float:
        """Of the workers, and of this process with the scheduler."""
        return time.process_time() + sum(self.client.run(time.process_time).values())

    def fill(self, numbers: range, taken: Taken) -> None:
        """Fill a block."""
        jobs = {job.scan: job for job in jobs_of(self.folder, numbers, self.method)}
        before, start = self.core_seconds(), time.perf_counter()
        workers = Workers(scheduler=self.cluster.scheduler_address)
        fill_scans(list(jobs.values()), workers, lambda outcome: taken.count(outcome, jobs[outcome.scan]))
        taken.seconds += time.perf_counter() - start
        taken.core_seconds += self.core_seconds() - before


@contextmanager
def begun(method: str) -> Iterator[dict[str, Plain | OverDask]]:
    """Both ways, every process of which has filled a scan."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "results").mkdir()
        write_scans(folder)
        ways = {"plain": Plain(folder, method, stack), "dask": OverDask(folder, method, stack)}
        for way in ways.values():
            way.fill(range(2 * PROCESSES), Taken())
        yield ways


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=1000, help="scans that each way fills")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--method", default="unet")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        work_as_told(arguments.child, arguments.method)
        return
    taken = {"plain": Taken(), "dask": Taken()}
    edges = np.linspace(0, arguments.number, arguments.blocks + 1).astype(int).tolist()
    with begun(arguments.method) as ways:
        for block in itertools.starmap(range, itertools.pairwise(edges)):
            for name, way in ways.items():
                way.fill(block, taken[name])
            print({name: f"{one.filled} in {one.seconds:.0f} s" for name, one in taken.items()}, flush=True)
    figures = {
        name: {
            "filled": one.filled,
            "failed": one.failed,
            "scans_an_hour": round(3600 * one.filled / one.seconds, 1),
            "wall_seconds_a_scan": round(one.seconds / one.filled, 3),
            "core_seconds_a_scan": round(one.core_seconds / one.filled, 3),
        }
        for name, one in taken.items()
    }
    shares = {
        "dask_over_plain_throughput": round(figures["dask"]["scans_an_hour"] / figures["plain"]["scans_an_hour"], 3),
        "dask_over_plain_core_seconds": round(
            figures["dask"]["core_seconds_a_scan"] / figures["plain"]["core_seconds_a_scan"], 3
        ),
    }
    machine = {"processors": len(os.sched_getaffinity(0)), "peak_megabytes_a_process": peak_megabytes()}
    report(machine | {"method": arguments.method, "processes": PROCESSES} | figures | shares, arguments.out)


def peak_megabytes() -> float:
    """Most memory that any of the processes held that this one has waited for."""
    return round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
