"""What a person sees of a fill: the table of gaps, the closing summary, the picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from braggfill.fill import FillResult
from braggfill.gaps import AXIS_NAMES, MAX_WIDTH, MAX_WIDTH_ONE_BANK, Gap, find_gaps, find_slabs, summarise_gaps, voxels_to_fill
from braggfill.writing import whole_or_nothing

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


def mask_table(mask: np.ndarray) -> Table:
    """What a mask (frames, rows, columns) or (rows, columns) consists of and what of it can be filled."""
    solid = mask[None] if mask.ndim == 2 else mask
    table = Table("number", "gap", "across", "indices", "width", "voxels", "can be filled")
    for row in summarise_gaps(find_gaps(solid, voxels_to_fill(find_slabs(solid), solid.shape))):
        place = f"{row['first']}–{row['last']}" if "first" in row else ""
        part = "all" if row["filled"] == row["voxels"] else f"{row['filled']:,}" if row["filled"] else "too wide to see across"
        table.add_row(
            str(row["number"]), row["kind"], row["across"] + "s", place, str(row["width"]), f"{row['voxels']:,}", part
        )
    table.caption = f"{100 * solid.mean():.2f} % not measured"
    return table


def score_table(verdict: "Evaluation") -> Table:
    """How right each method was where the counts are known."""
    table = Table(title=f"{verdict.voxels:,} hidden voxels", box=None, padding=(0, 1, 0, 0))
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


def plot_training(path: Path, curve: list[list[float]]) -> None:
    """Draw a training curve (PNG): rows of step, loss, validation likelihood and skill."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps, loss, likelihood, skill = zip(*curve, strict=True)
    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(steps, loss, label="training")
    above.plot(steps, likelihood, label="validation crystals")
    above.set(ylabel="neg. log-likelihood above the truth's", yscale="log")
    above.legend()
    below.plot(steps, skill)
    below.set(xlabel="step", ylabel="skill on validation crystals")
    with whole_or_nothing(path) as file:
        figure.savefig(file, format="png", dpi=100)


def plot_mask(path: Path, mask: np.ndarray, counts: np.ndarray | None = None) -> None:
    """Draw a mask over the counts summed over all frames (PNG): grey where no frame counts, striped where only some do not."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    share = mask.mean(0) if mask.ndim == 3 else mask.astype(float)
    figure = Figure(figsize=(7.2, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    panel.set_facecolor("0.75")
    picture = np.log10(1 + counts) if counts is not None else np.zeros(share.shape)
    shown = panel.imshow(np.where(share == 1, np.nan, picture), cmap="turbo", interpolation="nearest")
    panel.contour(share, [0.5 / max(len(mask), 1)], colors="white", linewidths=0.6) if (
        (share > 0) & (share < 1)
    ).any() else None
    panel.set(title=f"{100 * share.mean():.2f} % not measured (grey)", xlabel="column", ylabel="row")
    if counts is not None:
        figure.colorbar(shown, ax=panel, label="log10(1 + counts of all frames)")
    with whole_or_nothing(path) as file:
        figure.savefig(file, format="png", dpi=100)


def plot_fill(path: Path, result: FillResult, title: str) -> None:
    """Draw slices through the brightest voxel: as measured, filled, and the relative uncertainty of the estimates (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

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
    figure = Figure(figsize=(11, 10.5), layout="constrained")
    FigureCanvasAgg(figure)
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
    with whole_or_nothing(path) as file:
        figure.savefig(file, format="png", dpi=80)
