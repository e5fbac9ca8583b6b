"""Pictures: the same colours, the same borders and the same way onto the disk for every one of them.

All colours grow lighter with the value, so that they read in grey print as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.writing import whole_or_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COUNTS_MAP = "inferno"
"""Colours of counts, by their logarithm."""
RELATIVE_MAP, LARGEST_RELATIVE = "viridis", 1.5
"""Colours of an estimate's standard deviation over the estimate, from 0 to this."""
SIGNED_MAP = "cividis"
"""Colours of what may be negative: blue below zero, grey at it, yellow above."""
NOT_MEASURED = "0.75"
"""Grey of what has no counts, or no estimate."""
OUTLINE, UNDER_OUTLINE = ("white", 0.6), ("black", 1.3)
"""Colour and width in points of the line round a gap, and of the one under it: together they are seen on every colour."""
FINE_PIXELS = 160
"""Pixels along a picture from which on lines are thinner, so that they leave room in a narrow gap."""


@contextmanager
def print_style() -> Iterator[None]:
    """Letters and lines that are read at the width of a printed page (7.2 inches), for figures made and written meanwhile."""
    import matplotlib

    sizes: Any = {"font.size": 8, "axes.titlesize": 8, "figure.titlesize": 9, "legend.fontsize": 7, "axes.linewidth": 0.6}
    with matplotlib.rc_context(sizes):
        yield


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """An empty picture that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def show_counts(
    panel: "Axes",
    counts: NDArray[np.floating],
    brightest: float,
    title: str = "",
    gap: NDArray[np.bool_] | None = None,
) -> None:
    """Show counts (height, width) by their logarithm, up to ``brightest``; grey where NaN, without ticks.

    A line is drawn round ``gap``, bool (height, width).
    """
    panel.imshow(np.log10(1 + counts), cmap=COUNTS_MAP, vmin=0, vmax=np.log10(1 + brightest), interpolation="nearest")
    panel.set_facecolor(NOT_MEASURED)
    panel.set(title=title, xticks=[], yticks=[])
    if gap is not None:
        outline(panel, gap)


def outline(panel: "Axes", where: NDArray[np.bool_]) -> None:
    """Draw the borders of a region (height, width) of a picture along the edges of its pixels."""
    from matplotlib.collections import LineCollection

    edges, finer = list(borders(where)), min(1.0, FINE_PIXELS / max(where.shape))
    for colour, width in (UNDER_OUTLINE, OUTLINE):
        lines = LineCollection(edges, colors=colour, linewidths=finer * width, capstyle="projecting")
        panel.add_collection(lines, autolim=False)


def borders(where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Edges between the True pixels of a picture (height, width) and the others, (edges, 2, 2): two ends, each (x, y).

    A pixel (row, column) reaches half a pixel round (x, y) = (column, row); the border of the picture itself is no edge.
    """
    right_of, below = np.argwhere(where[:, 1:] != where[:, :-1]), np.argwhere(where[1:] != where[:-1])
    upright = right_of[:, None, ::-1] + np.array([[0.5, -0.5], [0.5, 0.5]])
    level = below[:, None, ::-1] + np.array([[-0.5, 0.5], [0.5, 0.5]])
    return np.concatenate([upright, level])


def write_picture(path: Path, figure: "Figure", dpi: int = 80) -> None:
    """Write a picture (PNG)."""
    with whole_or_nothing(path) as file:
        figure.savefig(file, format="png", dpi=dpi)


def picture_bytes(figure: "Figure", dpi: int = 80) -> bytes:
    """A picture as the bytes of a PNG."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
