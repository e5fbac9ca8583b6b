"""Accuracy against oversampling: the same region of one crystal's pattern, sampled coarsely and finely, filled everywhere (S6).

The gap is moved until every column of the region has been predicted from what lies beside it, the central maximum included; the
predictions are joined and compared with the noise-free truth. Kriging and every regression see a scan only with that gap. Gaps
that are far enough apart not to see each other are filled together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import log_correlation
from braggfill.base.pictures import new_figure, show_counts
from braggfill.judging.studies.contenders import CONTENDERS, Contender, expected_in
from braggfill.judging.studies.crystals import sampled_pattern
from braggfill.judging.studies.curves import draw_curves, legend_below
from braggfill.judging.studies.findings import Findings, Row, Setting, Tables
from braggfill.judging.studies.gaps import columns
from braggfill.judging.studies.groups import grouped, headed, means_of, places_won, with_spread
from braggfill.judging.studies.kept import Part, asked
from braggfill.network.config import NORMAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 16
"""Measured voxels kept around the region."""
BACKGROUND_COUNTS = 1e-3
DRAWN_WIDTHS = (3, 6, 12)
RESOLVED = 4.0
"""Voxels a fringe from which on fringes count as resolved."""
LEAST_CORRELATION = 0.4
"""What is worse is not drawn."""


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


FULL = Samplings()
QUICK = Samplings((2.0, 3.0), (6,), ((0, 1e6),), fringes=4.0)
TRUTH = "truth"
"""Name of the array with the true middle frame."""


def carry_out(setting: Setting) -> Findings:
    """Predict the whole region at every oversampling, width and dose, by every method."""
    samplings = QUICK if setting.quick else FULL
    cases = [(*case, s) for case in samplings.cases for s in samplings.oversamplings]
    rows: list[Row] = []
    shown: dict[float, Part] = {}
    for done, (crystal, peak_counts, oversampling) in enumerate(cases):
        setting.on_progress(done, len(cases))
        name = f"crystal_{crystal}_{peak_counts:.0e}_{oversampling:g}_{asked(samplings, MARGIN, BACKGROUND_COUNTS)}"
        part = setting.kept.part(name, partial(one_sampling, samplings, crystal, peak_counts, oversampling))
        rows += part.rows
        if (crystal, peak_counts) == samplings.cases[0]:
            shown[oversampling] = part
    return Findings({"study_oversampling": rows}, {"study_oversampling_arrays": draw_arrays(shown)})


def one_sampling(samplings: Samplings, crystal: int, peak_counts: float, oversampling: float) -> Part:
    """Scores of one pattern at every width, and its middle frame (rows, columns), true and predicted at each width."""
    counts, truth = sampled(samplings, crystal, peak_counts, oversampling)
    middle = len(truth) // 2
    place: Row = {"crystal": f"test {crystal}", "peak_counts": peak_counts, "oversampling": oversampling, "voxels": truth.size}
    rows, frames = [], {TRUTH: truth[middle]}
    for width in samplings.widths:
        predicted = predict_everywhere(CONTENDERS, counts, width)
        place |= {"width": width, "ceiling_counts": log_correlation(truth, within(counts))}
        scores = {name: log_correlation(within(mean), truth) for name, mean in predicted.items()}
        rows += [place | {"method": name, "pcc_truth": value} for name, value in scores.items()]
        frames[str(width)] = within(predicted["unet"])[middle]
    return Part(rows, frames)


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


def conclude(tables: Tables) -> str:
    """In how many places the network is the best, and how right it is where fringes are resolved."""
    rows = tables["study_oversampling"]
    won, places = places_won(rows, ["crystal", "peak_counts", "oversampling", "width"], "pcc_truth")
    averaged = over_crystals(rows)
    said = []
    for width in sorted({row["width"] for row in averaged}):
        ours = [row for row in averaged if (row["method"], row["width"]) == ("unet", width)]
        mine = [row["pcc_truth"] for row in ours if row["oversampling"] >= RESOLVED]
        if mine:
            said.append(f"{min(mine):.3f} to {max(mine):.3f} in gaps {width} wide")
    reached = f"; from {RESOLVED:g} voxels a fringe on it correlates with the truth by {', '.join(said)}" if said else ""
    return f"The network is nearest to the truth in {won} of {places} places{reached}"


def over_crystals(rows: list[Row]) -> list[Row]:
    """Means over the crystals of the lowest dose, with their spread."""
    dose = min(row["peak_counts"] for row in rows)
    cases = [row for row in rows if row["peak_counts"] == dose]
    columns = ("oversampling", "width", "method")
    means = [headed(columns, key) | means_of(mine, ["pcc_truth"]) for key, mine in grouped(cases, columns).items()]
    return with_spread(means, cases, columns, "pcc_truth")


def draw(tables: Tables) -> "dict[str, Figure]":
    """Correlation with the truth against oversampling, one panel a width: mean over crystals, bars their spread."""
    rows = over_crystals(tables["study_oversampling"])
    widths = sorted({row["width"] for row in rows})
    figure = new_figure(7.2, 3.2 * -(-len(widths) // 2))
    panels = figure.subplots(-(-len(widths) // 2), 2, squeeze=False, sharex=True).ravel()
    for panel, width in zip(panels, widths, strict=False):
        draw_curves(panel, [row for row in rows if row["width"] == width], "oversampling", "pcc_truth")
        panel.set(title=f"gaps {width} voxels wide", xlabel="voxels a fringe", ylabel="PCC of log(1 + I) with the truth")
        panel.set_ylim(max(panel.get_ylim()[0], LEAST_CORRELATION), 1)
    legend_below(figure, panels[0])
    return {"study_oversampling": figure}


def draw_arrays(shown: dict[float, Part]) -> "Figure":
    """The middle frame: truth above, below it what the network predicts at each width."""
    widths = [w for w in next(iter(shown.values())).arrays if w != TRUTH and int(w) in DRAWN_WIDTHS]
    figure = new_figure(7.2, 1.4 * (1 + len(widths)))
    panels = figure.subplots(1 + len(widths), len(shown), squeeze=False)
    for column, (oversampling, part) in zip(panels.T, shown.items(), strict=True):
        truth = part.arrays[TRUTH]
        show_counts(column[0], truth, truth.max(), f"truth, {oversampling:g} a fringe")
        scores = {str(row["width"]): row["pcc_truth"] for row in part.rows if row["method"] == "unet"}
        for panel, width in zip(column[1:], widths, strict=True):
            show_counts(panel, part.arrays[width], truth.max(), f"{width} wide: {scores[width]:.3f}")
    return figure
