"""Accuracy against oversampling: the same region of one crystal's pattern, sampled coarsely and finely, filled everywhere (S6).

The gap is moved until every column of the region has been predicted from what lies beside it, the central maximum included; the
predictions are joined and compared with the noise-free truth. Kriging and every regression see a scan only with that gap. Gaps
that are far enough apart not to see each other are filled together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import log_correlation
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.contenders import CONTENDERS, Contender, draw_curves, expected_in
from braggfill.judging.studies.crystals import sampled_pattern
from braggfill.judging.studies.findings import Findings, Row, Setting
from braggfill.judging.studies.gaps import columns
from braggfill.network.config import NORMAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 16
"""Measured voxels kept around the region."""
BACKGROUND_COUNTS = 1e-3
DRAWN_WIDTHS = (3, 6, 12)


@dataclass(frozen=True)
class Samplings:
    """What is sampled and filled."""

    oversamplings: tuple[float, ...] = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
    """Voxels a fringe, along every axis."""
    widths: tuple[int, ...] = (3, 6, 9, 12)
    cases: tuple[tuple[int, float], ...] = ((0, 1e6), (1, 1e6), (2, 1e6), (0, 1e9))
    """Crystal of the test split and counts at the peak; the largest dose stands for data without noise."""
    fringes: float = 8.0
    """Extent of the region along each axis, the peak in its middle."""


Shown = tuple[NDArray[np.float64], NDArray[np.float64], float]
"""Truth and prediction of a region (frames, rows, columns), and their correlation."""
FULL = Samplings()
QUICK = Samplings((2.0, 3.0), (6,), ((0, 1e6),), fringes=4.0)


def carry_out(setting: Setting) -> Findings:
    """Predict the whole region at every oversampling, width and dose, by every method."""
    samplings = QUICK if setting.quick else FULL
    cases = [(*case, s) for case in samplings.cases for s in samplings.oversamplings]
    rows: list[Row] = []
    shown = {}
    for done, (crystal, peak_counts, oversampling) in enumerate(cases):
        setting.on_progress(done, len(cases))
        counts, truth = sampled(samplings, crystal, peak_counts, oversampling)
        place: Row = {
            "crystal": f"test {crystal}",
            "peak_counts": peak_counts,
            "oversampling": oversampling,
            "voxels": truth.size,
        }
        first = (crystal, peak_counts) == samplings.cases[0]
        for width in samplings.widths:
            predicted = predict_everywhere(CONTENDERS, counts, width)
            place |= {"width": width, "ceiling_counts": log_correlation(truth, within(counts))}
            scores = {name: log_correlation(within(mean), truth) for name, mean in predicted.items()}
            rows += [place | {"method": name, "pcc_truth": value} for name, value in scores.items()]
            if first:
                shown[oversampling, width] = (truth, within(predicted["unet"]), scores["unet"])
    pictures = {"study_oversampling": draw(rows), "study_oversampling_arrays": draw_arrays(shown)}
    return Findings({"study_oversampling": rows}, pictures)


def sampled(
    samplings: Samplings, crystal: int, peak_counts: float, oversampling: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Counts of the region with its margin, and the expected counts of the region; both (frames, rows, columns)."""
    length = round(samplings.fringes * oversampling) + 2 * MARGIN
    farthest = max(samplings.fringes / 2 + (MARGIN + 1) / s for s in samplings.oversamplings)
    pattern = sampled_pattern(crystal, (length,) * 3, oversampling, farthest)
    expected = pattern.astype(float) * peak_counts + BACKGROUND_COUNTS
    return np.random.default_rng(crystal).poisson(expected).astype(np.float32), within(expected)


def within(volume: NDArray[Any]) -> NDArray[Any]:
    """A volume (frames, rows, columns) without its margin: the region (frames, rows, columns)."""
    return volume[(slice(MARGIN, -MARGIN),) * 3]


def gap_groups(length: int, width: int) -> list[list[int]]:
    """First columns of gaps that together cover a region of a length once, one of them centred on the peak in its middle.

    They are grouped so that portions of the same group do not touch.
    """
    central = MARGIN + length // 2 - width // 2
    firsts = list(range(central - width * -(-(central - MARGIN) // width), MARGIN + length, width))
    apart = -(-(NORMAL + width) // width)
    return [firsts[start::apart] for start in range(min(apart, len(firsts)))]


def predict_everywhere(
    contenders: Mapping[str, Contender], counts: NDArray[np.float32], width: int
) -> dict[str, NDArray[np.float64]]:
    """Expected counts (frames, rows, columns) by every contender, each column predicted while a gap lay over it."""
    joined = {name: np.full(counts.shape, np.nan) for name in contenders}
    for group in gap_groups(counts.shape[2] - 2 * MARGIN, width):
        where = np.logical_or.reduce([columns(counts.shape, first, width) for first in group])
        for name, mean in expected_in(where, counts, contenders).items():
            joined[name][where] = mean
    return joined


def draw(rows: list[Row]) -> "Figure":
    """Correlation with the truth against oversampling, one panel a width, one line of panels a crystal and dose."""
    widths = sorted({row["width"] for row in rows})
    cases = list(dict.fromkeys((row["crystal"], row["peak_counts"]) for row in rows))
    figure = new_figure(3.8 * len(widths), 3.4 * len(cases))
    panels = figure.subplots(len(cases), len(widths), squeeze=False, sharex=True)
    for line, (crystal, dose) in zip(panels, cases, strict=True):
        here = [row for row in rows if (row["crystal"], row["peak_counts"]) == (crystal, dose)]
        for panel, width in zip(line, widths, strict=True):
            draw_curves(panel, [row for row in here if row["width"] == width], "oversampling", "pcc_truth")
            panel.set(title=f"{width} wide, {crystal}, peak {dose:.0e}", xlabel="oversampling", ylabel="PCC with the truth")
            panel.set_ylim(bottom=max(panel.get_ylim()[0], 0.5))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    return figure


def draw_arrays(shown: dict[tuple[float, int], Shown]) -> "Figure":
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
