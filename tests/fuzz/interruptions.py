"""Signals at any moment: a program that is stopped leaves no file, no process and no traceback behind."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from braggfill.scan.files import read_scan
from fuzz.material import Rng, copied, one_of, tiny_training
from fuzz.rule import Case

OBEYED_SECONDS = 15
"""A signal is obeyed within this time, on a machine that does other things as well."""
EARLIEST, LATEST = 0.8, 4.0
"""Seconds after the start at which the signal is sent; before, Python itself is not ready for one."""
ENDS = (0, 2, 130, 143, -signal.SIGTERM, -signal.SIGINT)


def interrupted(rng: Rng, folder: Path) -> Case:
    """A verb that writes, in a process of its own, and a signal at a random moment."""
    scan = np.random.default_rng(1).poisson(5.0, (48, 64, 64)).astype(np.uint32)
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 30:34] = 1
    np.savez(folder / "larger.npz", data=scan, mask=mask)
    larger, made, small = folder / "larger.npz", folder / "made.npz", copied("scan.npz", folder)
    commands: list[list[object]] = [
        ["fill", larger, "--method", one_of(rng, ["unet", "ridge", "retrieval"]), "-o", made],
        ["fill", larger, small, "--method", "kriging", "-j", one_of(rng, [1, 2])],
        ["convert", larger, folder / "made.cxi"],
        ["fill", larger, "--adapt", "--adapt-minutes", 0.1, "-o", made, "--report", folder / "made.html"],
        ["simulate", "-n", 40, "--shape", 32, 32, 32, "--out", folder / "simulated", "-j", one_of(rng, [1, 2])],
        ["train", "--config", tiny_training(folder), "--out", folder / "run"],
        ["retrieve", larger, "-o", folder / "object_made.npz"],
        ["evaluate", larger, "--json", folder / "made.json", "--plot", folder / "made.png"],
        ["finetune", larger, "-o", folder / "made.safetensors", "--minutes", 0.1],
    ]
    words = list(map(str, one_of(rng, commands)))
    number, delay = one_of(rng, [signal.SIGTERM, signal.SIGINT]), float(rng.uniform(EARLIEST, LATEST))

    def act() -> int:
        return stopped(folder, words, number, delay)

    return Case(f"{number.name} after {delay:.1f} s: {' '.join(words)[:200]}", act, folder, [made], allowed=ENDS)


def stopped(folder: Path, words: list[str], number: signal.Signals, delay: float) -> int:
    """Run the program, stop it, and look at what it left; returns its exit code."""
    command = [sys.executable, "-m", "braggfill", *words]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(delay)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)  # as a terminal sends it
    try:
        said = process.communicate(timeout=OBEYED_SECONDS)[1]
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise AssertionError(f"{number.name} was not obeyed within {OBEYED_SECONDS} s") from error
    assert "Traceback" not in said, said[-300:]
    assert not alive(process.pid), "processes are left"
    for path in folder.glob("made.npz"):
        read_scan(path)
    return process.returncode


def alive(group: int) -> bool:
    """Whether processes of a session are still there some seconds after its first one ended, on a busy machine."""
    for _ in range(80):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return True
