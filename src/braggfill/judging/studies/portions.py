"""Portions of 32³ voxels as the paper shows them: masked, true and predicted, of simulated and of measured scans."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from braggfill.base.metrics import log_ceiling, log_correlation
from braggfill.base.pictures import new_figure, show_counts
from braggfill.base.progress import part_of
from braggfill.judging.studies.contenders import CONTENDERS, expected_in
from braggfill.judging.studies.crystals import held_out
from braggfill.judging.studies.findings import UNMEASURED, Findings, Row, Setting, Tables
from braggfill.judging.studies.gaps import cut, known
from braggfill.judging.studies.kept import Part, asked
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


def carry_out(setting: Setting) -> Findings:
    """Fill portions beside the peaks of scans that nothing was trained on."""
    chosen = (0, CROSSED) if setting.quick else tuple(range(len(WIDTHS)))
    shape = (40, 40, 64) if setting.quick else (96, 96, 128)
    simulated = [MeasuredScan(name, scan.counts, np.zeros(shape, bool)) for name, scan in held_out(len(chosen), shape)]
    sources = {"simulated": simulated} | ({"measured": [setting.measured] * len(chosen)} if setting.measured else {})
    tables, pictures = {}, {}
    for number, (kind, scans) in enumerate(sources.items()):
        shown, on_progress = [], part_of(setting.on_progress, number, len(sources))
        for done, (index, scan) in enumerate(zip(chosen, scans, strict=True)):
            on_progress(done, len(chosen))
            what = asked(scan.name, scan.sha256, WIDTHS[index], FROM_PEAK[index], MARGIN)
            shown.append(setting.kept.part(f"{kind}_{index}_{what}", partial(portion, scan, index)))
        tables[f"study_portions_{kind}"] = [part.rows[0] for part in shown]
        pictures[f"study_portions_{kind}"] = draw(shown, kind == "measured")
    return Findings(tables, pictures, [] if setting.measured else [UNMEASURED])


def portion(scan: MeasuredScan, index: int) -> Part:
    """Scores of a portion with a gap in its middle, and its middle frame (height, width): masked, true, predicted."""
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
    row: Row = {"scan": scan.name, "from_peak": FROM_PEAK[index], "width": width, "arms": len(arms)}
    row |= {"mean_counts": float(counts[box].mean())}
    row |= {f"pcc_{name}": log_correlation(mean[at], hidden) for name, mean in means.items()}
    row |= {"ceiling": log_ceiling(np.random.default_rng(index), hidden)}
    views = {"masked": known(counts, gap | mask), "true": known(counts, mask), "predicted": predicted}
    middle = min(half, centre[0])
    return Part([row], {kind: volume[box][middle] for kind, volume in views.items()})


def conclude(tables: Tables) -> str:
    """In how many portions the network is nearer than a straight line, and how much of the ceiling it reaches."""
    rows = [row for some in tables.values() for row in some]
    won = sum(row["pcc_unet"] > row["pcc_linear"] for row in rows)
    shares = [row["pcc_unet"] / row["ceiling"] for row in rows if np.isfinite(row["ceiling"])]
    reached = f", and by {100 * min(shares):.0f} to {100 * max(shares):.0f} % of what noise allows" if shares else ""
    return f"The network correlates better with what was hidden than a straight line in {won} of {len(rows)} portions{reached}"


def draw(shown: list[Part], same_scan: bool) -> "Figure":
    """Portions side by side: masked above, true, predicted below; those of one scan are told apart by their place."""
    figure = new_figure(7.2, 5)
    panels = figure.subplots(3, len(shown), squeeze=False)
    for column, part in enumerate(shown):
        (row,), views = part.rows, part.arrays
        name = f"{row['from_peak']} from the peak" if same_scan else row["scan"]
        for line, (kind, picture) in enumerate(views.items()):
            titles = {
                "masked": f"{name}\nmasked, {row['width']} wide",
                "predicted": f"predicted: PCC {row['pcc_unet']:.3f}\nof at most {row['ceiling']:.3f}",
            }
            brightest, gap = float(np.nanmax(views["true"])), np.isnan(views["masked"])
            show_counts(panels[line, column], picture, brightest, titles.get(kind, kind), gap)
    return figure
