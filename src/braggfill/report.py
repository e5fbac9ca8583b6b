"""What a person sees of a fill: the table of gaps, the closing summary, the picture."""

from pathlib import Path

import numpy as np
from rich.table import Table

from braggfill.fill import FillResult
from braggfill.gaps import AXIS_NAMES, MAX_WIDTH, MAX_WIDTH_ONE_BANK, Gap
from braggfill.io import summarise_gaps, whole_or_nothing


def gap_table(gaps: list[Gap], method: str) -> Table:
    """The gaps that were found and what is done with each."""
    table = Table("number", "gap", "across", "indices", "width", "voxels", "what is done")
    for row in summarise_gaps(gaps):
        place = f"{row['first']}–{row['last']}" if "first" in row else ""
        number, width, voxels = str(row["number"]), str(row["width"]), f"{row['voxels']:,}"
        table.add_row(
            number, row["kind"], row["normal"] + "s", place, width, voxels, action(row["banks"], row["fillable"], method)
        )
    return table


def action(banks: int, fillable: bool, method: str) -> str:
    """What is done with a gap, in words."""
    if not fillable:
        return "left masked: too wide to see across"
    return f"filled ({method})" + (", from one bank only" if banks == 1 else "")


def warnings(result: FillResult, integer_valued: bool) -> list[str]:
    """Plain sentences about what a user should know before trusting the result."""
    found = []
    wide = [g for g in result.gaps if not g.fillable]
    if wide:
        widest = max(wide, key=lambda g: g.width)
        found.append(
            f"{len(wide)} gap(s) stay masked, the widest {widest.width} voxels across {AXIS_NAMES[widest.axis]}s "
            f"{widest.first}–{widest.last}: methods see across {MAX_WIDTH} voxels ({MAX_WIDTH_ONE_BANK} at the array's border)"
        )
    missing = result.filled | result.mask
    if missing.mean() > 0.5:
        found.append(f"{100 * missing.mean():.0f} % of the scan is masked; is the mask inverted? 1 means not measured")
    if not integer_valued and result.options.counts_per_unit == 1:
        found.append("the data are not whole counts, so their noise is not known; give --counts-per-unit")
    if not missing.all() and result.intensity.max() > 2**24:
        found.append("counts above 16 777 216 do not all fit in float32 exactly; they are rounded to its nearest value")
    return found


def summary(result: FillResult) -> str:
    """One line: voxels filled, counts added, how sure."""
    scale = result.options.counts_per_unit
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


def plot_fill(path: Path, result: FillResult, title: str) -> None:
    """Draw slices through the brightest voxel: as measured, filled, and the relative uncertainty of the estimates (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    missing = result.filled | result.mask
    peak = np.unravel_index(result.intensity.argmax(), missing.shape)
    relative = np.where(result.filled, result.std / np.maximum(result.intensity, 1e-3), np.nan)
    rows = (
        ("measured", np.where(missing, np.nan, result.intensity), "turbo"),
        ("filled", np.where(result.mask, np.nan, result.intensity), "turbo"),
        ("relative uncertainty", relative, "viridis"),
    )
    figure = Figure(figsize=(11, 10.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 3)
    for row, (name, volume, colours) in zip(axes, rows, strict=True):
        for axis, panel in enumerate(row):
            picture = np.take(volume, peak[axis], axis)
            if colours == "turbo":
                shown = panel.imshow(np.log10(1 + picture), cmap=colours, vmin=0, vmax=np.log10(1 + result.intensity.max()))
            else:
                shown = panel.imshow(picture, cmap=colours, vmin=0, vmax=1.5)
            panel.set_facecolor("0.75")
            across, down = (AXIS_NAMES[a] for a in (2 if axis < 2 else 1, 0 if axis else 1))
            panel.set(title=f"{name}, {AXIS_NAMES[axis]} {peak[axis]}", xlabel=across, ylabel=down)
        figure.colorbar(shown, ax=row, label="log10(1 + intensity)" if colours == "turbo" else "std / estimate", pad=0.01)
    figure.suptitle(title)
    with whole_or_nothing(path) as file:
        figure.savefig(file, format="png", dpi=80)
