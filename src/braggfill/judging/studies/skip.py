"""Sliding portions and the voxels skipped between them: time, error, and borders of portions that show (blocking)."""

from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.devices import find_device
from braggfill.base.metrics import log_correlation, poisson_deviance
from braggfill.base.pictures import new_figure, show_counts
from braggfill.classical.kriging import guessed
from braggfill.judging.studies.borders import borders
from braggfill.judging.studies.crystals import HELD_OUT, held_out
from braggfill.judging.studies.findings import Findings, Row, Setting, Tables
from braggfill.judging.studies.gaps import columns
from braggfill.judging.studies.kept import Part, asked
from braggfill.network.portions import LARGEST_PORTION, Predictor, windows_for
from braggfill.network.sliding import network_predictor, slide
from braggfill.network.weights import SHIPPED_WEIGHTS, read_weights
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.scans import SimulatedScan, detector_cross

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SKIPS = (0, 1, 2, 4, 6, 8, 12, 16, 20, 25, 30)
DRAWN_SKIPS = (0, 4, 20, 30)
WIDTH, FROM_PEAK = 6, 4
"""Of the gaps; measured columns between the peak and the gap in a large plane."""
FITTED_SKIP = 12
"""The largest skip to which the power law is fitted: beyond it the few portions at the borders count."""
NOTHING = 1.0
"""Change of the error in per cent that is called none."""
FULL_SHAPE, QUICK_SHAPE = (96, 96, 96), (32, 40, 48)
LARGE_SHAPE, QUICK_LARGE_SHAPE = (2 * LARGEST_PORTION - 40, 64, 48), (2 * LARGEST_PORTION - 40, 32, 32)
"""The plane of a gap across columns of these scans is cut into two portions in a single pass, which meet at the peak."""


ONE_PASS = "one pass"
"""What the network's fill of whole planes is called in the tables, where others have the voxels skipped."""


def carry_out(setting: Setting) -> Findings:
    """Slide the network along a cross with every skip; look for borders in a plane too large for one pass."""
    _, scan = next(held_out(1, QUICK_SHAPE if setting.quick else FULL_SHAPE))
    where = np.broadcast_to(detector_cross(scan, WIDTH), scan.counts.shape)
    gapped, predictor = guessed(GappedScan.blanked(scan.counts, where)), shipped_predictor()
    skips = (None, 4, 12, 30) if setting.quick else (None, *SKIPS)
    fills: dict[int | None, Part] = {}
    for done, skip in enumerate(skips):
        setting.on_progress(done, len(skips))
        name = f"skip_{skip}_{torch.get_num_threads()}_threads_{asked(WIDTH, scan.counts.shape)}"
        fills[skip] = setting.kept.part(name, partial(timed, scan, gapped, predictor, skip))
    large = setting.kept.part(
        f"large_plane_{asked(WIDTH, FROM_PEAK, LARGE_SHAPE)}", partial(in_a_large_plane, predictor, setting.quick)
    )
    blocking = [row for part in fills.values() for row in part.rows[1:]] + large.rows
    return Findings(
        {"study_skip": table(fills), "study_skip_borders": blocking},
        {"study_skip_slices": draw_slices({skip: part.arrays["mean"] for skip, part in fills.items()}, scan, gapped)},
    )


def shipped_predictor() -> Predictor:
    """The shipped network on the processor."""
    model, _ = read_weights(SHIPPED_WEIGHTS)
    return network_predictor(model, find_device("cpu"))


def timed(scan: SimulatedScan, gapped: GappedScan, predictor: Predictor, skip: int | None) -> Part:
    """Fill by portions with a skip, or in one pass: time and error, jumps at borders, and the mean (voxels,).

    Kriging, which is the same for all, is not in the seconds.
    """
    truth, counts = scan.expected[gapped.wanted], scan.counts[gapped.wanted]
    start = perf_counter()
    mean, _ = slide(gapped, predictor, skip)
    row: Row = {
        "skip": ONE_PASS if skip is None else skip,
        "portions": sum(len(windows_for(slab, skip)) for slab in gapped.slabs),
        "seconds": perf_counter() - start,
        "threads": torch.get_num_threads(),
        "sum_abs_log_error": float(np.abs(np.log1p(mean) - np.log1p(truth)).sum()),
        "pcc_truth": log_correlation(mean, truth),
        "deviance": poisson_deviance(mean, counts),
    }
    blocking = [across_borders(gapped, scan.expected, predictor, skip)] if skip else []  # without a skip all lines are borders
    return Part([row, *blocking], {"mean": mean})


