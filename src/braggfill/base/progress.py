"""Progress: how much of a work is done, told to whoever shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol, runtime_checkable

from braggfill.base.errors import VanishedError

Progress = Callable[[int, int], None]
"""Called with the work done and its total."""
Tick = Callable[[], None]
"""Called when a step is made."""
OnStep = Callable[[int, int, float], None]
"""Called with the steps made, their total, and the best held-out skill so far."""
Clock = Callable[[], float]
"""Seconds from whenever."""


@runtime_checkable
class NamedProgress(Protocol):
    """A progress that shows what is being done as well."""

    def __call__(self, done: int, total: int) -> None:
        """Show the work done and its total."""

    def name_phase(self, phase: str) -> None:
        """Show what the next steps are."""


def name_phase(on_progress: Progress, phase: str) -> None:
    """Say what the next steps are, to a progress that shows it."""
    if isinstance(on_progress, NamedProgress):
        on_progress.name_phase(phase)


def part_of(on_progress: Progress, number: int, parts: int) -> Progress:
    """The progress of part ``number`` of some parts alike, told as that of them all."""
    return lambda done, total: on_progress(number * total + done, parts * total)


class Steps:
    """Steps that pieces of work make side by side, told as one count."""

    def __init__(self, on_progress: Progress, total: int) -> None:
        self.on_progress, self.total, self.done, self.lock = on_progress, total, 0, Lock()
        self.stopped = False
        on_progress(0, total)

    def stop(self) -> None:
        """Let every piece end at its next step, by an InterruptedError."""
        self.stopped = True

    def advance(self, steps: int) -> None:
        """Count further steps, if any."""
        if self.stopped:
            raise InterruptedError("stopped by another piece of work, or the user")
        if not steps:
            return
        with self.lock:
            self.done += steps
            self.on_progress(self.done, self.total)

    @contextmanager
    def piece(self, steps: int) -> Iterator[Tick]:
        """A piece of work of so many steps at most: what it does not need counts as made at its end, or where it vanishes.

        Its steps may be made by several threads.
        """
        left, counting = steps, Lock()

        def tick() -> None:
            nonlocal left
            with counting:
                step = min(left, 1)
                left -= step
            self.advance(step)

        try:
            yield tick
        except VanishedError:
            self.advance(left)
            raise
        self.advance(left)
        left = 0
