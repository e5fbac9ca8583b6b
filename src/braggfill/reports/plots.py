"""What a person sees in pictures: a fill, a mask, an evaluation, a training."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from braggfill.base.pictures import (
    COUNTS_MAP,
    LARGEST_RELATIVE,
    NOT_MEASURED,
    RELATIVE_MAP,
    new_figure,
    show_counts,
    write_picture,
)
from braggfill.filling.result import FillResult
from braggfill.scan.gaps import AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from braggfill.judging.evaluation import Evaluation


def plot_fill(path: Path, result: FillResult, title: str) -> None:
    """Draw slices through the brightest voxel: as measured, filled, and the relative uncertainty of the estimates (PNG)."""
    missing = result.filled | result.mask
    peak = np.unravel_index(result.intensity.argmax(), missing.shape)
    counts = result.intensity * (result.options.counts_per_unit or 1.0)
    log, brightest = np.log10(1 + counts), float(np.log10(1 + counts.max()))
    rows = (
        ("measured", np.where(missing, np.nan, log), COUNTS_MAP, brightest, "log10(1 + counts)"),
        ("filled", np.where(result.mask, np.nan, log), COUNTS_MAP, brightest, "log10(1 + counts)"),
        ("relative uncertainty", result.relative_std, RELATIVE_MAP, LARGEST_RELATIVE, "std / estimate"),
    )
    figure = new_figure(11, 10.5)
    for panels, (name, volume, colours, largest, label) in zip(figure.subplots(3, 3), rows, strict=True):
        for axis, panel in enumerate(panels):
            shown = panel.imshow(np.take(volume, peak[axis], axis), cmap=colours, vmin=0, vmax=largest)
            panel.set_facecolor(NOT_MEASURED)
            across, down = (AXIS_NAMES[a] for a in (2 if axis < 2 else 1, 0 if axis else 1))
            panel.set(title=f"{name}, {AXIS_NAMES[axis]} {peak[axis]}", xlabel=across, ylabel=down)
        figure.colorbar(shown, ax=panels, label=label, pad=0.01)
    figure.suptitle(title, parse_math=False)
    write_picture(path, figure)


def plot_mask(path: Path, mask: NDArray[np.bool_], counts: NDArray[np.float32] | None = None) -> None:
    """Draw a mask over the counts summed over all frames (PNG): grey where no frame counts, outlined where only some do not.

    Parameters
    ----------
    path : Path
    mask : bool array (frames, rows, columns) or (rows, columns)
        True = not measured.
    counts : float32 array (rows, columns), optional
        Summed over the frames.
    """
    share = mask.mean(0) if mask.ndim == 3 else mask.astype(float)
    figure = new_figure(7.2, 6.4)
    panel = figure.subplots()
    panel.set_facecolor(NOT_MEASURED)
    picture = np.log10(1 + counts) if counts is not None else np.zeros(share.shape)
    shown = panel.imshow(np.where(share == 1, np.nan, picture), cmap=COUNTS_MAP, interpolation="nearest")
    if ((share > 0) & (share < 1)).any():
        panel.contour(share, [0.5 / len(mask)], colors="white", linewidths=0.6)
    panel.set(title=f"{100 * share.mean():.2f} % not measured (grey)", xlabel="column", ylabel="row")
    if counts is not None:
        figure.colorbar(shown, ax=panel, label="log10(1 + counts of all frames)")
    write_picture(path, figure, dpi=100)


def plot_evaluation(path: Path, verdict: "Evaluation", title: str) -> None:
    """Draw the brightest slice of a copy, as measured and as filled, and how right every method was (PNG)."""
    counts, filled = np.zeros((2, *verdict.hidden.shape), np.float32)
    counts[verdict.hidden], filled[verdict.hidden] = verdict.known, verdict.filled
    totals = [counts.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    axis = max(range(3), key=lambda a: totals[a].max())
    index = int(totals[axis].argmax())
    figure = new_figure(11, 9)
    above, below = figure.subplots(2, 2)
    where = np.take(verdict.hidden, index, axis)
    for panel, volume, name in zip(above, (counts, filled), ("hidden", verdict.scores[0].method), strict=True):
        picture = np.where(where, np.take(volume, index, axis), np.nan)
        show_counts(panel, picture, counts.max(), f"{name}: {AXIS_NAMES[axis]} {index}, log(1 + counts)")
    _show_scores(below, verdict)
    figure.suptitle(title, parse_math=False)
    write_picture(path, figure)


def _show_scores(panels: "Sequence[Axes]", verdict: "Evaluation") -> None:
    """A bar for each method: how its fill correlates with what was hidden, and what it gains over the linear one."""
    correlations, gains = panels
    names = [s.method for s in verdict.scores]
    correlations.barh(names, [s.pcc_log for s in verdict.scores])
    correlations.axvline(verdict.ceiling, color="k", ls="--", label="a perfect fill, about")
    least = min(s.pcc_log for s in verdict.scores)
    correlations.set(xlim=(max(least - 0.1, 0), 1), title="correlation of log(1 + counts) with what was hidden")
    correlations.legend(loc="lower left")
    gains.barh(names, [s.skill for s in verdict.scores])
    gains.set(xlim=(-0.5, 1), title="share of the linear fill's excess deviance removed")
    for panel in (correlations, gains):
        panel.invert_yaxis()


def plot_training(path: Path, curve: list[list[float]]) -> None:
    """Draw a training curve (PNG): rows of step, loss, validation likelihood and skill."""
    steps, loss, likelihood, skill = zip(*curve, strict=True)
    figure = new_figure(7, 6)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(steps, loss, label="training")
    above.plot(steps, likelihood, label="validation crystals")
    above.set(ylabel="neg. log-likelihood above the truth's", yscale="log")
    above.legend()
    below.plot(steps, skill)
    below.set(xlabel="step", ylabel="skill on validation crystals")
    write_picture(path, figure, dpi=100)
