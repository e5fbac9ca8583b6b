"""Forecasts: how long the work of a verb will take, said before it starts, or after its first steps where only these can tell.

A forecast is for this machine, as busy as it is now, and is said in round words.
"""

from collections.abc import Callable
from math import log
from time import perf_counter

from braggfill.base.progress import Clock, Progress
from braggfill.commands.shell import console, say

Tell = Callable[[str], None]
SHORT_SECONDS = 10.0
"""What takes no longer is not foretold."""
FIRST_STEPS, FIRST_SECONDS = 2, 3.0
"""A rate is known after so many steps that took so long together."""
UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"))
ROUND = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
"""Numbers that a forecast is said in."""


def in_words(seconds: float) -> str:
    """A time in a round number of one unit, for no more is known of it.

    >>> in_words(171.3), in_words(40), in_words(5), in_words(86_400 * 3.2)
    ('about 3 minutes', 'about a minute', 'some seconds', 'about 3 days')
    """
    size, unit = next((u for u in UNITS if seconds >= 0.9 * u[0]), UNITS[-1])
    number = seconds / size
    if number < 0.5:
        return "some seconds"
    nearest = min(ROUND, key=lambda n: abs(log(n / number))) if number < 55 else round(number, 1 - len(str(int(number))))
    return f"about {nearest:g} {unit}s" if nearest > 1 else f"about {'an' if unit == 'hour' else 'a'} {unit}"


def foretell(work: str, seconds: float, tell: Tell = lambda sentence: say(console, sentence)) -> None:
    """Say how long some work will take, unless that is but a moment."""
    if seconds > SHORT_SECONDS:
        tell(f"{work} takes {in_words(seconds)} here")


class Foretold:
    """A progress that also says, once, how long the rest takes, from the rate of the first steps."""

    def __init__(
        self,
        work: str,
        on_progress: Progress,
        side_by_side: int = 1,
        clock: Clock = perf_counter,
        tell: Tell = lambda sentence: say(console, sentence),
    ) -> None:
        self.work, self.on_progress, self.steps = work, on_progress, FIRST_STEPS * side_by_side
        self.clock, self.tell = clock, tell
        self.first: tuple[int, float] | None = None
        self.told = False

    def __call__(self, done: int, total: int) -> None:
        """Pass on the work done and its total."""
        self.on_progress(done, total)
        now = self.clock()
        if self.first is None:
            self.first = done, now
        made, taken = done - self.first[0], now - self.first[1]
        if not self.told and made >= self.steps and taken >= FIRST_SECONDS:
            self.told = True
            foretell(f"{self.work}: what is left of {total}", (total - done) * taken / made, self.tell)
