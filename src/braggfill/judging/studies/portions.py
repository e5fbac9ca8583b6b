"""Portions of 32³ voxels as the paper shows them: masked, true and predicted, of simulated and of measured scans."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import log_ceiling, log_correlation
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.contenders import CONTENDERS, expected_in
from braggfill.judging.studies.crystals import held_out
from braggfill.judging.studies.findings import UNMEASURED, Findings, Row, Setting
from braggfill.judging.studies.gaps import cut, known
from braggfill.network.config import PORTION
from braggfill.scan.boxes import with_margin
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.measured import MeasuredScan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTHS = (3, 6, 9, 12, 6)
CROSSED, CROSSED_AT = 4, 6
"""One of the portions has a second gap, so many rows after the peak's."""
FROM_PEAK = (6, 10, 14, 18, 12)
"""Measured columns between peak and gap, one for each portion."""
MARGIN = 16
"""Measured voxels around a portion that the fill also sees."""

Views = dict[str, NDArray[np.float64]]
"""Pictures (height, width) of a portion's middle frame: masked, true, predicted."""


def carry_out(setting: Setting) -> Findings:
    """Fill portions beside the peaks of scans that nothing was trained on."""
    chosen = (0, CROSSED) if setting.quick else tuple(range(len(WIDTHS)))
    shape = (40, 40, 64) if setting.quick else (96, 96, 128)
    simulated = [MeasuredScan(name, scan.counts, np.zeros(shape, bool)) for name, scan in held_out(len(chosen), shape)]
    sources = {"simulated": simulated} | ({"measured": [setting.measured] * len(chosen)} if setting.measured else {})
    tables, pictures = {}, {}
    for kind, scans in sources.items():
        shown = []
        for done, (index, scan) in enumerate(zip(chosen, scans, strict=True)):
            setting.on_progress(done, len(chosen))
            shown.append(portion(scan, index))
        tables[f"study_portions_{kind}"] = [row for row, _ in shown]
        pictures[f"study_portions_{kind}"] = draw(shown, kind == "measured")
    return Findings(tables, pictures, [] if setting.measured else [UNMEASURED])


def portion(scan: MeasuredScan, index: int) -> tuple[Row, Views]:
    """Scores and the middle frame of a portion with a gap in its middle."""
    peak, half = brightest_voxel(scan.counts), PORTION // 2
    width, distance = WIDTHS[index], 1 + FROM_PEAK[index]
    arms = [(2, distance, width)] + ([(1, CROSSED_AT, width)] if index == CROSSED else [])
    centre = (peak[0], peak[1], peak[2] + distance + width // 2)
    frames, rows, columns = (slice(max(c - half, 0), min(c + half, n)) for c, n in zip(centre, scan.counts.shape, strict=True))
    around, box = with_margin((frames, rows, columns), scan.counts.shape, MARGIN)
    counts, mask = scan.counts[around], scan.mask[around]
    gap = cut(scan.counts.shape, peak, arms)[around] & ~mask
    means = expected_in(gap, counts, {name: CONTENDERS[name] for name in ("unet", "linear")}, mask)
    predicted = known(counts, mask)
    predicted[gap] = means["unet"]
    within = np.zeros(gap.shape, bool)
    within[box] = True
    at = within[gap] & np.isfinite(means["unet"])
    hidden = counts[gap][at]
    row = {"scan": scan.name, "from_peak": FROM_PEAK[index], "width": width, "arms": len(arms)}
    row |= {"mean_counts": float(counts[box].mean())}
    row |= {f"pcc_{name}": log_correlation(mean[at], hidden) for name, mean in means.items()}
    row |= {"ceiling": log_ceiling(np.random.default_rng(index), hidden)}
    views = {"masked": known(counts, gap | mask), "true": known(counts, mask), "predicted": predicted}
    middle = min(half, centre[0])
    return row, {kind: volume[box][middle] for kind, volume in views.items()}


def draw(shown: list[tuple[Row, Views]], same_scan: bool) -> "Figure":
    """Portions side by side: masked above, true, predicted below; those of one scan are told apart by their place."""
    figure = new_figure(2.6 * len(shown), 8)
    panels = figure.subplots(3, len(shown), squeeze=False)
    for column, (row, views) in enumerate(shown):
        name = f"{row['from_peak']} from the peak" if same_scan else row["scan"]
        for line, (kind, picture) in enumerate(views.items()):
            titles = {
                "masked": f"{name}\nmasked, {row['width']} wide",
                "predicted": f"predicted: PCC {row['pcc_unet']:.3f}\nof at most {row['ceiling']:.3f}",
            }
            brightest, gap = float(np.nanmax(views["true"])), np.isnan(views["masked"])
            show_counts(panels[line, column], picture, brightest, titles.get(kind, kind), gap)
    return figure
