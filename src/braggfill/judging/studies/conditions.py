"""What else decides how right a fill is: the gap's distance from the peak, the dose, and how much of the scan there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from braggfill.base.pictures import new_figure
from braggfill.judging.studies.contenders import CONTENDERS, draw_curves
from braggfill.judging.studies.crystals import Shape, held_out, with_dose
from braggfill.judging.studies.findings import Findings, Row, Setting
from braggfill.judging.studies.gaps import box_about, columns_beside
from braggfill.judging.studies.protocol import fill_stripe, means_of
from braggfill.simulation.scans import SimulatedScan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 6
SCORES = ("skill", "skill_over_truth", "bias", "coverage_90")


@dataclass(frozen=True)
class Conditions:
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


FULL = Conditions()
QUICK = Conditions(1, (32, 40, 64), (2, 16), (36,), (1e6,))


def carry_out(setting: Setting) -> Findings:
    """Fill a gap 6 wide under each condition, on some held-out crystals."""
    varied = QUICK if setting.quick else FULL
    cases = []
    for done, row in enumerate(conditions(varied)):
        setting.on_progress(
            done, varied.crystals * len(CONTENDERS) * (len(varied.distances) + len(varied.sizes) + len(varied.doses))
        )
        cases.append(row)
    rows = averaged(cases)
    return Findings({"study_conditions": rows, "study_conditions_gaps": cases}, {"study_conditions": draw(rows)})


def conditions(varied: Conditions) -> Iterator[Row]:
    """Scores of every method under each condition on each crystal."""
    for name, scan in held_out(varied.crystals, varied.shape):
        for distance in varied.distances:
            yield from scores(name, scan, "distance", distance, distance)
        for size in varied.sizes:
            yield from scores(name, cut_out(scan, size, varied.usual_distance), "size", size, varied.usual_distance)
        yield from scores(name, scan, "size", max(varied.shape), varied.usual_distance)
    for dose in varied.doses:
        for name, scan in held_out(varied.crystals, varied.shape, with_dose(dose)):
            yield from scores(name, scan, "dose", dose, varied.usual_distance)


def scores(name: str, scan: SimulatedScan, condition: str, value: float, distance: int) -> list[Row]:
    """Rows of every method, none where the gap is too dark to tell."""
    rows, _ = fill_stripe(CONTENDERS, scan, columns_beside(scan, distance, WIDTH), WIDTH)
    return [{"condition": condition, "value": value, "scan": name} | row for row in rows]


def cut_out(scan: SimulatedScan, size: int, distance: int) -> SimulatedScan:
    """A cube of a scan, its middle between peak and gap."""
    peak = [round(p) for p in scan.description["peak"]]
    middle = [*peak[:2], (peak[2] + columns_beside(scan, distance, WIDTH) + WIDTH // 2) // 2]
    box = box_about(middle, (size,) * 3, scan.counts.shape)
    moved = [p - s.start for p, s in zip(scan.description["peak"], box, strict=True)]
    return SimulatedScan(scan.counts[box], scan.expected[box], scan.faulty[box[1:]], scan.description | {"peak": moved})


def averaged(cases: list[Row]) -> list[Row]:
    """Means over the crystals, and the worst skill."""
    rows = []
    for key in dict.fromkeys((c["condition"], c["value"], c["method"]) for c in cases):
        mine = [c for c in cases if (c["condition"], c["value"], c["method"]) == key]
        row = dict(zip(("condition", "value", "method"), key, strict=True)) | {"gaps": len(mine)}
        rows.append(row | means_of(mine, SCORES) | {"worst_skill": min(c["skill"] for c in mine)})
    return rows


def draw(rows: list[Row]) -> "Figure":
    """Skill against each condition."""
    figure = new_figure(13, 4.6)
    labels = {
        "distance": "measured columns between peak and gap",
        "size": "edge of the scan (voxels)",
        "dose": "counts at the peak",
    }
    for panel, (condition, label) in zip(figure.subplots(1, 3, sharey=True), labels.items(), strict=True):
        draw_curves(panel, [row for row in rows if row["condition"] == condition], "value", "skill")
        panel.set(xlabel=label, ylabel="share of linear's excess deviance removed", ylim=(-1, 1))
        if condition == "dose":
            panel.set_xscale("log")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=7)
    return figure
