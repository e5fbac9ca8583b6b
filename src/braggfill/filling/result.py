"""A filled scan."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from braggfill.filling.glance import Glance
from braggfill.filling.terms import FillOptions
from braggfill.scan.gaps import Gap

if TYPE_CHECKING:
    from braggfill.network.lesson import Lesson


@dataclass(frozen=True)
class FillResult(Glance):
    """A filled scan; all arrays are (frames, rows, columns)."""

    intensity: np.ndarray
    """float32: measured voxels as they came, estimates in the gaps, zero where still missing."""
    filled: np.ndarray
    """bool: True = estimated."""
    std: np.ndarray
    """float32: standard deviation of the expected intensity where estimated, else zero."""
    mask: np.ndarray
    """bool: True = still missing."""
    gaps: list[Gap]
    """What the mask consists of."""
    options: FillOptions
    weights_sha256: str | None
    """SHA-256 of the weights file, None for a classical method."""
    lesson: "Lesson | None" = None
    """What was learned from this scan before it was filled."""
