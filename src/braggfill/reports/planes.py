"""The three slices of a scan's picture: where they meet, and how their axes are called."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.reports.choice import Through
from braggfill.scan.gaps import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
FLATTEST = 0.35
"""Least height of a slice over its width: scans of few frames are not drawn as lines."""


def meeting_place(counts: NDArray[Any], missing: NDArray[np.bool_], through: Through) -> tuple[int, int, int]:
    """The voxel in which the slices through a scan meet; ``counts`` and ``missing`` are both (frames, rows, columns)."""
    among = missing if through == "gap" and missing.any() else np.ones_like(missing)
    frame, row, column = np.unravel_index(int(np.where(among, counts, -1).argmax()), counts.shape)
    return int(frame), int(row), int(column)


def plane_axes(axis: int) -> tuple[int, int]:
    """The axes down and across a slice through an axis."""
    down, across = (a for a in range(3) if a != axis)
    return down, across


def name_axes(panel: "Axes", axis: int) -> None:
    """Label a slice through an axis with the axes that it shows."""
    down, across = (AXIS_NAMES[a] for a in plane_axes(axis))
    panel.set(xlabel=across, ylabel=down)


def slice_heights(shape: tuple[int, ...]) -> list[float]:
    """Heights over widths of the slices through frame, row and column of a scan (frames, rows, columns)."""
    sides = (plane_axes(axis) for axis in range(3))
    return [max(shape[down] / shape[across], FLATTEST) for down, across in sides]
