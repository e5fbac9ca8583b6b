"""Accuracy against the width of the gap and against the brightness of its surroundings, by the paper's protocol."""

from typing import TYPE_CHECKING

from braggfill.base.pictures import new_figure
from braggfill.judging.studies.contenders import CONTENDERS
from braggfill.judging.studies.curves import draw_curves, legend_below
from braggfill.judging.studies.findings import Findings, Row, Setting, Tables
from braggfill.judging.studies.groups import grouped, means_of, places_won, with_spread
from braggfill.judging.studies.protocol import (
    Protocol,
    brightness_table,
    carry_out_protocol,
    crop_table,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FULL = Protocol(8, (1, 2, 3, 4, 6, 8, 9, 10, 12, 14), (96, 96, 96), (8, 24))
QUICK = Protocol(2, (3, 9), (32, 40, 64), (6, 8), 40)
DRAWN_WIDTH = 9
"""The width whose accuracy is drawn against brightness."""
GAPS = ("width", "method")
"""Columns in which the gaps of a row of means agree."""
LEAST_SKILL = -1.0
"""What is worse is not drawn."""


def carry_out(setting: Setting) -> Findings:
    """Fill gaps of every width beside the peaks of held-out crystals."""
    protocol = QUICK if setting.quick else FULL
    cases, crops = carry_out_protocol(CONTENDERS, protocol, setting.on_progress, kept=setting.kept)
    by_width = crop_table(crops, list(CONTENDERS))
    gaps = grouped(cases, GAPS)
    for row in by_width:
        mine = gaps.get((row["width"], row["method"]), [])
        row |= {"gaps": len(mine)} | means_of(mine, ("skill", "bias", "coverage_50", "coverage_90"))
    by_brightness = brightness_table(crops, list(CONTENDERS))
    return Findings({"study_width": by_width, "study_width_brightness": by_brightness, "study_width_gaps": cases})


def conclude(tables: Tables) -> str:
    """In how many widths the network is the best, and what it reaches in the narrowest and widest gap."""
    rows = tables["study_width"]
    won, places = places_won(rows, ["width"], "skill")
    ours = sorted((row for row in rows if row["method"] == "unet"), key=lambda row: float(row["width"]))
    narrow, wide = ours[0], ours[-1]
    return (
        f"The network removes more of what a straight line leaves than any other fill at {won} of {places} widths: "
        f"{100 * narrow['skill']:.0f} % in gaps {narrow['width']} wide, {100 * wide['skill']:.0f} % at {wide['width']}"
    )


def draw(tables: Tables) -> "dict[str, Figure]":
    """Correlations against width, against brightness, and skill against width; bars are the spread over crystals."""
    by_width, cases = tables["study_width"], tables["study_width_gaps"]
    some_width = [row for row in tables["study_width_brightness"] if row["width"] == DRAWN_WIDTH]
    skilled = with_spread(by_width, cases, GAPS, "skill")
    figure = new_figure(7.2, 6.4)
    (counts, truth), (brightness, skills) = figure.subplots(2, 2)
    correlation = "PCC of log(1 + I)"
    draw_curves(counts, by_width, "width", "pcc_counts")
    counts.set(title="with the drawn counts, mean of 20 bins", xlabel="gap width (voxels)", ylabel=correlation)
    draw_curves(truth, by_width, "width", "pcc_truth_bright")
    truth.set(title="with the truth, over 10 counts a voxel", xlabel="gap width (voxels)", ylabel=correlation)
    draw_curves(brightness, some_width, "mean_counts", "pcc_counts", logarithmic=True)
    brightness.set(title=f"with the drawn counts, {DRAWN_WIDTH} voxels wide", xlabel="mean counts a voxel", ylabel=correlation)
    draw_curves(skills, skilled, "width", "skill")
    skills.set(title="skill", xlabel="gap width (voxels)", ylabel="share of linear's excess deviance removed")
    skills.set_ylim(LEAST_SKILL, 1)
    for panel, rows, across in ((counts, by_width, "width"), (brightness, some_width, "mean_counts")):
        draw_ceiling(panel, rows, across)
    legend_below(figure, counts)
    return {"study_width": figure}


def draw_ceiling(panel: "Axes", rows: list[Row], across: str) -> None:
    """What the noise-free truth itself scores against the drawn counts."""
    mine = sorted((r for r in rows if r["method"] == "unet"), key=lambda row: float(row[across]))
    panel.plot([r[across] for r in mine], [r["ceiling"] for r in mine], color="0.4", lw=1, ls="-.", label="ceiling")
