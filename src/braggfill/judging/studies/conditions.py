"""What else decides how right a fill is: the gap's distance from the peak, the dose, and how much of the scan there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from braggfill.base.pictures import new_figure
from braggfill.judging.studies.crystals import Shape, held_out, with_dose
from braggfill.judging.studies.fills import FILLS
from braggfill.judging.studies.findings import Findings, Setting
from braggfill.judging.studies.protocol import beside, fill_stripe, mean_of
from braggfill.simulation.scans import SimulatedScan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 6
SCORES = ("skill", "skill_over_truth", "bias", "coverage_90")


@dataclass(frozen=True)
class Ranges:
    """What is varied, one condition at a time."""

    crystals: int = 5
    shape: Shape = (128, 128, 128)
    distances: tuple[int, ...] = (0, 2, 4, 8, 16, 32)
    """Measured columns between peak and gap."""
    sizes: tuple[int, ...] = (40, 56, 72, 96)
    """Edges of cubes that are cut out around the gap, beside the whole scan."""
    doses: tuple[float, ...] = (1e4, 1e5, 1e6, 1e7)
    """Expected counts at the peak."""
    usual_distance: int = 8
    """Where another condition is varied."""


FULL = Ranges()
QUICK = Ranges(1, (32, 40, 64), (2, 16), (36,), (1e6,))


def carry_out(setting: Setting) -> Findings:
    """Fill a gap 6 wide under each condition, on some held-out crystals."""
    ranges = QUICK if setting.quick else FULL
    cases = []
    for done, row in enumerate(conditions(ranges)):
        setting.on_progress(
            done, ranges.crystals * len(FILLS) * (len(ranges.distances) + len(ranges.sizes) + len(ranges.doses))
        )
        cases.append(row)
    rows = averaged(cases)
    return Findings({"study_conditions": rows, "study_conditions_gaps": cases}, {"study_conditions": draw(rows)})


def conditions(ranges: Ranges) -> Iterator[dict]:
    """Scores of every method under each condition on each crystal."""
    for name, scan in held_out(ranges.crystals, ranges.shape):
        for distance in ranges.distances:
            yield from scores(name, scan, "distance", distance, distance)
        for size in ranges.sizes:
            yield from scores(name, cut_out(scan, size, ranges.usual_distance), "size", size, ranges.usual_distance)
        yield from scores(name, scan, "size", max(ranges.shape), ranges.usual_distance)
    for dose in ranges.doses:
        for name, scan in held_out(ranges.crystals, ranges.shape, with_dose(dose)):
            yield from scores(name, scan, "dose", dose, ranges.usual_distance)


def first_column(scan: SimulatedScan, distance: int) -> int:
    """First column of the gap, on the roomier side of the peak."""
    peak = round(scan.description["peak"][2])
    return beside(peak, 1 if peak < scan.counts.shape[2] / 2 else -1, distance, WIDTH)


def scores(name: str, scan: SimulatedScan, condition: str, value: float, distance: int) -> list[dict]:
    """Rows of every method, none where the gap is too dark to tell."""
    rows, _ = fill_stripe(FILLS, scan, first_column(scan, distance), WIDTH)
    return [{"condition": condition, "value": value, "scan": name} | row for row in rows]


def cut_out(scan: SimulatedScan, size: int, distance: int) -> SimulatedScan:
    """A cube of a scan, its middle between peak and gap."""
    peak = [round(p) for p in scan.description["peak"]]
    middle = [*peak[:2], (peak[2] + first_column(scan, distance) + WIDTH // 2) // 2]
    starts = [int(np.clip(m - size // 2, 0, max(n - size, 0))) for m, n in zip(middle, scan.counts.shape, strict=True)]
    frames, rows, columns = (slice(s, s + size) for s in starts)
    counts, expected = (v[frames, rows, columns] for v in (scan.counts, scan.expected))
    moved = [p - s for p, s in zip(scan.description["peak"], starts, strict=True)]
    return SimulatedScan(counts, expected, scan.faulty[rows, columns], scan.description | {"peak": moved})


def averaged(cases: list[dict]) -> list[dict]:
    """Means over the crystals, and the worst skill."""
    rows = []
    for key in dict.fromkeys((c["condition"], c["value"], c["method"]) for c in cases):
        mine = [c for c in cases if (c["condition"], c["value"], c["method"]) == key]
        row = dict(zip(("condition", "value", "method"), key, strict=True)) | {"gaps": len(mine)}
        means = {name: mean_of(np.array([c[name] for c in mine])) for name in SCORES}
        rows.append(row | means | {"worst_skill": min(c["skill"] for c in mine)})
    return rows


def draw(rows: list[dict]) -> "Figure":
    """Skill against each condition."""
    figure = new_figure(13, 4.6)
    labels = {
        "distance": "measured columns between peak and gap",
        "size": "edge of the scan (voxels)",
        "dose": "counts at the peak",
    }
    for panel, (condition, label) in zip(figure.subplots(1, 3, sharey=True), labels.items(), strict=True):
        for method in FILLS:
            mine = sorted((r for r in rows if (r["condition"], r["method"]) == (condition, method)), key=lambda r: r["value"])
            style = {"lw": 2.5} if method == "unet" else {"lw": 1}
            panel.plot([r["value"] for r in mine], [r["skill"] for r in mine], ".-", label=method, **style)
        panel.set(xlabel=label, ylabel="share of linear's excess deviance removed", ylim=(-1, 1))
        if condition == "dose":
            panel.set_xscale("log")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=7)
    return figure
