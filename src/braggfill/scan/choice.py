"""Where the mask of a scan comes from, and what its values are, as a person says it. Quick to import."""

from dataclasses import dataclass
from typing import Literal, get_args

from braggfill.base.errors import InputError

Convention = Literal["bad1", "good1"]
Negatives = Literal["missing", "measured"]
"""What negative values are: marks of voxels that were not measured, or what is left where a background was subtracted."""


def check_negatives(negatives: Negatives | None) -> None:
    """Raise InputError for what negative values cannot be."""
    if negatives is not None and negatives not in get_args(Negatives):
        raise InputError(f"negatives: got '{negatives}', expected {' or '.join(get_args(Negatives))}")


@dataclass(frozen=True)
class MaskChoice:
    """Where the mask of a scan comes from."""

    mask: str | None = None
    """Mask file, 2-D or 3-D, > 0 = not measured; else the scan's own."""
    mask_convention: Convention | None = None
    """Whether 1 marks bad (bad1) or good (good1) voxels in the mask that is read; else bad, and who gives a mask over more
    than half of the scan is asked."""
    detector: str | None = None
    """Add the gaps of a detector: maxipix, merlin, eiger2m, …"""
    roi: tuple[int, ...] | None = None
    """ROW,COLUMN of the scan's first pixel in the detector's frame; or first and last + 1 of both."""
    again: bool = False
    """Forget the estimates of a scan that was filled: its filled voxels count as not measured."""
