"""The words that filling shares: what a fill answers, and what a method is."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.progress import OnStep, Progress
from braggfill.crystal.retrieved_object import RetrievedObject
from braggfill.filling.options import FillOptions, MethodName
from braggfill.network.lesson import Lesson
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import MAX_WIDTH


@dataclass(frozen=True)
class Estimate:
    """What a method says of the voxels that are filled, in the order of ``array[scan.wanted]``."""

    mean: NDArray[np.float64]
    """Expected counts (voxels,); NaN where a voxel is refused."""
    std: NDArray[np.float64]
    """Standard deviation of the expectation (voxels,)."""
    weights_sha256: str | None = None
    """SHA-256 of the weights file, None for a method that has none."""
    lesson: Lesson | None = None
    """What was learned from this scan before it was filled."""
    sentence: str = ""
    """What a user should know of how it came about."""
    record: dict[str, Any] = field(default_factory=dict)
    """The same for a program, JSON-ready."""
    crystal: RetrievedObject | None = None
    """The object that explains the scan, where the gaps were filled by one."""
    filled_by: MethodName | None = None
    """The simpler method that made them, where the one asked for could not or did no better."""

    def told(self, sentence: str, record: dict[str, Any]) -> "Estimate":
        """The same with how it came about, before what it says of itself."""
        sentences = "; ".join(filter(None, (sentence, self.sentence)))
        return replace(self, sentence=sentences, record=self.record | record)


Estimator = Callable[[GappedScan, FillOptions, Progress, OnStep], Estimate]


@dataclass(frozen=True)
class Method:
    """A way of filling, one row of the table that the command line, the evaluation and the docs share."""

    scale: str
    """The scale in which it works."""
    summary: str
    estimate: Estimator
    """(scan, options, on_progress, on_adapt) to the estimates of ``scan.wanted``."""
    widest: int = MAX_WIDTH
    """Widest gap that it sees across, in voxels."""
    refuses: bool = False
    """Whether it may leave voxels open that it does not know, by NaN."""
    guessed: bool = False
    """Whether it starts from kriging, which methods of one scan then share."""
