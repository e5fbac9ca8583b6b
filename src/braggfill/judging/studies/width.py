"""Accuracy against the width of the gap and against the brightness of its surroundings, by the paper's protocol."""

from typing import TYPE_CHECKING

from braggfill.base.pictures import new_figure
from braggfill.judging.studies.contenders import CONTENDERS, draw_curves
from braggfill.judging.studies.findings import Findings, Row, Setting
from braggfill.judging.studies.protocol import Protocol, brightness_table, carry_out_protocol, crop_table, means_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FULL = Protocol(8, (1, 2, 3, 4, 6, 8, 9, 10, 12, 14), (96, 96, 96), (8, 24))
QUICK = Protocol(2, (3, 9), (32, 40, 64), (6, 8), 40)
DRAWN_WIDTH = 9
"""The width whose accuracy is drawn against brightness."""


def carry_out(setting: Setting) -> Findings:
    """Fill gaps of every width beside the peaks of held-out crystals."""
    cases, crops = carry_out_protocol(CONTENDERS, QUICK if setting.quick else FULL, setting.on_progress)
    by_width = crop_table(crops, list(CONTENDERS))
    for row in by_width:
        mine = [c for c in cases if (c["width"], c["method"]) == (row["width"], row["method"])]
        row |= {"gaps": len(mine)} | means_of(mine, ("skill", "bias", "coverage_50", "coverage_90"))
    by_brightness = brightness_table(crops, list(CONTENDERS))
    tables = {"study_width": by_width, "study_width_brightness": by_brightness, "study_width_gaps": cases}
    return Findings(tables, {"study_width": draw(by_width, by_brightness)})


def draw(by_width: list[Row], by_brightness: list[Row]) -> "Figure":
    """Correlations against width, against brightness, and skill against width."""
    figure = new_figure(16, 5)
    counts, truth, brightness, skills = figure.subplots(1, 4)
    some_width = [row for row in by_brightness if row["width"] == DRAWN_WIDTH]
    panels = (
        (counts, by_width, "width", "pcc_counts", "with the drawn counts, 20 bins"),
        (truth, by_width, "width", "pcc_truth_bright", "with the truth, crops over 10 counts a voxel"),
        (brightness, some_width, "mean_counts", "pcc_counts", f"with the drawn counts, {DRAWN_WIDTH} wide"),
        (skills, by_width, "width", "skill", ""),
    )
    for panel, rows, across, score, title in panels:
        draw_curves(panel, rows, across, score)
        mine = [r for r in rows if r["method"] == "unet"]
        if score == "pcc_counts":
            panel.plot([r[across] for r in mine], [r["ceiling"] for r in mine], "k--", label="ceiling: the truth's own")
        panel.set(title=title, xlabel="gap width" if across == "width" else "mean counts a voxel", ylabel="PCC of log(1 + I)")
    brightness.set_xscale("log")
    skills.set(title="skill", ylabel="share of linear's excess deviance removed", ylim=(-1, 1))
    figure.legend(*counts.get_legend_handles_labels(), loc="outside lower center", ncols=8)
    return figure
