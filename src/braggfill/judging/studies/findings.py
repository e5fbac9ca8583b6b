"""What a study is asked and what it gives: tables, pictures, and sentences."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from braggfill.base.progress import Progress
from braggfill.judging.studies.kept import Kept
from braggfill.judging.studies.kept import Row as Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from braggfill.scan.measured import MeasuredScan

Tables = dict[str, list[Row]]
"""Rows by the name of their file, without its ending."""
UNMEASURED = "simulated scans only; name a measured one with --measured"
"""What is said where a study that measured scans belong to was given none."""


@dataclass(frozen=True)
class Setting:
    """How a study is carried out."""

    quick: bool = False
    """On fewer and smaller scans, in seconds: whether it runs, not what it finds."""
    measured: "MeasuredScan | None" = None
    """A scan of the user's own; without one, studies of measured scans leave that part out."""
    on_progress: Progress = lambda done, total: None
    kept: Kept = field(default_factory=Kept)
    """What was computed before."""


@dataclass(frozen=True)
class Findings:
    """What a study found."""

    tables: Tables
    pictures: "dict[str, Figure]" = field(default_factory=dict)
    """Those that show voxels, which no table holds, by the name of their file without its ending."""
    remarks: list[str] = field(default_factory=list)
    """Sentences for whoever runs it."""


@dataclass(frozen=True)
class Study:
    """A question that is answered by filling gaps whose contents are known."""

    question: str
    carry_out: Callable[[Setting], Findings]
    conclude: Callable[[Tables], str]
    """The one sentence that the tables support, whatever they hold."""
    draw: "Callable[[Tables], dict[str, Figure]] | None" = None
    """The curves of the tables, by the name of their file without its ending; None where all pictures show voxels."""
    takes_measured: bool = False
    """Whether it looks at a measured scan too; the others need a truth that is only known where a scan is simulated."""
