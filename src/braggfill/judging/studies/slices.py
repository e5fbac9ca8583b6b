"""What every method puts into a cross 6 voxels wide, slice by slice, beside what was measured there."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.metrics import log_ceiling, log_correlation, poisson_deviance, skill, total_bias
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.contenders import CONTENDERS, Contender, by_crystal, expected_in
from braggfill.judging.studies.crystals import held_out
from braggfill.judging.studies.findings import UNMEASURED, Findings, Row, Setting, Tables
from braggfill.judging.studies.gaps import box_about, cut, known
from braggfill.judging.studies.kept import Part, asked
from braggfill.scan.copies import FEWEST_VOXELS, bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.measured import MeasuredScan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, FROM_PEAK = 6, 9
"""Of the cross; measured lines between peak and arm."""
TOLD = 3
"""Of the best methods, in the conclusion."""
QUICK_BOX = (40, 60, 60)
"""What of a measured scan is looked at in a hurry, about its peak."""


def carry_out(setting: Setting) -> Findings:
    """Lay a cross on a simulated and on a measured scan and fill it by every method; in a hurry without the crystal."""
    shape = (32, 48, 56) if setting.quick else (128, 128, 128)
    _, simulated = next(held_out(1, shape))
    sources = {"simulated": MeasuredScan("test 0", simulated.counts, np.zeros(shape, bool))}
    if setting.measured:
        sources["measured"] = about_peak(setting.measured) if setting.quick else setting.measured
    contenders = CONTENDERS if setting.quick else {"retrieval": by_crystal("usual"), **CONTENDERS}
    tables, pictures = {}, {}
    for done, (kind, scan) in enumerate(sources.items()):
        setting.on_progress(done, len(sources))
        what = asked(scan.name, scan.sha256, list(contenders), WIDTH, FROM_PEAK)
        part = setting.kept.part(f"{kind}_{what}", partial(in_cross, scan, contenders))
        tables[f"study_slices_{kind}"], pictures[f"study_slices_{kind}"] = part.rows, draw(part, kind)
    return Findings(tables, pictures, [] if setting.measured else [UNMEASURED])


def about_peak(scan: MeasuredScan) -> MeasuredScan:
    """A small part of a scan about its peak."""
    box = box_about(brightest_voxel(scan.counts), QUICK_BOX, scan.counts.shape)
    return MeasuredScan(scan.name, scan.counts[box], scan.mask[box])


def in_cross(scan: MeasuredScan, contenders: Mapping[str, Contender]) -> Part:
    """Scores of every method in a cross beside the peak, and the slice (frames, columns) in the middle of its arm across rows.

    Raises
    ------
    InputError
        If the cross does not fit into the scan, or is dark.
    """
    peak = brightest_voxel(scan.counts)
    arms = [(axis, beside(peak[axis], scan.counts.shape[axis]), WIDTH) for axis in (1, 2)]
    gap = cut(scan.counts.shape, peak, arms) & ~scan.mask
    means = expected_in(gap, scan.counts, contenders, scan.mask)
    scored = bright(scan.counts)[gap] & np.isfinite(means["linear"])
    if np.count_nonzero(scored) < FEWEST_VOXELS:
        raise InputError(
            f"measured {scan.name}: got {np.count_nonzero(scored)} voxels with counts in a cross beside the peak, expected at "
            f"least {FEWEST_VOXELS}; give a scan of more counts"
        )
    hidden, middle = scan.counts[gap][scored], peak[1] + arms[0][1] + WIDTH // 2
    slices, rows = {"measured": known(scan.counts, scan.mask)[:, middle]}, []
    for name, mean in means.items():
        volume = known(scan.counts, scan.mask)
        volume[gap] = mean
        slices[name] = volume[:, middle]
        rows.append({"method": name, "voxels": len(hidden)} | cross_scores(mean[scored], means["linear"][scored], hidden))
    return Part(rows, slices)


def beside(peak: int, length: int) -> int:
    """Voxels from the peak to the first line of an arm: after the peak, else before it."""
    return 1 + FROM_PEAK if peak + 1 + FROM_PEAK < length - WIDTH else -FROM_PEAK - WIDTH


def cross_scores(mean: NDArray[np.float64], linear: NDArray[np.float64], hidden: NDArray[np.float32]) -> Row:
    """Scores of expected counts, beside those of the linear fill, against what was hidden; all are (voxels,)."""
    return {
        "pcc": log_correlation(mean, hidden),
        "ceiling": log_ceiling(np.random.default_rng(0), hidden),
        "deviance": poisson_deviance(mean, hidden),
        "skill": skill(mean, linear, hidden),
        "bias": total_bias(mean, hidden),
    }


def conclude(tables: Tables) -> str:
    """How much of what a straight line leaves the best fills remove on each scan."""
    said = []
    for name, rows in tables.items():
        best = sorted(rows, key=lambda row: float(row["deviance"]))[:TOLD]
        removed = ", ".join(f"{row['method']} removes {100 * row['skill']:.0f} %" for row in best)
        said.append(f"on the {name.rpartition('_')[2]} scan {removed}")
    return f"Of what a straight line leaves in a cross {WIDTH} wide: {'; '.join(said)}"


def draw(part: Part, kind: str) -> "Figure":
    """The in-gap slice (frames, columns) of every method."""
    figure = new_figure(7.2, 7)
    panels = figure.subplots(3, 3).ravel()
    scores, slices = {row["method"]: row for row in part.rows}, part.arrays
    brightest = float(np.nanmax(slices["measured"]))
    for panel in panels[len(slices) :]:
        panel.set_axis_off()
    for panel, (name, picture) in zip(panels, slices.items(), strict=False):
        title = f"{name}: PCC {scores[name]['pcc']:.3f}" if name in scores else f"hidden: ceiling {part.rows[0]['ceiling']:.3f}"
        show_counts(panel, picture, brightest, title)
    figure.suptitle(f"frames × columns in the middle of the gap across rows, {kind} scan, log(1 + counts)")
    return figure
