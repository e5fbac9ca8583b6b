"""Portions of 32³ voxels as the paper shows them: masked, true and predicted, of simulated and of measured scans."""

from typing import TYPE_CHECKING

import numpy as np

from braggfill.base.metrics import log_ceiling, log_correlation
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.crystals import ABSENT, brightest_voxel, held_out, measured_scan
from braggfill.judging.studies.fills import FILLS, filled
from braggfill.judging.studies.findings import Findings, Setting
from braggfill.network.portions import PORTION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTHS = (3, 6, 9, 12, 6)
CROSSED = 4
"""Gap of each portion; in one of them a second gap crosses it."""
FROM_PEAK = (6, 10, 14, 18, 12)
"""Measured columns between peak and gap, one for each portion."""
MARGIN = 16
"""Measured voxels around a portion that the fill also sees."""


def carry_out(setting: Setting) -> Findings:
    """Fill portions beside the peaks of scans that nothing was trained on."""
    chosen = (0, CROSSED) if setting.quick else range(len(WIDTHS))
    shape = (40, 40, 64) if setting.quick else (96, 96, 128)
    tables, pictures, remarks = {}, {}, []
    sources = {"simulated": [(name, scan.counts) for name, scan in held_out(len(chosen), shape)]}
    measured = measured_scan(setting.data)
    if measured is None:
        remarks.append(ABSENT)
    else:
        sources["measured"] = [(f"Au, {FROM_PEAK[i]} from the peak", measured.counts) for i in chosen]
    for kind, scans in sources.items():
        shown = []
        for done, (index, (name, counts)) in enumerate(zip(chosen, scans, strict=True)):
            setting.on_progress(done, len(chosen))
            shown.append(portion(name, counts, index))
        tables[f"study_portions_{kind}"] = [row for row, _ in shown]
        pictures[f"study_portions_{kind}"] = draw(shown)
    return Findings(tables, pictures, remarks)


def portion(name: str, counts: np.ndarray, index: int) -> tuple[dict, dict[str, np.ndarray]]:
    """Scores and the middle frame of a portion with a gap: masked, true, predicted, each (32, 32)."""
    frame, row, column = brightest_voxel(counts)
    width, first = WIDTHS[index], column + 1 + FROM_PEAK[index]
    half = PORTION // 2
    centre = (frame, row, first + width // 2)
    cuts = [slice(max(c - half - MARGIN, 0), c + half + MARGIN) for c in centre]
    cut = counts[cuts[0], cuts[1], cuts[2]]
    inside = [c - s.start - half for c, s in zip(centre, cuts, strict=True)]
    box = tuple(slice(max(i, 0), i + PORTION) for i in inside)
    where = np.zeros(cut.shape, bool)
    where[:, :, inside[2] + half - width // 2 :][:, :, :width] = True
    if index == CROSSED:
        where[:, inside[1] + half + 6 :][:, :width] = True
    means = filled({"unet": FILLS["unet"], "linear": FILLS["linear"]}, cut, where)
    predicted = cut.astype(float)
    predicted[where] = means["unet"]
    seen = np.zeros(cut.shape, bool)
    seen[box] = True
    at = seen[where]
    row_of_table = {"scan": name, "width": width, "arms": 1 + (index == CROSSED), "mean_counts": float(cut[box].mean())}
    row_of_table |= {f"pcc_{m}": log_correlation(v[at], cut[where][at]) for m, v in means.items()}
    row_of_table["ceiling"] = log_ceiling(np.random.default_rng(index), cut[where][at])
    middle = min(half, inside[0] + half)
    views = {"masked": np.where(where, np.nan, cut), "true": cut, "predicted": predicted}
    return row_of_table, {kind: volume[box][middle] for kind, volume in views.items()}


def draw(shown: list[tuple[dict, dict[str, np.ndarray]]]) -> "Figure":
    """Portions side by side: masked above, true, predicted below."""
    figure = new_figure(2.6 * len(shown), 8)
    panels = figure.subplots(3, len(shown), squeeze=False)
    for column, (row, views) in enumerate(shown):
        for line, (kind, picture) in enumerate(views.items()):
            titles = {
                "masked": f"{row['scan']}\nmasked, {row['width']} wide",
                "predicted": f"predicted: PCC {row['pcc_unet']:.3f}\nof at most {row['ceiling']:.3f}",
            }
            show_counts(panels[line, column], picture, float(views["true"].max()), titles.get(kind, kind))
    return figure