def table(fills: dict[int | None, Part]) -> list[Row]:
    """Time and error of every skip, one pass first, and the error over that of the smallest skip."""
    finest = fills[min(skip for skip in fills if skip is not None)].rows[0]["sum_abs_log_error"]
    return [(row := part.rows[0]) | {"over_finest": row["sum_abs_log_error"] / finest} for part in fills.values()]


def power_law(rows: list[Row]) -> tuple[float, float]:
    """Factor and exponent of time against k + 1, by least squares of the logarithms."""
    pairs = [(row["skip"] + 1, row["seconds"]) for row in rows if row["skip"] != ONE_PASS and row["skip"] <= FITTED_SKIP]
    steps, seconds = np.log(np.array(pairs)).T
    exponent, intercept = np.polyfit(steps, seconds, 1)
    return float(np.exp(intercept)), float(exponent)


def across_borders(scan: GappedScan, expected: NDArray[np.float32], predictor: Predictor, skip: int | None) -> Row:
    """Jumps across the portions' borders in the first arm of a cross, of expected counts (frames, rows, columns)."""
    slab = scan.slabs[0]
    truth = slab.within(expected)
    name = ONE_PASS if skip is None else skip
    return {"skip": name} | borders(scan, slab, truth, predictor, windows_for(slab, skip))


def in_a_large_plane(predictor: Predictor, quick: bool) -> Part:
    """Jumps where one pass cuts a plane into portions because it is larger than ``LARGEST_PORTION``."""
    centred = replace(HELD_OUT, patterns=replace(HELD_OUT.patterns, peak_offset=(0.0, 0.0)))
    _, scan = next(held_out(1, QUICK_LARGE_SHAPE if quick else LARGE_SHAPE, centred))
    where = columns(scan.counts.shape, scan.counts.shape[2] // 2 + 1 + FROM_PEAK, WIDTH)
    return Part([across_borders(guessed(GappedScan.blanked(scan.counts, where)), scan.expected, predictor, None)])


def conclude(tables: Tables) -> str:
    """How time follows the skip, and whether the error does."""
    rows = tables["study_skip"]
    factor, exponent = power_law(rows)
    excess = max(abs(100 * (row["over_finest"] - 1)) for row in rows)
    return (
        f"time = {factor:.3g} s × (k + 1)^{exponent:.2f}, fitted for k up to {FITTED_SKIP}, while the error changes by "
        f"{excess:.2g} % at most{': skipping voxels costs nothing' if excess < NOTHING else ''}"
    )


def draw(tables: Tables) -> "dict[str, Figure]":
    """Time and error against the skip."""
    rows = tables["study_skip"]
    factor, exponent = power_law(rows)
    figure = new_figure(7.2, 3.2)
    time, error = figure.subplots(1, 2)
    slid = [row for row in rows if row["skip"] != ONE_PASS]
    (one_pass,) = (row for row in rows if row["skip"] == ONE_PASS)
    steps = np.array([row["skip"] + 1 for row in slid])
    time.loglog(steps, [row["seconds"] for row in slid], "ko", ms=3.5, label="measured")
    time.loglog(steps, factor * steps**exponent, color="0.5", label=f"{factor:.3g} s × (k + 1)^{exponent:.2f}")
    time.axhline(one_pass["seconds"], color="k", ls="--", label=ONE_PASS)
    time.set(xlabel="k + 1", ylabel="seconds without kriging", title="time")
    excess = [100 * (row["over_finest"] - 1) for row in (*slid, one_pass)]
    error.plot(steps - 1, excess[:-1], "ko-", ms=3.5, label="sliding portions")
    error.axhline(excess[-1], color="k", ls="--", label=ONE_PASS)
    reach = max(2.0, *map(abs, excess))
    error.set(xlabel="k (voxels skipped)", ylabel="% over that at the smallest k", ylim=(-reach, reach))
    error.set_title("sum of |error of log(1 + I)|")
    for panel in (time, error):
        panel.legend()
    return {"study_skip": figure}


def draw_slices(means: dict[int | None, NDArray[np.float64]], scan: SimulatedScan, gapped: GappedScan) -> "Figure":
    """The slice in the middle of the cross's first arm: truth, some skips, one pass; the means are (voxels,), by skip."""
    slab = gapped.slabs[0]
    middle = (slab.first + slab.last) // 2
    shown = {"truth": scan.expected}
    for skip, mean in means.items():
        if skip is None or skip in DRAWN_SKIPS:
            shown[ONE_PASS if skip is None else f"k = {skip}"] = volume = scan.counts.copy()
            volume[gapped.wanted] = mean
    figure = new_figure(7.2, 1.6)
    brightest = float(np.take(scan.expected, middle, slab.axis).max())
    for panel, (name, volume) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        show_counts(panel, np.take(volume, middle, slab.axis), brightest, name)
    return figure
