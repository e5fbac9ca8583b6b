"""What a person sees of a fill: the table of gaps, the closing summary, the picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from braggfill.fill import FillResult
from braggfill.gaps import AXIS_NAMES, MAX_WIDTH, MAX_WIDTH_ONE_BANK, Gap
from braggfill.io import summarise_gaps
from braggfill.pictures import new_figure, show_counts, write_picture

if TYPE_CHECKING:
    from braggfill.evaluation import Evaluation


def gap_table(gaps: list[Gap], method: str) -> Table:
    """What the mask consists of and what is done with each part."""
    table = Table("number", "gap", "across", "indices", "width", "voxels", "what is done")
    for row in summarise_gaps(gaps):
        place = f"{row['first']}–{row['last']}" if "first" in row else ""
        number, width, voxels = str(row["number"]), str(row["width"]), f"{row['voxels']:,}"
        done = action(row["voxels"], row["filled"], method)
        table.add_row(number, row["kind"], row["across"] + "s", place, width, voxels, done)
    return table


def score_table(verdict: "Evaluation") -> Table:
    """How right each method was where the counts are known."""
    title = f"{verdict.voxels:,} hidden voxels; a perfect fill would have a PCC log of about {verdict.ceiling:.3f}"
    table = Table(title=title, box=None, padding=(0, 1, 0, 0))
    for name in ("method", "PCC log", "PCC", "MAE", "deviance", "perfect", "skill", "total", "in 90 %", "seconds"):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    for s in verdict.scores:
        correct = (f"{s.pcc_log:.3f}", f"{s.pcc:.3f}", f"{s.mae:.3g}", f"{s.deviance:.3g}", f"{s.floor:.3g}", f"{s.skill:.2f}")
        table.add_row(s.method, *correct, f"{100 * (s.bias - 1):+.1f} %", f"{100 * s.coverage_90:.0f} %", f"{s.seconds:.1f}")
    return table


def action(voxels: int, filled: int, method: str) -> str:
    """What is done with a gap, in words."""
    if filled == voxels:
        return f"filled ({method})"
    return f"{filled:,} filled ({method}), the rest left masked" if filled else "left masked: too wide to see across"


def warnings(result: FillResult) -> list[str]:
    """Plain sentences about what a user should know before trusting the result."""
    found = []
    left = [g for g in result.gaps if g.filled < g.voxels]
    if left:
        widest = max(left, key=lambda g: g.width)
        found.append(
            f"{int(result.mask.sum()):,} voxels stay masked; the widest gap is {widest.width} voxels across "
            f"{AXIS_NAMES[widest.axis]}s {widest.first}–{widest.last}: methods see across {MAX_WIDTH} voxels "
            f"({MAX_WIDTH_ONE_BANK} at the array's border)"
        )
    missing = result.filled | result.mask
    if missing.mean() > 0.5:
        found.append(f"{100 * missing.mean():.0f} % of the scan is masked; is the mask inverted? 1 means not measured")
    if not missing.all() and result.intensity.max() > 2**24:
        found.append("counts above 16 777 216 do not all fit in float32 exactly; they are rounded to its nearest value")
    return found


def summary(result: FillResult) -> str:
    """One line: voxels filled, counts added, how sure."""
    scale = result.options.counts_per_unit or 1.0
    estimates, std = result.intensity[result.filled], result.std[result.filled]
    if not estimates.size:
        return "nothing was filled"
    bright = estimates * scale >= 1
    sure = f"{100 * np.median(std[bright] / estimates[bright]):.0f} %" if bright.any() else "no voxel above one count"
    added, measured = (v.sum(dtype=float) * scale for v in (estimates, result.intensity[~result.filled]))
    return (
        f"{estimates.size:,} voxels filled ({100 * result.filled.mean():.2f} % of the scan) by {result.options.method}; "
        f"{added:,.0f} counts added to {measured:,.0f}; median relative uncertainty {sure}; "
        f"{int(result.mask.sum()):,} voxels still missing"
    )


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


def plot_fill(path: Path, result: FillResult, title: str) -> None:
    """Draw slices through the brightest voxel: as measured, filled, and the relative uncertainty of the estimates (PNG)."""
    missing = result.filled | result.mask
    peak = np.unravel_index(result.intensity.argmax(), missing.shape)
    counts = result.intensity * (result.options.counts_per_unit or 1.0)
    relative = np.full(missing.shape, np.nan, np.float32)
    relative[result.filled] = result.std[result.filled] / np.maximum(result.intensity, 1e-12)[result.filled]
    rows = (
        ("measured", np.where(missing, np.nan, counts), "turbo"),
        ("filled", np.where(result.mask, np.nan, counts), "turbo"),
        ("relative uncertainty", relative, "viridis"),
    )
    figure = new_figure(11, 10.5)
    axes = figure.subplots(3, 3)
    for row, (name, volume, colours) in zip(axes, rows, strict=True):
        for axis, panel in enumerate(row):
            picture = np.take(volume, peak[axis], axis)
            if colours == "turbo":
                shown = panel.imshow(np.log10(1 + picture), cmap=colours, vmin=0, vmax=np.log10(1 + counts.max()))
            else:
                shown = panel.imshow(picture, cmap=colours, vmin=0, vmax=1.5)
            panel.set_facecolor("0.75")
            across, down = (AXIS_NAMES[a] for a in (2 if axis < 2 else 1, 0 if axis else 1))
            panel.set(title=f"{name}, {AXIS_NAMES[axis]} {peak[axis]}", xlabel=across, ylabel=down)
        figure.colorbar(shown, ax=row, label="log10(1 + counts)" if colours == "turbo" else "std / estimate", pad=0.01)
    figure.suptitle(title)
    write_picture(path, figure)


def plot_evaluation(path: Path, verdict: "Evaluation", title: str) -> None:
    """Draw the brightest slice of a copy, as measured and as filled, and how right every method was (PNG)."""
    counts, filled = np.zeros((2, *verdict.hidden.shape), np.float32)
    counts[verdict.hidden], filled[verdict.hidden] = verdict.known, verdict.filled
    totals = [counts.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    axis = max(range(3), key=lambda a: totals[a].max())
    index = int(totals[axis].argmax())
    figure = new_figure(11, 9)
    (measured, estimated), (correlations, gains) = figure.subplots(2, 2)
    where = np.take(verdict.hidden, index, axis)
    for panel, volume, name in ((measured, counts, "hidden"), (estimated, filled, verdict.scores[0].method)):
        picture = np.where(where, np.take(volume, index, axis), np.nan)
        show_counts(panel, picture, counts.max(), f"{name}: {AXIS_NAMES[axis]} {index}, log(1 + counts)")
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
    figure.suptitle(title)
    write_picture(path, figure)
