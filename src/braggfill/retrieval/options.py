"""How an object is retrieved: the options that ``retrieve``, ``compare`` and their commands share."""

from dataclasses import dataclass
from typing import Literal, get_args

from braggfill.base.errors import InputError
from braggfill.base.limits import check_fields, check_number
from braggfill.base.options import Device
from braggfill.scan.choice import Negatives

TreatmentName = Literal["free", "free-streaks", "zero", "filled", "bounded", "crop"]
"""What may be made of voxels that were not measured; each is explained in the table of treatments."""
Coherence = Literal["partial", "full"]
"""Of the light, along the three axes of the pattern."""
AlgorithmName = Literal["hio", "raar", "er", "ml"]
"""``ml`` follows the Poisson likelihood of the counts."""
Schedule = tuple[tuple[AlgorithmName, int], ...]
"""Algorithms and their iterations, one after the other."""
USUALLY_KEPT = 2
"""Starts that are averaged, if there are as many."""
SCHEDULE: Schedule = (("hio", 80), ("raar", 120), ("er", 20), ("ml", 40))


@dataclass(frozen=True)
class SearchOptions:
    """How an object is searched for."""

    starts: int = 5
    """Random starts."""
    keep: int | None = None
    """Best starts that are averaged, else two of several; with partial coherence, that are carried to the whole pattern too."""
    coherence: Coherence = "partial"
    """partial: fitted along each axis, and taken where hidden counts say so. full: HIO, RAAR and ER on the whole pattern."""
    schedule: Schedule | None = None
    """Algorithms (hio, raar, er, ml) and their iterations, of full coherence alone."""
    seed: int = 0
    """Seed of every random choice; a start depends on it and its number alone."""
    device: Device = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts."""
    negatives: Negatives | None = None
    """What negative values are: measured, where a background was subtracted, or missing; else missing if they are whole
    numbers, and refused if not."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kept > self.starts:
            raise InputError(f"starts, keep: got {self.starts} and {self.kept}, expected to keep 1 to all of them; keep fewer")
        if self.schedule is not None:
            check_schedule(self.schedule, self.coherence)

    @property
    def kept(self) -> int:
        """How many of the best starts are averaged."""
        return min(USUALLY_KEPT, self.starts) if self.keep is None else self.keep


@dataclass(frozen=True)
class RetrievalOptions(SearchOptions):
    """How an object is retrieved."""

    treatment: TreatmentName | None = None
    """What is made of voxels that were not measured; else bounded if there are estimates, or free."""


@dataclass(frozen=True)
class ComparisonOptions(SearchOptions):
    """How the treatments of the gaps are compared."""

    starts: int = 3
    treatments: tuple[TreatmentName, ...] | None = None
    """Treatments to compare, the first being what others are aligned to; else all that the scan allows, bounded first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.treatments or ()
        if len(set(given)) < len(given):
            raise InputError(f"treatments: got {', '.join(given)}, expected each of them once; leave the second one out")


def check_schedule(schedule: Schedule, coherence: Coherence) -> None:
    """Raise InputError for a schedule without iterations, or one that partial coherence would not follow."""
    for _, count in schedule:
        check_number("schedule", count, whole=True, limit="iterations")
    total = sum(count for _, count in schedule)
    check_number("schedule", total, whole=True, limit="iterations")
    if not total:
        known = ", ".join(get_args(AlgorithmName))
        raise InputError(f"schedule: got {schedule}, expected iterations of {known}, such as 'hio 80, er 20'")
    if coherence == "partial":
        raise InputError(
            "schedule: got one with partial coherence, whose search has its own turns, expected none; leave it out, or take "
            "coherence 'full'"
        )
