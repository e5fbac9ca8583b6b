"""Pictures: the same colours and the same way onto the disk for every one of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from braggfill.base.writing import whole_or_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COUNTS_MAP = "turbo"
"""Colours of counts, by their logarithm."""
RELATIVE_MAP, LARGEST_RELATIVE = "viridis", 1.5
"""Colours of an estimate's standard deviation over the estimate, from 0 to this."""
NOT_MEASURED = "0.75"
"""Grey of what has no counts, or no estimate."""


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """An empty picture that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def show_counts(panel: "Axes", counts: NDArray[np.floating], brightest: float, title: str = "") -> None:
    """Show counts (height, width) by their logarithm, up to ``brightest``; grey where NaN, without ticks."""
    panel.imshow(np.log10(1 + counts), cmap=COUNTS_MAP, vmin=0, vmax=np.log10(1 + brightest), interpolation="nearest")
    panel.set_facecolor(NOT_MEASURED)
    panel.set(title=title, xticks=[], yticks=[])


def write_picture(path: Path, figure: "Figure", dpi: int = 80) -> None:
    """Write a picture (PNG)."""
    with whole_or_nothing(path) as file:
        figure.savefig(file, format="png", dpi=dpi)
