"""How copies of gaps are laid: configuration, apart from what lays them, for those who only pass it on."""

from dataclasses import dataclass
from typing import Literal

from braggfill.base.limits import check_fields


@dataclass(frozen=True)
class CopyRules:
    """How many copies are laid, and where they may lie."""

    number: int = 2
    """Copies of every gap, at most."""
    largest: int | None = None
    """So many of the largest gaps are copied; None for all large ones."""
    clearance: int = 8
    """Measured voxels kept between a copy and every gap or other gap's copy across the same axis, and at the border."""
    spacing: int = 8
    """Measured voxels kept between copies of one gap."""
    least_share: float = 0.8
    """Share of every plane of a copy, and of those it keeps clear, that must have been measured."""
    alike_in: Literal["logarithms", "counts"] = "logarithms"
    """What is compared of a place and the gap's banks: the mean logarithm of the counts, as a fill is judged, or
    their total, which rules what is learned."""

    def __post_init__(self) -> None:
        check_fields(self)
