"""Full disks: a limit on the size of files inside this process, and now and then a small disk of its own."""

import functools
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from program import run

from fuzz.material import Rng, copied, one_of
from fuzz.rule import Case
from fuzz.verbs import verb


def full_size(rng: Rng, folder: Path) -> Case:
    """No file may grow beyond some bytes; then nothing is left of any."""
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


@functools.cache
def disks_allowed() -> bool:
    """Whether this machine lets a process of this user mount a disk that it alone sees."""
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs -o size=16k none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


SMALL_DISK = """
mount -t tmpfs -o size="$1"k none "$2" || exit 99
shift 2
"$@"
code=$?
find "$DISK" -name "*.part" | grep -q . && exit 98
exit $code
"""
"""Runs a program on a disk of so many kB at a place; 98 if it leaves a file half written."""


def full_disk(rng: Rng, folder: Path) -> Case:
    """A scan is filled or converted to a disk that has no room for it, in a process of its own; else, no file may grow."""
    if not disks_allowed():
        return full_size(rng, folder)
    disk, scan = folder / "disk", copied(one_of(rng, ["scan.npz", "filled.npz", "scan.cxi"]), folder)
    disk.mkdir()
    made = disk / one_of(rng, ["made.npz", "made.cxi", "prep_data_made.tif", "S9_pynx_input_data.npz"])
    kind = ["--format", "cdiutils"] if made.name.startswith("S9") else []
    words = one_of(rng, [["convert", scan, made, *kind], ["fill", scan, "--method", "linear", "-o", made, *kind]])
    size = int(4 * rng.integers(1, 60))
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh", str(size), str(disk)]

    def act() -> int:
        done = subprocess.run(
            [*command, sys.executable, "-m", "braggfill", *map(str, words)],
            capture_output=True,
            text=True,
            env=os.environ | {"DISK": str(disk)},
        )
        print(done.stderr, end="", file=sys.stderr)
        return done.returncode

    return Case(f"disk of {size} kB: {' '.join(map(str, words))[:300]}", act, folder)
