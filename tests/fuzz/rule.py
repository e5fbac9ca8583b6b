"""The one rule: a case ends well with every invariant true, or with one sentence; and it leaves nothing behind."""

import contextlib
import hashlib
import io
import multiprocessing
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from braggfill import InputError
from braggfill.scan.counts import measured_values
from braggfill.scan.files import read_scan

LONGEST_SENTENCE = 500
MOST_SECONDS, PATIENCE = 20, 2.5
MOST_BYTES = 1_500_000_000
"""Three times the memory of a valid case: the program, torch and a small scan take some 500 MB."""


class TooLate(BaseException):
    """Raised in a case that takes too long; no ``except Exception`` holds it."""


@dataclass
class Case:
    """Something hostile to do, and the files that it may read and must not change."""

    name: str
    action: Callable[[], int | None]
    """Runs the program, whose exit code it returns, or calls a function, which returns None."""
    folder: Path
    outputs: list[Path] = field(default_factory=list)
    """What it may write; filled scans among them are read and held against their input."""
    source: Path | None = None
    """The scan that is filled, and its mask, where this is known."""
    allowed: tuple[int, ...] = (0, 2)
    """Exit codes; a batch of which some scans failed ends with 1."""


def broken(case: Case) -> str:
    """How a case breaks the rule, in a line; empty where it keeps it."""
    before, out, err = fingerprints(case), io.StringIO(), io.StringIO()
    start, code, raised = time.monotonic(), None, None
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("always")
        try:
            with limited(MOST_SECONDS):
                code = case.action()
        except TooLate:
            return f"took more than {MOST_SECONDS} s"
        except InputError as error:
            raised = str(error)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})".replace("\n", " ")[:300]
    faults = [
        f"warning: {w.message}".replace("\n", " ")[:200] + f" ({Path(w.filename).name}:{w.lineno})" for w in warned
    ] + list(wrong_words(case, code, raised, err.getvalue()))
    faults += left_behind(case, before) + (list(wrong_results(case)) if code == 0 else [])
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MOST_BYTES:
        faults.append("more memory than three times the valid case's")
    seconds = time.monotonic() - start
    return "; ".join(faults[:3]) + (f"; {seconds:.0f} s" if faults else "")


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TooLate after some seconds of work, or a few times as many on the clock: other programs may need the cores."""

    def stop(number: int, frame: object) -> None:
        raise TooLate

    watches = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, PATIENCE * seconds))
    for watch, number, least in watches:
        signal.signal(number, stop)
        signal.setitimer(watch, least)
    try:
        yield
    finally:
        for watch, number, _ in watches:
            signal.setitimer(watch, 0)
            signal.signal(number, signal.SIG_DFL)


def fingerprints(case: Case) -> dict[Path, str]:
    """What is in the folder before: no file of it may change but an output that nothing is read from."""
    files = [path for path in case.folder.rglob("*") if path.is_file() and path not in case.outputs]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def wrong_words(case: Case, code: int | None, raised: str | None, said: str) -> Iterator[str]:
    """What is wrong with the exit code, or with what a person is told."""
    if raised is not None:
        yield from wrong_sentence(raised)
    elif code is not None and code not in case.allowed:
        yield f"exit code {code}: {said[:200]!r}"
    if "Traceback" in said:
        yield f"a traceback: {said[-200:]!r}"
    if code == 2:
        lines = said.rstrip("\n").split("\n")
        if len([line for line in lines if line.startswith("braggfill: ")]) != 1 or len(lines) > 1:
            yield f"not one sentence but {len(lines)}: {said[:200]!r}"
        yield from wrong_sentence(lines[-1])


def wrong_sentence(sentence: str) -> Iterator[str]:
    """What is wrong with one sentence."""
    if len(sentence) > LONGEST_SENTENCE:
        yield f"{len(sentence)} characters: {sentence[:100]!r}"
    if not sentence.isprintable():
        yield f"not printable: {sentence[:100]!r}"
    if len(sentence) < 15:
        yield f"no sentence: {sentence!r}"


def left_behind(case: Case, before: dict[Path, str]) -> list[str]:
    """Inputs that changed, temporary files, and processes."""
    changed = [p.name for p, digest in before.items() if not p.exists() or hashlib.sha256(p.read_bytes()).hexdigest() != digest]
    parts = [p.name for p in case.folder.rglob("*.part")]
    children = multiprocessing.active_children()
    faults = [f"changed inputs: {changed}"] if changed else []
    faults += [f"left files: {parts}"] if parts else []
    return faults + ([f"left processes: {children}"] if children else [])


def wrong_results(case: Case) -> Iterator[str]:
    """What is wrong with the filled scans that a case wrote."""
    for path in case.outputs:
        if path.suffix not in (".npz", ".cxi", ".tif") or not path.exists() or path.stem.endswith("_braggfill"):
            continue
        try:
            scan = read_scan(path)
        except InputError as error:
            if "object" not in str(path) and "strain" not in str(path) and "mask" not in str(path):
                yield f"output cannot be read: {error}"
            continue
        if scan.filled is None or scan.std is None:
            continue
        filled = np.broadcast_to(scan.filled > 0, scan.intensity.shape)
        estimates, std = scan.intensity[filled], np.broadcast_to(scan.std, filled.shape)[filled]
        if not (np.isfinite(estimates).all() and np.isfinite(std).all() and (estimates >= 0).all() and (std >= 0).all()):
            yield f"{path.name}: estimates that are negative or not finite"
        if case.source is not None:
            given = read_scan(case.source)
            measured, missing = measured_values(given.intensity, given.mask)
            if (filled & ~missing).any():
                yield f"{path.name}: estimates where was measured"
            if not np.array_equal(measured[~missing], scan.intensity[~missing]):
                yield f"{path.name}: measured voxels changed"
