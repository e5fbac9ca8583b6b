"""Pictures of the strain study: false strain by treatment of the gap, against what is varied, and slices of phase."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from braggfill.base.pictures import SIGNED_MAP, new_figure, write_picture
from braggfill.judging.studies.kept import Row
from braggfill.judging.studies.table import PRINT_DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {
    "zero": ("0.6", "x", ":"),
    "linear": ("#D55E00", "v", ":"),
    "idw": ("#56B4E9", ">", ":"),
    "free": ("#0072B2", "s", "--"),
    "filled": ("#009E73", "^", "-."),
    "bounded": ("black", "o", "-"),
}
"""Colour, marker and line of a treatment: told apart in grey print by the last two."""
UNIT = "10⁻³ rad a voxel"


def with_bars(panel: "Axes", treatment: str, groups: dict[float, list[float]]) -> None:
    """Draw means of starts against what is varied, with bars from the least to the most."""
    means = [float(np.mean(values)) for values in groups.values()]
    below = [m - min(values) for m, values in zip(means, groups.values(), strict=True)]
    above = [max(values) - m for m, values in zip(means, groups.values(), strict=True)]
    colour, marker, line = LOOKS[treatment]
    panel.errorbar(
        list(groups), means, [below, above], label=treatment, capsize=2, ms=3.5, lw=1, color=colour, marker=marker, ls=line
    )


def grouped(rows: list[Row], across: str, score: str) -> dict[float, list[float]]:
    """Scores of the starts by a column of the table, in its order."""
    places = sorted({row[across] for row in rows})
    return {place: [row[score] for row in rows if row[across] == place] for place in places}


def curves(rows: list[Row], path: Path) -> None:
    """Draw average strain and zero-average RMSE against the gap's width (Figs 17 and 18), bars from least to most start."""
    kinds = [phases for phases in ("true", "retrieved") if any(row["phases"] == phases for row in rows)]
    figure = new_figure(3.6 * len(kinds), 5)
    for column, phases in zip(figure.subplots(2, len(kinds), sharex=True, squeeze=False).T, kinds, strict=True):
        mine = [row for row in rows if row["phases"] == phases]
        whole = [row for row in mine if row["width"] == 0]
        for treatment in (t for t in LOOKS if any(row["treatment"] == t for row in mine)):
            seen = whole + [row for row in mine if row["treatment"] == treatment and row["width"]]
            for panel, score in zip(column, ("average", "rmse"), strict=True):
                with_bars(panel, treatment, grouped(seen, "width", score))
        column[0].set(title=f"{phases} phases", ylabel=f"average strain ({UNIT})")
        column[0].axhline(0, color="0.7", lw=0.6, zorder=0)
        column[1].set(xlabel="width of the cross (voxels)", ylabel=f"RMS of the strain ({UNIT})", yscale="log")
        column[1].legend()
    write_picture(path, figure, PRINT_DPI)


def conditions(rows: list[Row], path: Path) -> None:
    """Draw the strain's RMS against oversampling for every width, distance and dose, bars from least to most start."""
    doses, widths, distances = (sorted({row[key] for row in rows}) for key in ("peak_counts", "width", "distance"))
    places = [(width, distance) for width in widths for distance in distances]
    figure = new_figure(1.8 * len(places), 2.6 * len(doses))
    panels = figure.subplots(len(doses), len(places), sharex=True, sharey=True, squeeze=False)
    for line, dose in zip(panels, doses, strict=True):
        for panel, (width, distance) in zip(line, places, strict=True):
            here = [r for r in rows if (r["peak_counts"], r["width"], r["distance"]) == (dose, width, distance)]
            for treatment in (t for t in LOOKS if any(row["treatment"] == t for row in here)):
                with_bars(panel, treatment, grouped([r for r in here if r["treatment"] == treatment], "oversampling", "rmse"))
            panel.set(title=f"{width} wide, {distance} off, peak {dose:.0e}", yscale="log")
        line[0].set_ylabel(f"RMS of false strain\n({UNIT})")
    for panel in panels[-1]:
        panel.set_xlabel("voxels a fringe")
    full = max(panels.ravel(), key=lambda panel: len(panel.get_legend_handles_labels()[1]))
    figure.legend(*full.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    write_picture(path, figure, PRINT_DPI)


def slices(work: Path, widths: tuple[int, ...], path: Path) -> None:
    """Draw the phase in the middle frame for every width and treatment (Fig 16)."""
    shown = ("true zero", "true filled", "retrieved zero", "retrieved free", "retrieved filled", "retrieved bounded")
    found: dict[int, dict[str, np.ndarray]] = {w: {} for w in widths}
    for width in found:
        for part in sorted(work.glob(f"widths_{width:02d}*.npz")):
            with np.load(part) as phases:
                found[width] |= dict(phases)
    there = [w for w in found if set(shown) <= set(found[w])]
    if not there:
        return
    figure = new_figure(7.2, 1.3 * len(there))
    axes = figure.subplots(len(there), len(shown), squeeze=False)
    for line, width in zip(axes, there, strict=True):
        for panel, name in zip(line, shown, strict=True):
            phase = found[width][name]
            rows, columns = (slice(n.min() - 2, n.max() + 3) for n in np.nonzero(np.isfinite(phase)))
            drawn = panel.imshow(phase[rows, columns], cmap=SIGNED_MAP, vmin=-0.3, vmax=0.3)
            panel.set(xticks=[], yticks=[], title=name if width == there[0] else None)
        line[0].set_ylabel(f"{width} wide")
    figure.colorbar(drawn, ax=axes, label="phase in radians; truth is 0", shrink=0.6)
    write_picture(path, figure, PRINT_DPI)
