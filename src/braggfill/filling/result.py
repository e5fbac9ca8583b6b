"""A filled scan."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.crystal.retrieved_object import RetrievedObject
from braggfill.filling.gap_rows import filled_gap_rows
from braggfill.filling.options import FillOptions
from braggfill.network.lesson import Lesson
from braggfill.scan.counts import INVERTED_SHARE
from braggfill.scan.gaps import AXIS_NAMES, MAX_WIDTH, MAX_WIDTH_ONE_BANK, WIDEST_MODULE_GAP, Gap

EXACT_IN_FLOAT32 = 2**24
"""Whole numbers up to which float32 holds every one."""


@dataclass(frozen=True)
class FillResult:
    """A filled scan; all arrays are (frames, rows, columns)."""

    intensity: NDArray[np.float32]
    """Measured voxels as they came, estimates in the gaps, zero where still missing."""
    filled: NDArray[np.bool_]
    """True = estimated."""
    std: NDArray[np.float32]
    """Standard deviation of the expected intensity where estimated, else zero."""
    mask: NDArray[np.bool_]
    """True = still missing."""
    gaps: list[Gap]
    """What the mask consists of."""
    options: FillOptions
    weights_sha256: str | None
    """SHA-256 of the weights file, None for a classical method."""
    lesson: Lesson | None = None
    """What was learned from this scan before it was filled."""
    sentence: str = ""
    """What a user should know of how the estimates came about."""
    how: dict[str, Any] = field(default_factory=dict)
    """The same for a program, JSON-ready."""
    crystal: RetrievedObject | None = None
    """The object that explains the scan, where the gaps were filled by one; it is not kept in files."""
    fell_back: str = ""
    """Why the processor computed all of it and not the graphics card, where the card's memory did not suffice."""

    @property
    def warnings(self) -> list[str]:
        """Sentences about what a user should know before trusting the result."""
        found = [self.fell_back] if self.fell_back else []
        left = [g for g in self.gaps if g.filled < g.voxels]
        if left:
            widest = max(left, key=lambda g: g.width)
            found.append(
                f"{np.count_nonzero(self.mask):,} voxels stay masked; the widest gap is {widest.width} voxels across "
                f"{AXIS_NAMES[widest.axis]}s {widest.first}–{widest.last}: methods see across {MAX_WIDTH} voxels "
                f"({MAX_WIDTH_ONE_BANK} at the array's border), the crystal {WIDEST_MODULE_GAP} if hidden copies agree"
            )
        missing = self.filled | self.mask
        if missing.mean() > INVERTED_SHARE:
            found.append(f"{100 * missing.mean():.0f} % of the scan is masked; is the mask inverted? 1 means not measured")
        if not missing.all() and self.intensity.max() > EXACT_IN_FLOAT32:
            found.append("counts above 16 777 216 do not all fit in float32 exactly; they are rounded to its nearest value")
        return found

    @property
    def relative_std(self) -> NDArray[np.float32]:
        """Standard deviation of the estimates over these, float32 (frames, rows, columns); NaN where nothing is estimated."""
        relative = np.full(self.filled.shape, np.nan, np.float32)
        relative[self.filled] = self.std[self.filled] / np.maximum(self.intensity[self.filled], 1e-12)
        return relative

    def _repr_html_(self) -> str:
        from braggfill.filling.glance import glance  # draws with matplotlib, which a fill does not need

        rows = filled_gap_rows(self.gaps, self.options.method)
        return glance(self.intensity, self.filled, self.mask, self.relative_std, rows, self.warnings)
