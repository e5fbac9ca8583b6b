"""How long does the command take, from start to finish? The bundled scan, each way in a process of its own, in turn.

Times are of the processor, so that other programs on the machine count little, and as the clock on the wall says it. What the
command loads is counted as well: modules, and whether torch is among them.

Usage: python benchmarks/command_speed.py [--repeat 3] [--out docs/results/command_speed.json]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from shared.timing import report

SCAN = Path(__file__).parents[1] / "examples" / "demo_scan.npz"
CALLS = {"help": ["--help"], "fill help": ["fill", "--help"]} | {
    f"fill {method}": ["fill", str(SCAN), "--method", method, "--overwrite", "-o"] for method in ("linear", "kriging", "unet")
}
"""Arguments of the command; a fill's lack the name of its output."""


def measured(call: list[str]) -> tuple[float, float]:
    """Seconds of the processor and on the wall that one call of the command takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "braggfill", *call], check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall


def loaded(call: list[str]) -> set[str]:
    """Modules that are there at the end of a call."""
    told = [sys.executable, "-X", "importtime", "-m", "braggfill", *call]
    lines = subprocess.run(told, check=True, capture_output=True, text=True).stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "filled.npz")
        calls = {name: [*call, output] if call[-1] == "-o" else call for name, call in CALLS.items()}
        modules = {name: loaded(call) for name, call in calls.items()}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
        for _ in range(arguments.repeat):
            for name, call in calls.items():
                times[name].append(measured(call))
    figures = {}
    for name, found in times.items():
        processor, wall = np.median(found, axis=0).round(2).tolist()
        counted = {"modules": len(modules[name]), "torch": "torch" in modules[name]}
        figures[name] = {"processor_seconds": processor, "wall_seconds": wall, **counted}
    threads = os.environ.get("OMP_NUM_THREADS", "as many as processors")
    report({"processors": len(os.sched_getaffinity(0)), "threads": threads, "calls": figures}, arguments.out)


if __name__ == "__main__":
    main()
