"""Gaps cut into scans whose counts are known: where they lie beside the Bragg peak, and which of their voxels are scored."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.scan.boxes import Box
from braggfill.simulation.scans import SimulatedScan

Voxel = tuple[int, int, int]
"""Indices of frame, row and column."""
Arm = tuple[int, int, int]
"""Of a gap: its normal's axis, voxels from the peak to its first plane (negative before the peak), planes."""


def cut(shape: Sequence[int], peak: Voxel, arms: Sequence[Arm]) -> NDArray[np.bool_]:
    """The voxels (frames, rows, columns) of a gap whose arms lie across the whole scan.

    Raises
    ------
    InputError
        If an arm is not inside the scan, with a measured plane on both sides.
    """
    gap = np.zeros(tuple(shape), bool)
    for axis, distance, width in arms:
        first = peak[axis] + distance
        if not 0 < first < shape[axis] - width:
            raise InputError(
                f"measured: got a peak at {peak} in {tuple(shape)} voxels, where a gap {width} wide at {distance:+d} along "
                f"axis {axis} does not fit; expected more of the scan around its peak"
            )
        np.moveaxis(gap, axis, 0)[first : first + width] = True
    return gap


def known(counts: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Counts to show or to fill in, NaN where not measured; all arrays (frames, rows, columns)."""
    volume = counts.astype(float)
    volume[mask] = np.nan
    return volume


def beside_peak(peak: float, length: int, measured: int, width: int) -> int:
    """Voxels along an axis from the peak to the first of a gap, with so many measured ones between, on the roomier side."""
    return 1 + measured if peak < length / 2 else -measured - width


def columns_beside(scan: SimulatedScan, measured: int, width: int) -> int:
    """First column of a gap with so many measured columns between it and the peak, on the roomier side."""
    peak: int = round(scan.description["peak"][2])
    return peak + beside_peak(peak, scan.counts.shape[2], measured, width)


def columns(shape: Sequence[int], first: int, width: int) -> NDArray[np.bool_]:
    """The voxels (frames, rows, columns) of a gap across columns."""
    return cut(shape, (0, 0, first), [(2, 0, width)])


def box_about(centre: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> Box:
    """The box of a size (at most the scan's) that lies about a voxel, moved where it would reach beyond the scan."""
    lengths = [min(s, n) for s, n in zip(size, shape, strict=True)]
    starts = [min(max(c - s // 2, 0), n - s) for c, s, n in zip(centre, lengths, shape, strict=True)]
    frames, rows, across = (slice(a, a + s) for a, s in zip(starts, lengths, strict=True))
    return frames, rows, across
