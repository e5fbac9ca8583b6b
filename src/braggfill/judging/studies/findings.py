"""What a study is asked and what it gives: tables, a picture, and sentences."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from braggfill.base.tasks import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Setting:
    """How a study is carried out."""

    quick: bool = False
    """On fewer and smaller scans, in seconds: whether it runs, not what it finds."""
    data: Path | None = None
    """Folder of measured scans; without one, studies of measured scans leave these out."""
    on_progress: Progress = lambda done, total: None


@dataclass(frozen=True)
class Findings:
    """What a study found."""

    tables: dict[str, list[dict]]
    """Rows by the name of their file, without its ending."""
    pictures: dict[str, "Figure"]
    """By the name of their file, without its ending."""
    remarks: list[str] = field(default_factory=list)
    """Sentences for whoever runs it."""


@dataclass(frozen=True)
class Study:
    """A question that is answered by filling gaps whose contents are known."""

    question: str
    carry_out: Callable[[Setting], Findings]
