"""Full disks: a limit on the size of files inside this process, and now and then a small disk of its own."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from program import run

from fuzz.material import Rng, copied, one_of
from fuzz.rule import Case
from fuzz.verbs import verb


def full_disk(rng: Rng, folder: Path) -> Case:
    """No file may grow beyond some bytes, as on a full disk; then nothing is left of any."""
    most = int(2 ** rng.uniform(0, 15))
    words, outputs = verb(rng, copied(one_of(rng, ["scan.npz", "filled.npz", "scan.cxi"]), folder), folder)

    @contextmanager
    def small_files() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def act() -> int:
        with small_files():
            return run(*words)

    return Case(f"full after {most} bytes: {' '.join(map(str, words))[:300]}", act, folder, outputs)
