"""The hostile cases: each follows from the seed and its number alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzz.beamlines import beamline_files, preparations
from fuzz.disks import full_disk, full_size
from fuzz.files import changed_bytes, no_files, same_files, strange_arrays, strange_names
from fuzz.interruptions import interrupted
from fuzz.material import Rng
from fuzz.options import python_calls, strange_options, strange_table
from fuzz.rule import Case
from fuzz.valid import valid_scan

KINDS: list[tuple[int, Callable[[Rng, Path], Case]]] = [
    (10, valid_scan),
    (18, changed_bytes),
    (15, strange_arrays),
    (10, strange_options),
    (9, beamline_files),
    (6, preparations),
    (5, strange_table),
    (5, strange_names),
    (3, same_files),
    (3, no_files),
    (4, full_size),
    (11, python_calls),
]
"""How many of some hundred cases are of each kind."""
IN_PROCESSES = [interrupted, full_disk]
"""Kinds whose cases start the program, which takes seconds: one in ``SELDOM`` each."""
SELDOM = 100


def make_case(seed: int, number: int, folder: Path) -> Case:
    """Case ``number`` of a seed, its files made in an empty folder."""
    rng = np.random.default_rng([seed, number])
    if number % SELDOM < len(IN_PROCESSES):
        return IN_PROCESSES[number % SELDOM](rng, folder)
    wheel = [kind for share, kind in KINDS for _ in range(share)]
    return wheel[number * 37 % len(wheel)](rng, folder)
