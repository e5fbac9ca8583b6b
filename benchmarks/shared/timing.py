"""How long work takes, in this process or in one of its own, and figures as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from braggfill.base.writing import whole_or_nothing

Clock = Callable[[], float]
"""``time.perf_counter``, or ``time.process_time`` where other programs share the processors."""


def seconds(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Time of one call."""
    start = clock()
    work()
    return clock() - start


def in_turn(works: Mapping[str, Callable[[], object]], repeat: int, clock: Clock = time.perf_counter) -> dict[str, list[float]]:
    """Times of several works, called in turn, so that whatever else the machine does slows all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeat):
        for name, work in works.items():
            times[name].append(seconds(work, clock))
    return times


def median_seconds(work: Callable[[], object], repeat: int, clock: Clock = time.perf_counter) -> float:
    """Median time of several calls."""
    return float(np.median([seconds(work, clock) for _ in range(repeat)]))


def in_own_process(script: str, *arguments: str) -> dict[str, Any]:
    """What a script prints as JSON when it is run with some arguments."""
    done = subprocess.run([sys.executable, script, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(figures: dict, out: Path | None) -> None:
    """Print figures, and keep them where that is asked for."""
    text = json.dumps(figures, indent=2)
    print(text)
    if out:
        with whole_or_nothing(out) as file:
            file.write(f"{text}\n".encode())
