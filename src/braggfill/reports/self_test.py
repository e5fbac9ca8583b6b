"""The self-test in a picture: what was hidden, what came back, how far off it is, and how right every method was."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from braggfill.base.pictures import new_figure, write_picture
from braggfill.judging.pulls import pull_histogram, pulls
from braggfill.reports.planes import meeting_place, slice_heights
from braggfill.reports.slices import PULL, ROOM_INCHES, WIDTH_INCHES, draw_columns, how_far_off, log_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

    from braggfill.judging.evaluation import Evaluation

CHARTS_INCHES = 3.6
"""Width of the charts beside the slices."""
BARS = "0.45"
"""Grey of the bars of methods; that of the judged one is black."""


def plot_evaluation(path: Path, verdict: "Evaluation", title: str) -> None:
    """Draw three slices through the brightest hidden voxel, the pulls, and how right every method was (PNG)."""
    write_picture(path, self_test_figure(verdict, title), 100)


def self_test_figure(verdict: "Evaluation", title: str = "") -> "Figure":
    """Slices on the left, a line each: hidden, came back, how far off; charts on the right."""
    heights = slice_heights(verdict.hidden.shape)
    height = max(WIDTH_INCHES * sum(heights) + ROOM_INCHES, 8.0)
    figure = new_figure(3 * WIDTH_INCHES + CHARTS_INCHES, height)
    grid = figure.add_gridspec(1, 2, width_ratios=[3 * WIDTH_INCHES, CHARTS_INCHES])
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _draw_slices(left, verdict, heights)
    above, middle, below = right.subplots(3, 1, height_ratios=[1.3, 1, 1])
    draw_pulls(above, verdict)
    _draw_correlations(middle, verdict)
    _draw_gains(below, verdict)
    if title:
        figure.suptitle(title, parse_math=False)
    return figure


def _draw_slices(figure: "FigureBase", verdict: "Evaluation", heights: list[float]) -> None:
    came_back = verdict.counts.copy()
    came_back[verdict.hidden] = verdict.filled
    brightest = float(max(verdict.counts.max(), came_back.max()))
    columns = [
        log_counts("what was hidden", verdict.counts, verdict.missing, brightest),
        log_counts("what came back", came_back, verdict.missing, brightest),
        how_far_off(pulls(verdict.filled, verdict.std, verdict.known), verdict.hidden),
    ]
    draw_columns(figure, columns, verdict.hidden, meeting_place(verdict.counts, verdict.hidden, "gap"), heights)


def draw_pulls(panel: "Axes", verdict: "Evaluation") -> None:
    """The histogram of the scored voxels' pulls, and what it should be."""
    scored = verdict.scored
    histogram = pull_histogram(verdict.filled[scored], verdict.std[scored], verdict.known[scored])
    centres, width = (histogram.edges[1:] + histogram.edges[:-1]) / 2, np.diff(histogram.edges)
    panel.bar(centres, histogram.found, width, color="0.7", label="found")
    panel.stairs(histogram.expected, histogram.edges, color="black", label="if the uncertainty is right")
    most = max(histogram.found.max(), histogram.expected.max())
    panel.set(yscale="log", xlabel=f"pull, {PULL}", ylabel="voxels", ylim=(0.5, 100 * most))
    panel.set_title("pulls; the first and the last bin\nhold what lies beyond", fontsize=10)
    panel.legend(fontsize=8, loc="upper center")


def _draw_correlations(panel: "Axes", verdict: "Evaluation") -> None:
    """A bar for each method: how its fill correlates with what was hidden."""
    _draw_bars(panel, verdict, [s.pcc_log for s in verdict.scores])
    panel.axvline(verdict.ceiling, color="k", ls="--")
    least = min(s.pcc_log for s in verdict.scores)
    panel.set_xlim(max(least - 0.1, 0), 1)
    panel.set_title("correlation of log(1 + counts);\ndashes: about that of a perfect fill", fontsize=10)


def _draw_gains(panel: "Axes", verdict: "Evaluation") -> None:
    """A bar for each method: what it gains over the linear one."""
    _draw_bars(panel, verdict, [s.skill for s in verdict.scores])
    panel.set(xlim=(-0.5, 1), xticks=(-0.5, 0, 0.5, 1))
    panel.set_title("skill: share of the linear fill's\nexcess deviance removed", fontsize=10)


def _draw_bars(panel: "Axes", verdict: "Evaluation", values: list[float]) -> None:
    names = [s.method for s in verdict.scores]
    panel.barh(names, values, color=["black", *[BARS] * (len(names) - 1)])
    panel.invert_yaxis()
