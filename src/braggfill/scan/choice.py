"""Where the mask of a scan comes from, as a person says it."""

from dataclasses import dataclass
from typing import Literal

from braggfill.base.limits import check_fields

Convention = Literal["bad1", "good1"]


@dataclass(frozen=True)
class MaskChoice:
    """Where the mask of a scan comes from."""

    mask: str | None = None
    """Mask file, 2-D or 3-D, > 0 = not measured; else the scan's own."""
    mask_convention: Convention = "bad1"
    """Whether 1 marks bad or good voxels in the mask that is read."""
    detector: str | None = None
    """Add the gaps of a detector: maxipix, merlin, eiger2m, …"""
    roi: tuple[int, ...] | None = None
    """ROW,COLUMN of the scan's first pixel in the detector's frame; or first and last + 1 of both."""

    def __post_init__(self) -> None:
        check_fields(self)
