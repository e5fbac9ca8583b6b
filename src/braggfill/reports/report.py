"""What a person sees of a fill: the table of gaps, the closing summary, the picture."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from braggfill.base.pictures import new_figure, show_counts, write_picture
from braggfill.filling.result import FillResult
from braggfill.scan.gaps import (
    AXIS_NAMES,
    MAX_WIDTH,
    MAX_WIDTH_ONE_BANK,
    Gap,
    find_gaps,
    find_slabs,
    summarise_gaps,
    voxels_to_fill,
)

if TYPE_CHECKING:
    from braggfill.judging.evaluation import Evaluation
    from braggfill.network.lesson import Lesson


def gap_table(gaps: list[Gap], method: str) -> Table:
    """What a scan's mask consists of and what is done with each part."""
    return _parts_table(gaps, "what is done", lambda voxels, filled: action(voxels, filled, method))


def mask_table(mask: np.ndarray) -> Table:
    """What a mask (frames, rows, columns) or (rows, columns) consists of and what of it can be filled."""

    def share(voxels: int, filled: int) -> str:
        return "all" if filled == voxels else f"{filled:,}" if filled else "none: too wide to see across"

    solid = mask[None] if mask.ndim == 2 else mask
    table = _parts_table(find_gaps(solid, voxels_to_fill(find_slabs(solid), solid.shape)), "can be filled", share)
    table.caption = f"{100 * solid.mean():.2f} % not measured"
    return table


def _parts_table(gaps: list[Gap], last_column: str, say: Callable[[int, int], str]) -> Table:
    """One row a part of the mask; ``say`` tells from its voxels and those filled what the last column holds."""
    table = Table("number", "gap", "across", "indices", "width", "voxels", last_column)
    for row in summarise_gaps(gaps):
        place = f"{row['first']}–{row['last']}" if "first" in row else ""
        number, width, voxels = str(row["number"]), str(row["width"]), f"{row['voxels']:,}"
        table.add_row(number, row["kind"], row["across"] + "s", place, width, voxels, say(row["voxels"], row["filled"]))
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


def key_figures(result: FillResult) -> dict[str, str]:
    """What a fill comes to, by name: voxels filled, counts added, how sure, what is still missing."""
    scale = result.options.counts_per_unit or 1.0
    estimates, std = result.intensity[result.filled], result.std[result.filled]
    bright = estimates * scale >= 1
    sure = f"{100 * np.median(std[bright] / estimates[bright]):.0f} %" if bright.any() else "no voxel above one count"
    added, measured = (v.sum(dtype=float) * scale for v in (estimates, result.intensity[~result.filled]))
    return {
        "voxels filled": f"{estimates.size:,}",
        "of the scan": f"{100 * result.filled.mean():.2f} %",
        "counts added": f"{added:,.0f}",
        "counts measured": f"{measured:,.0f}",
        "median relative uncertainty": sure,
        "voxels still missing": f"{int(result.mask.sum()):,}",
    }


def summary(result: FillResult) -> str:
    """One line: voxels filled, counts added, how sure."""
    if not result.filled.any():
        return "nothing was filled"
    f = key_figures(result)
    return (
        f"{f['voxels filled']} voxels filled ({f['of the scan']} of the scan) by {result.options.method}; "
        f"{f['counts added']} counts added to {f['counts measured']}; median relative uncertainty "
        f"{f['median relative uncertainty']}; {f['voxels still missing']} voxels still missing"
    )


def lesson_in_words(lesson: "Lesson") -> str:
    """One sentence: what was learned from the scan, or why all stays as it was."""
    stopped = f"interrupted after {lesson.steps} of {lesson.planned_steps} steps; " if lesson.interrupted else ""
    if lesson.skill_before is None or lesson.skill_after is None:
        why = "" if lesson.interrupted else "there is no room for copies of the gaps that hold counts; "
        return f"{stopped}{why}nothing was learned from this scan, kriging and weights stay as they were"
    kriging = "kriging with constants for this scan as well" if lesson.fringes else "kriging as it was"
    weights = f"weights of step {lesson.kept_step}" if lesson.kept_step else "weights as they were (no sure gain)"
    scores = f"skill on {lesson.voxels:,} held-out voxels {lesson.skill_before:.3f} before, {lesson.skill_after:.3f} after"
    return f"{stopped}{kriging}, {weights}; {scores}"


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


def plot_mask(path: Path, mask: np.ndarray, counts: np.ndarray | None = None) -> None:
    """Draw a mask over the counts summed over all frames (PNG): grey where no frame counts, outlined where only some do not."""
    share = mask.mean(0) if mask.ndim == 3 else mask.astype(float)
    figure = new_figure(7.2, 6.4)
    panel = figure.subplots()
    panel.set_facecolor("0.75")
    picture = np.log10(1 + counts) if counts is not None else np.zeros(share.shape)
    shown = panel.imshow(np.where(share == 1, np.nan, picture), cmap="turbo", interpolation="nearest")
    if ((share > 0) & (share < 1)).any():
        panel.contour(share, [0.5 / len(mask)], colors="white", linewidths=0.6)
    panel.set(title=f"{100 * share.mean():.2f} % not measured (grey)", xlabel="column", ylabel="row")
    if counts is not None:
        figure.colorbar(shown, ax=panel, label="log10(1 + counts of all frames)")
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
