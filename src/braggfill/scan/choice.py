"""What of a scan is taken, where its mask comes from, and what its values are, as a person says it. Quick to import."""

from dataclasses import dataclass
from typing import Literal

from braggfill.base.errors import InputError
from braggfill.base.limits import check_fields

Convention = Literal["bad1", "good1"]
Negatives = Literal["missing", "measured"]
"""What negative values are: marks of voxels that were not measured, or what is left where a background was subtracted."""


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

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Preparation:
    """What is done to a scan before anything else, in this order."""

    crop: tuple[int, ...] | None = None
    """FRAMES,ROWS,COLUMNS about the peak; or first and last + 1 of each. Nothing else is read into memory."""
    dark: str | None = None
    """File of counts a frame without the beam: pixels with more than 1 are marked as not measured; nothing is subtracted."""
    flat: str | None = None
    """File of the counts of an even illumination: every pixel is divided by its share; those without are marked."""
    hot: bool = False
    """Mark hot pixels as not measured: ten times as bright as all but one of the eight around them in half of the frames."""
    aliens: bool = False
    """Mark other crystals' light as not measured: spots far brighter than what lies between them and the peak, and opposite."""
    bin: tuple[int, ...] | None = None
    """FRAMES,ROWS,COLUMNS that are summed into one voxel; one that lacks any of them is not measured."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.crop is not None and (len(self.crop) not in (3, 6) or not _in_order(self.crop)):
            raise InputError(
                f"crop: got {list(self.crop)}, expected three sizes (frames, rows, columns) about the peak, or first and "
                "last + 1 of each"
            )
        if self.bin is not None and len(self.bin) != 3:
            raise InputError(f"bin: got {list(self.bin)}, expected three numbers of at least 1 (frames, rows, columns)")


def _in_order(crop: tuple[int, ...]) -> bool:
    """Whether sizes are above zero, or ends behind their beginnings."""
    if len(crop) == 3:
        return min(crop) > 0
    return all(0 <= first < last for first, last in zip(crop[::2], crop[1::2], strict=True))
