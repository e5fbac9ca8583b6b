"""Slices of several volumes side by side: what the pictures of fills and of self-tests share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.pictures import COUNTS_MAP, NOT_MEASURED, SIGNED_MAP, outline
from braggfill.judging.pulls import LARGEST_PULL
from braggfill.reports.planes import name_axes
from braggfill.scan.gaps import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from matplotlib.image import AxesImage

WIDTH_INCHES, ROOM_INCHES = 3.0, 2.6
"""Width of a slice, and height that is left for titles, axes and colour bars."""
PULL = "(hidden - expected) / std"
"""What a pull is, under its colour bar."""


@dataclass(frozen=True)
class Column:
    """A volume and how its slices are drawn."""

    name: str
    volume: NDArray[Any]
    """(frames, rows, columns), grey where NaN."""
    label: str
    """Of its colour bar."""
    colours: str
    """Name of the colour map."""
    least: float
    largest: float

    def show(self, panel: "Axes", axis: int, index: int, gap: NDArray[np.bool_]) -> "AxesImage":
        """Draw a slice with lines round the gap in it, bool like it."""
        picture = np.take(self.volume, index, axis)
        shown = panel.imshow(picture, cmap=self.colours, vmin=self.least, vmax=self.largest, interpolation="nearest")
        panel.set_facecolor(NOT_MEASURED)
        outline(panel, gap)
        name_axes(panel, axis)
        panel.set_title(f"{AXIS_NAMES[axis]} {index}")
        return shown


def log_counts(name: str, counts: NDArray[Any], unknown: NDArray[np.bool_], brightest: float) -> Column:
    """Counts by their logarithm, grey where they are not known; both are (frames, rows, columns)."""
    log = np.where(unknown, np.nan, np.log10(1 + counts))
    return Column(name, log, "log10(1 + counts)", COUNTS_MAP, 0.0, float(np.log10(1 + brightest)))


def how_far_off(pulls: NDArray[np.float64], where: NDArray[np.bool_]) -> Column:
    """Pulls (voxels,) at their places ``where``, bool (frames, rows, columns)."""
    volume = np.full(where.shape, np.nan)
    volume[where] = pulls
    return Column("how far off", volume, PULL, SIGNED_MAP, -LARGEST_PULL, LARGEST_PULL)


def draw_columns(
    figure: "FigureBase", columns: Sequence[Column], gap: NDArray[np.bool_], place: tuple[int, int, int], heights: list[float]
) -> None:
    """Draw volumes side by side: a column each, a line for each axis, with lines round the gap in every slice.

    Parameters
    ----------
    figure : Figure
        Empty; a part of one will do.
    columns : list of Column
    gap : bool array (frames, rows, columns)
        What is outlined.
    place : three ints
        Where the slices meet.
    heights : list of floats
        Heights of the slices over their widths.
    """
    panels = figure.subplots(3, len(columns), height_ratios=heights, squeeze=False)
    for number, (line, column) in enumerate(zip(panels.T, columns, strict=True)):
        for axis, panel in enumerate(line):
            shown = column.show(panel, axis, place[axis], np.take(gap, place[axis], axis))
            if number:
                panel.set(ylabel="", yticklabels=[])
            if number == 0 and np.isnan(np.take(column.volume, place[axis], axis)).all():
                panel.text(0.5, 0.5, "nothing was measured here", transform=panel.transAxes, ha="center", va="center")
        line[0].set_title(f"{column.name}\n{line[0].get_title()}")
        extend = "both" if column.least < 0 else "neither"
        figure.colorbar(shown, ax=list(line), label=column.label, location="bottom", pad=0.02, aspect=25, extend=extend)
