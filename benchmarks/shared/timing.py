"""How long work takes, and figures as JSON."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

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


def report(figures: dict, out: Path | None) -> None:
    """Print figures, and keep them where that is asked for."""
    text = json.dumps(figures, indent=2)
    print(text)
    if out:
        with whole_or_nothing(out) as file:
            file.write(f"{text}\n".encode())
