"""Accuracy against oversampling: the same region of one crystal's pattern, sampled coarsely and finely, filled everywhere (S6).

The gap is moved until every column of the region has been predicted from what lies beside it, the central maximum included; the
predictions are joined and compared with the noise-free truth. Kriging and every regression see a scan only with that gap. Gaps
that are far enough apart not to see each other are filled together.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from braggfill.base.metrics import log_correlation
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.crystals import sampled_pattern
from braggfill.judging.studies.fills import FILLS, Fill, filled
from braggfill.judging.studies.findings import Findings, Setting
from braggfill.network.portions import NORMAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 16
"""Measured voxels kept around the region."""
BACKGROUND_COUNTS = 1e-3
DRAWN_WIDTHS = (3, 6, 12)


@dataclass(frozen=True)
class Ranges:
    """What is sampled and filled."""

    oversamplings: tuple[float, ...] = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
    """Voxels a fringe, along every axis."""
    widths: tuple[int, ...] = (3, 6, 9, 12)
    cases: tuple[tuple[int, float], ...] = ((0, 1e6), (1, 1e6), (2, 1e6), (0, 1e9))
    """Crystal of the test split and counts at the peak; the largest dose stands for data without noise."""
    fringes: float = 8.0
    """Extent of the region along each axis, the peak in its middle."""


FULL = Ranges()
QUICK = Ranges((2.0, 3.0), (6,), ((0, 1e6),), fringes=4.0)


def carry_out(setting: Setting) -> Findings:
    """Predict the whole region at every oversampling, width and dose, by every method."""
    ranges = QUICK if setting.quick else FULL
    cases = [(*case, s) for case in ranges.cases for s in ranges.oversamplings]
    rows, shown = [], {}
    for done, (crystal, peak_counts, oversampling) in enumerate(cases):
        setting.on_progress(done, len(cases))
        counts, truth = sampled(ranges, crystal, peak_counts, oversampling)
        place = {"crystal": f"test {crystal}", "peak_counts": peak_counts, "oversampling": oversampling, "voxels": truth.size}
        first = (crystal, peak_counts) == ranges.cases[0]
        for width in ranges.widths:
            predicted = predict_everywhere(FILLS, counts, width)
            place |= {"width": width, "ceiling_counts": log_correlation(truth, within(counts))}
            scores = {name: log_correlation(within(mean), truth) for name, mean in predicted.items()}
            rows += [place | {"method": name, "pcc_truth": value} for name, value in scores.items()]
            if first:
                shown[oversampling, width] = (truth, within(predicted["unet"]), scores["unet"])
    pictures = {"study_oversampling": draw(rows), "study_oversampling_arrays": draw_arrays(shown)}
    return Findings({"study_oversampling": rows}, pictures)


def sampled(ranges: Ranges, crystal: int, peak_counts: float, oversampling: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the region with its margin, and the expected counts of the region."""
    length = round(ranges.fringes * oversampling) + 2 * MARGIN
    farthest = max(ranges.fringes / 2 + (MARGIN + 1) / s for s in ranges.oversamplings)
    pattern = sampled_pattern(crystal, (length,) * 3, oversampling, farthest)
    expected = pattern.astype(float) * peak_counts + BACKGROUND_COUNTS
    return np.random.default_rng(crystal).poisson(expected).astype(np.float32), within(expected)


def within(volume: np.ndarray) -> np.ndarray:
    """The region without its margin."""
    return volume[(slice(MARGIN, -MARGIN),) * 3]


def gap_groups(length: int, width: int) -> list[list[int]]:
    """First columns of gaps that together cover a region of a length once, one of them centred on the peak in its middle.

    They are grouped so that portions of the same group do not touch.
    """
    central = MARGIN + length // 2 - width // 2
    firsts = list(range(central - width * -(-(central - MARGIN) // width), MARGIN + length, width))
    apart = -(-(NORMAL + width) // width)
    return [firsts[start::apart] for start in range(min(apart, len(firsts)))]


def predict_everywhere(fills: dict[str, Fill], counts: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """Expected counts by every method, each column predicted while a gap of this width lay over it."""
    joined = {name: np.full(counts.shape, np.nan) for name in fills}
    for group in gap_groups(counts.shape[2] - 2 * MARGIN, width):
        where = np.zeros(counts.shape, bool)
        for first in group:
            where[:, :, first : first + width] = True
        for name, mean in filled(fills, counts, where).items():
            joined[name][where] = mean
    return joined


def draw(rows: list[dict]) -> "Figure":
    """Correlation with the truth against oversampling, one panel a width, one line of panels a crystal and dose."""
    widths = sorted({row["width"] for row in rows})
    cases = list(dict.fromkeys((row["crystal"], row["peak_counts"]) for row in rows))
    figure = new_figure(3.8 * len(widths), 3.4 * len(cases))
    panels = figure.subplots(len(cases), len(widths), squeeze=False, sharex=True)
    for line, (crystal, dose) in zip(panels, cases, strict=True):
        here = [row for row in rows if (row["crystal"], row["peak_counts"]) == (crystal, dose)]
        for panel, width in zip(line, widths, strict=True):
            for method in FILLS:
                mine = [r for r in here if (r["width"], r["method"]) == (width, method)]
                style = {"lw": 2.5} if method == "unet" else {"lw": 1}
                panel.plot([r["oversampling"] for r in mine], [r["pcc_truth"] for r in mine], ".-", label=method, **style)
            panel.set(title=f"{width} wide, {crystal}, peak {dose:.0e}", xlabel="oversampling", ylabel="PCC with the truth")
            panel.set_ylim(bottom=max(panel.get_ylim()[0], 0.5))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    return figure


def draw_arrays(shown: dict[tuple[float, int], tuple[np.ndarray, np.ndarray, float]]) -> "Figure":
    """The middle frame: truth above, below it what the network predicts at each width."""
    oversamplings = sorted({key[0] for key in shown})
    widths = [w for w in sorted({key[1] for key in shown}) if w in DRAWN_WIDTHS]
    figure = new_figure(2.3 * len(oversamplings), 2.6 * (1 + len(widths)))
    panels = figure.subplots(1 + len(widths), len(oversamplings), squeeze=False)
    for column, oversampling in enumerate(oversamplings):
        truth = shown[oversampling, widths[0]][0]
        middle = len(truth) // 2
        show_counts(panels[0, column], truth[middle], truth.max(), f"truth, {oversampling:g} voxels a fringe")
        for line, width in enumerate(widths, 1):
            _, predicted, score = shown[oversampling, width]
            show_counts(panels[line, column], predicted[middle], truth.max(), f"{width} wide: {score:.3f}")
    return figure
