"""Being stopped: SIGTERM is obeyed at once, whatever is being computed, and nothing half done is left.

A signal's own handler runs between two steps of Python, which may be minutes apart, and an exception raised there is lost where
a library holds every exception. So a thread waits for the signal, ends the other processes, removes the files that are being
written, and leaves.
"""

import multiprocessing
import os
import signal
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import NoReturn

UNDER_WAY: set[Path] = set()
"""Temporary files that are being written."""
CHILD_SECONDS = 3.0
"""Other processes have so long to remove theirs."""


@cache
def obey_termination() -> None:
    """Let SIGTERM end this process from now on, with exit code 143; called in its main thread, once or more often."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    Thread(target=_wait, args=(told,), daemon=True, name="termination").start()


def _wait(told: int) -> None:
    """Read the numbers of signals until one is SIGTERM."""
    while signal.SIGTERM not in os.read(told, 64):
        pass
    leave(128 + signal.SIGTERM)


def leave(code: int) -> NoReturn:
    """End this process and those that it started, without the files that they were writing."""
    end_children()
    for path in list(UNDER_WAY):
        with suppress(OSError):
            path.unlink(missing_ok=True)
    os._exit(code)


def end_children() -> None:
    """End the processes that this one started; those that do not obey are killed."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join(CHILD_SECONDS)
        if child.exitcode is None:
            child.kill()
