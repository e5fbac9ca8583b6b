"""Where a person wants the results of a fill."""

from dataclasses import dataclass
from pathlib import Path

from braggfill.base.limits import check_fields
from braggfill.reports.choice import Through
from braggfill.scan.formats.names import FormatName


@dataclass(frozen=True)
class Outputs:
    """What a fill writes, and where: files for a single scan, else folders; None for names beside the scan, or for none."""

    output: Path | None = None
    """Result, or a folder for it; else SCAN_filled beside the scan."""
    format: FormatName | None = None
    """Format of the result; else by its name."""
    plot: Path | None = None
    """Also draw slices before and after (.png, or a folder); with the truth where the file holds it (hidden)."""
    through: Through = "peak"
    """Where the slices drawn meet: the scan's peak, or the brightest voxel of its gaps."""
    report: Path | None = None
    """Also write a page with slider and self-test (.html, or a folder)."""
    self_test: bool = True
    """Judge the fill in the report on gaps cut elsewhere into the scan, which takes as long as the fill again."""
    overwrite: bool = False
    """Allow an existing result to be replaced."""

    def __post_init__(self) -> None:
        check_fields(self)
