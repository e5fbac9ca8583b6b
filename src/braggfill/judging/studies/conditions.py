"""What else decides how right a fill is: the gap's distance from the peak, the dose, and how much of the scan there is."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from braggfill.base.pictures import new_figure
from braggfill.judging.studies.contenders import CONTENDERS
from braggfill.judging.studies.crystals import Shape, held_out_numbers, held_out_scan, with_dose
from braggfill.judging.studies.curves import draw_curves, legend_below
from braggfill.judging.studies.findings import Findings, Row, Setting, Tables
from braggfill.judging.studies.gaps import box_about, columns_beside
from braggfill.judging.studies.groups import grouped, headed, means_of, places_won, with_spread
from braggfill.judging.studies.kept import Part, asked
from braggfill.judging.studies.protocol import fill_stripe
from braggfill.simulation.scans import SimulatedScan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 6
LABELS = {
    "distance": "measured columns to the peak",
    "size": "edge of the scan (voxels)",
    "dose": "counts at the peak",
}
"""What is varied, by its name in the table."""
PLACE = ("condition", "value", "method")
"""Columns in which the gaps of a row of means agree."""
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
    cases: list[Row] = []
    for index in held_out_numbers(varied.crystals):
        setting.on_progress(index, varied.crystals)
        part = setting.kept.part(
            f"crystal_{index}_{asked(varied, list(CONTENDERS), WIDTH)}", partial(one_crystal, varied, index)
        )
        cases += part.rows
    return Findings({"study_conditions": averaged(cases), "study_conditions_gaps": cases})


def one_crystal(varied: Conditions, index: int) -> Part:
    """Scores of every method under each condition on a crystal."""
    rows: list[Row] = []
    name, scan = held_out_scan(index, varied.shape)
    for distance in varied.distances:
        rows += scores(name, scan, "distance", distance, distance)
    for size in varied.sizes:
        rows += scores(name, cut_out(scan, size, varied.usual_distance), "size", size, varied.usual_distance)
    rows += scores(name, scan, "size", max(varied.shape), varied.usual_distance)
    for dose in varied.doses:
        _, measured = held_out_scan(index, varied.shape, with_dose(dose))
        rows += scores(name, measured, "dose", dose, varied.usual_distance)
    return Part(rows)


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
    for key, mine in grouped(cases, PLACE).items():
        row = headed(PLACE, key) | {"gaps": len(mine)}
        rows.append(row | means_of(mine, SCORES) | {"worst_skill": min(c["skill"] for c in mine)})
    return rows


def conclude(tables: Tables) -> str:
    """In how many conditions the network is the best, and where it is the least help."""
    rows = tables["study_conditions"]
    won, places = places_won(rows, ["condition", "value"], "skill")
    worst = min((row for row in rows if row["method"] == "unet"), key=lambda row: float(row["skill"]))
    return (
        f"The network removes more of what a straight line leaves than any other fill under {won} of {places} conditions; "
        f"least of it ({100 * worst['skill']:.0f} %) at {LABELS[worst['condition']]}: {worst['value']:g}"
    )


def draw(tables: Tables) -> "dict[str, Figure]":
    """Skill against each condition; bars are the spread over crystals."""
    rows = with_spread(tables["study_conditions"], tables["study_conditions_gaps"], PLACE, "skill")
    figure = new_figure(7.2, 3.6)
    panels = figure.subplots(1, 3, sharey=True)
    for panel, (condition, label) in zip(panels, LABELS.items(), strict=True):
        draw_curves(panel, [row for row in rows if row["condition"] == condition], "value", "skill", condition == "dose")
        panel.set(xlabel=label, ylim=(-1, 1))
    panels[0].set_ylabel("share of linear's excess deviance removed")
    legend_below(figure, panels[0])
    return {"study_conditions": figure}
