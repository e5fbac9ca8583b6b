"""The measured scan of our pages, and the gaps that are cut into it.

au_34idc_s0054.npz, an Au nanocrystal, APS 34-ID-C, from the examples of cohere; nothing was trained on it. It is not part of
this repository.
"""

from braggfill.judging.studies.gaps import Arm
from braggfill.scan.measured import MeasuredScan, read_measured

CROP = (slice(20, 190), slice(30, 230), slice(30, 230))
"""Frames, rows and columns without the dead corner and the dead column."""
CROSS: tuple[Arm, ...] = ((1, 10, 6), (2, 10, 6))
WIDTHS = (3, 6, 9, 12)


def cropped(address: str) -> MeasuredScan:
    """The scan without its dead pixels."""
    scan = read_measured(address)
    return MeasuredScan(scan.name, scan.counts[CROP], scan.mask[CROP])


def stripes_and_cross(before: int, after: int, cross: tuple[Arm, ...]) -> dict[str, tuple[Arm, ...]]:
    """Nine gaps by name: stripes of rows from so many rows before and after the peak on, and a cross."""
    stripes = {f"rows {at:+d} {width} wide": ((1, at, width),) for at in (-before, after) for width in WIDTHS}
    return stripes | {f"cross {cross[0][1]:+d} {cross[0][2]} wide": cross}


NEAR = stripes_and_cross(24, 10, CROSS)
"""Cut into the whole scan."""
FAR = stripes_and_cross(30, 14, ((1, 14, 6), (2, 14, 6)))
"""Cut into the crop."""
