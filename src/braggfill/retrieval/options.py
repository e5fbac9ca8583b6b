"""How an object is retrieved: the options that ``retrieve``, ``compare`` and their commands share."""

from dataclasses import dataclass
from typing import Literal, get_args

from braggfill.base.errors import InputError
from braggfill.base.options import Device

TreatmentName = Literal["free", "free-streaks", "zero", "filled", "bounded", "crop"]
"""What may be made of voxels that were not measured; each is explained in the table of treatments."""
AlgorithmName = Literal["hio", "raar", "er", "ml"]
"""``ml`` follows the Poisson likelihood of the counts."""
Schedule = tuple[tuple[AlgorithmName, int], ...]
"""Algorithms and their iterations, one after the other."""
SCHEDULE: Schedule = (("hio", 80), ("raar", 120), ("er", 20), ("ml", 40))


@dataclass(frozen=True)
class SearchOptions:
    """How an object is searched for."""

    starts: int = 5
    """Random starts."""
    keep: int = 3
    """Best starts that are averaged."""
    schedule: Schedule = SCHEDULE
    """Algorithms (hio, raar, er, ml) and their iterations."""
    seed: int = 0
    """Seed of every random choice; a start depends on it and its number alone."""
    device: Device = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts."""

    def __post_init__(self) -> None:
        if not 1 <= self.keep <= self.starts:
            raise InputError(f"starts, keep: got {self.starts} and {self.keep}, expected to keep 1 to all of them")
        unknown = [name for name, count in self.schedule if name not in get_args(AlgorithmName) or count < 0]
        if unknown or sum(count for _, count in self.schedule) < 1:
            known = ", ".join(get_args(AlgorithmName))
            raise InputError(f"schedule: got {self.schedule}, expected iterations of {known}, such as 'hio 80, er 20'")
        if self.seed < 0:
            raise InputError(f"seed: got {self.seed}, expected 0 or more")


@dataclass(frozen=True)
class RetrievalOptions(SearchOptions):
    """How an object is retrieved."""

    treatment: TreatmentName | None = None
    """What is made of voxels that were not measured; else bounded if there are estimates, or free."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names((self.treatment,) if self.treatment else ())


@dataclass(frozen=True)
class ComparisonOptions(SearchOptions):
    """How the treatments of the gaps are compared."""

    starts: int = 3
    keep: int = 2
    treatments: tuple[TreatmentName, ...] | None = None
    """Treatments to compare, the first being what others are aligned to; else all that the scan allows, bounded first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names(self.treatments or ())


def check_names(treatments: tuple[str, ...]) -> None:
    """Raise InputError for a treatment that is not in the table."""
    for name in treatments:
        if name not in get_args(TreatmentName):
            raise InputError(f"treatment: got '{name}', expected one of {', '.join(get_args(TreatmentName))}")
