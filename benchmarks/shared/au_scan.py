"""The measured scans of our pages, and the gaps that are cut into them; they are not part of this repository.

au_34idc_s0054.npz is an Au nanocrystal, APS 34-ID-C, from the examples of cohere; nothing was trained on it.
au_highcount_64.npz is another one, 6 million counts at the peak of 64³ voxels, from 3D-CDI-NN; the network has learned from it.
"""

import numpy as np

from braggfill.judging.studies.gaps import Arm
from braggfill.scan.measured import MeasuredScan, read_measured

CROP = (slice(20, 190), slice(30, 230), slice(30, 230))
"""Frames, rows and columns without the dead corner and the dead column."""
HOLE = (slice(0, 9), slice(0, 16), slice(27, 44))
"""Frames, rows and columns of an alien that was cut out of the second scan."""
CROSS: tuple[Arm, ...] = ((1, 10, 6), (2, 10, 6))
WIDTHS = (3, 6, 9, 12)


def cropped(address: str) -> MeasuredScan:
    """The scan without its dead pixels."""
    scan = read_measured(address)
    return MeasuredScan(scan.name, scan.counts[CROP], scan.mask[CROP])


def high_count(address: str) -> MeasuredScan:
    """The second scan, its hole marked."""
    scan = read_measured(address)
    mask = scan.mask.copy()
    mask[HOLE] = True
    return MeasuredScan(scan.name, np.where(mask, 0, scan.counts), mask)


def stripes_and_cross(before: int, after: int, cross: tuple[Arm, ...]) -> dict[str, tuple[Arm, ...]]:
    """Nine gaps by name: stripes of rows from so many rows before and after the peak on, and a cross."""
    stripes = {f"rows {at:+d} {width} wide": ((1, at, width),) for at in (-before, after) for width in WIDTHS}
    return stripes | {f"cross {cross[0][1]:+d} {cross[0][2]} wide": cross}


NEAR = stripes_and_cross(24, 10, CROSS)
"""Cut into the whole scan."""
FAR = stripes_and_cross(30, 14, ((1, 14, 6), (2, 14, 6)))
"""Cut into the crop."""
CLOSE = stripes_and_cross(20, 8, ((1, 8, 6), (2, 8, 6)))
"""Cut into the second scan."""
