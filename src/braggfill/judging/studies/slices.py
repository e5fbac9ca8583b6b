"""What every method puts into a cross 6 voxels wide, slice by slice, beside what was measured there."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill.base.metrics import log_ceiling, log_correlation, poisson_deviance, skill, total_bias
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.crystals import ABSENT, brightest_voxel, held_out, measured_scan
from braggfill.judging.studies.fills import FILLS, filled
from braggfill.judging.studies.findings import Findings, Setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, FROM_PEAK, SCORED_COUNTS = 6, 9, 0.5
CROP = (slice(20, 190), slice(30, 230), slice(30, 230))
"""Of the measured scan, without its dead corner and column."""


def carry_out(setting: Setting) -> Findings:
    """Lay a cross on a simulated and on a measured scan and fill it by every method."""
    shape = (32, 48, 56) if setting.quick else (128, 128, 128)
    _, simulated = next(held_out(1, shape))
    sources, remarks = {"simulated": simulated.counts}, []
    measured = measured_scan(setting.data)
    if measured is None:
        remarks.append(ABSENT)
    else:
        sources["measured"] = measured.counts[80:120, 100:160, 100:160] if setting.quick else measured.counts[CROP]
    tables, pictures = {}, {}
    for done, (kind, counts) in enumerate(sources.items()):
        setting.on_progress(done, len(sources))
        rows, slices = in_cross(counts)
        tables[f"study_slices_{kind}"], pictures[f"study_slices_{kind}"] = rows, draw(rows, slices, kind)
    return Findings(tables, pictures, remarks)


def in_cross(counts: np.ndarray) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Scores of every method in a cross beside the peak, and the slice in the middle of its arm across rows."""
    _, row, column = brightest_voxel(counts)
    rows = slice(row + 1 + FROM_PEAK, row + 1 + FROM_PEAK + WIDTH)
    columns = slice(column + 1 + FROM_PEAK, column + 1 + FROM_PEAK + WIDTH)
    where = np.zeros(counts.shape, bool)
    where[:, rows] = where[:, :, columns] = True
    scored = (gaussian_filter(counts.astype(np.float32), 3) > SCORED_COUNTS)[where]
    means, hidden = filled(FILLS, counts, where), counts[where][scored]
    middle = rows.start + WIDTH // 2
    slices = {"measured": counts[:, middle].astype(float)}
    table = []
    for name, mean in means.items():
        volume = counts.astype(float)
        volume[where] = mean
        slices[name] = volume[:, middle]
        found, straight = mean[scored], means["linear"][scored]
        scores = {
            "pcc": log_correlation(found, hidden),
            "ceiling": log_ceiling(np.random.default_rng(0), hidden),
            "deviance": poisson_deviance(found, hidden),
            "skill": skill(found, straight, hidden),
            "bias": total_bias(found, hidden),
        }
        table.append({"method": name, "voxels": int(scored.sum())} | scores)
    return table, slices


def draw(rows: list[dict], slices: dict[str, np.ndarray], kind: str) -> "Figure":
    """The in-gap slice of every method."""
    figure = new_figure(13, 6.2)
    panels = figure.subplots(2, 4).ravel()
    scores = {row["method"]: row for row in rows}
    for panel, (name, picture) in zip(panels, slices.items(), strict=True):
        title = f"{name}: PCC {scores[name]['pcc']:.3f}" if name in scores else f"hidden: ceiling {rows[0]['ceiling']:.3f}"
        show_counts(panel, picture, float(slices["measured"].max()), title)
    figure.suptitle(f"frames × columns in the middle of the gap across rows, {kind} scan, log(1 + counts)")
    return figure
