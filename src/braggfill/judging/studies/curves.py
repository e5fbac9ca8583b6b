"""Curves of the studies: a score against what is varied, one curve a method, with its spread over crystals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from braggfill.judging.studies.findings import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: dict[str, tuple[str, str, str]] = {
    "unet": ("black", "o", "-"),
    "kriging": ("#0072B2", "s", "-"),
    "ridge": ("#009E73", "^", "-"),
    "linear": ("#D55E00", "v", "--"),
    "cubic": ("#CC79A7", "D", ":"),
    "nearest": ("#E69F00", "<", ":"),
    "idw": ("#56B4E9", ">", ":"),
}
"""Colour, marker and line of a method: told apart in grey print by the last two (M. Okabe and K. Ito's colours)."""
BARS = "bars: standard deviation over crystals"
APART = 0.006
"""Shift between the curves of two methods, as a share of a panel's width, that error bars do not hide each other."""


def draw_curves(panel: "Axes", rows: Sequence[Row], across: str, score: str, logarithmic: bool = False) -> None:
    """Draw a score against a column of the table; bars are its ``…_spread``, where the rows have one."""
    shown = [method for method in STYLES if any(row["method"] == method for row in rows)]
    reach = sorted({float(row[across]) for row in rows})
    for number, method in enumerate(shown):
        mine = sorted((row for row in rows if row["method"] == method), key=lambda row: float(row[across]))
        place = np.array([float(row[across]) for row in mine])
        shift = APART * (number - (len(shown) - 1) / 2)
        place = place * (reach[-1] / reach[0]) ** shift if logarithmic else place + shift * (reach[-1] - reach[0])
        spread = [row.get(f"{score}_spread", np.nan) for row in mine]
        colour, marker, line = STYLES[method]
        look: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "ls": line,
            "label": method,
            "lw": 1.6 if method == "unet" else 0.9,
        }
        panel.errorbar(place, [row[score] for row in mine], spread, ms=3.5, capsize=1.5, elinewidth=0.6, **look)
    if logarithmic:
        panel.set_xscale("log")


def legend_below(figure: "Figure", panel: "Axes") -> None:
    """The names of one panel's curves under all panels, and what their bars are."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 8), title=BARS)
