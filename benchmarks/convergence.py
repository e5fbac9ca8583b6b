"""Whether the search for the crystal converges: against the same fits begun from the true object, by range of phase.

Strained crystals (smooth phases of up to 3π, every tenth with a dislocation), 128³ voxels, measured
with blur, jitter, dead time, aliens and faulty pixels, a cross of 6 voxels cut out. ``ratio`` is the misfit of the best object
over that of the true one after the same last fits, at the smallest κ that both came to; at most 1.1 counts as converged.

Usage: python benchmarks/convergence.py [--first 0] [--number 100] [--effort usual] [--out docs/results/convergence.csv]
(a row takes two to three minutes of one core; crystals that are in the table already are left out; then the table is summed up)
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.growing_table import GrowingTable

from braggfill.crystal.record import Climbed
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.judging.studies.last_fits import LastFits
from braggfill.judging.studies.starts import AS_GOOD, against_the_truth, cross, skill_in_gap
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.strained import Strained, strained_crystal

COLUMNS = (
    *("crystal", "effort", "phase_over_pi", "dislocated", "peak_counts"),
    *("oversampling_frames", "oversampling_rows", "oversampling_columns"),
    *("skill", "kappa", "misfit", "true_misfit", "ratio", "seconds"),
)
KEYS = ("crystal", "effort")
SEED, SHAPE = 910_000, (128, 128, 128)
MOST_OVER_PI = 3.0
"""Largest range of a phase in π."""
RANGES_OVER_PI = 0.0, 1.0, 2.0, MOST_OVER_PI
"""Borders of the ranges that the summary tells apart."""
EVERY_DISLOCATED = 10
"""Every such crystal holds a screw dislocation."""


def numbered_crystal(index: int) -> Strained:
    """A crystal with facets drawn anew and a smooth phase, every tenth with a dislocation."""
    broken = index % EVERY_DISLOCATED == EVERY_DISLOCATED - 1
    return strained_crystal(np.random.default_rng(SEED + index), SHAPE, (0, MOST_OVER_PI), broken)


def row_of(index: int, effort: Any) -> dict[str, Any]:
    """How the search ends for one crystal, and how far the gap is filled right."""
    crystal = numbered_crystal(index)
    scan, began = GappedScan.blanked(crystal.counts, cross(crystal)), time.process_time()
    options = FillOptions("retrieval", device="cpu", effort=effort)
    estimate = METHODS["retrieval"].estimate(scan, options, lambda *_: None, lambda *_: None)
    seconds = time.process_time() - began
    row = (
        {"crystal": index, "effort": effort}
        | crystal.about
        | {"skill": skill_in_gap(crystal, scan, scan.laid_out(estimate.mean))}
    )
    ends = tuple(Climbed(**end) for end in estimate.record.get("retrieval", {}).get("climbed", []))
    if ends:
        row |= against_the_truth(ends, LastFits(crystal, scan).from_the_truth())
    return row | {"seconds": round(seconds)}


def by_phase(rows: list[dict[str, str]]) -> list[str]:
    """How many converged, median ratio, mean and median skill and median seconds of crystals by range of phase."""
    found = [{name: float(value or "nan") for name, value in row.items() if name not in KEYS} for row in rows]
    whole = [row for row in found if not row["dislocated"]]
    kinds = {
        f"{low:g} to {high:g}π": [row for row in whole if low <= row["phase_over_pi"] < high]
        for low, high in pairwise(RANGES_OVER_PI)
    }
    kinds |= {"dislocated": [row for row in found if row["dislocated"]], "all": found}
    return [summed_up(kind, some) for kind, some in kinds.items() if some]


def summed_up(kind: str, rows: list[dict[str, float]]) -> str:
    """Some rows as one of a page's table."""
    ratio, skill, taken = (np.array([row[name] for row in rows]) for name in ("ratio", "skill", "seconds"))
    converged = f"{np.count_nonzero(ratio <= AS_GOOD)} of {ratio.size}"
    skill = np.minimum(skill, 1)  # a faint gap's deviance is below 1 where its fill is perfect
    skills = f"{np.nanmean(skill):.3f}, {np.nanmedian(skill):.3f}"
    return f"| {kind} | {converged} | {np.nanmedian(ratio):.2f} | {skills} | {np.median(taken):.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results/convergence.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table, numbers = GrowingTable(arguments.out, COLUMNS, KEYS), range(arguments.first, arguments.first + arguments.number)
    for keys in table.missing_of({"crystal": index, "effort": arguments.effort} for index in numbers):
        table.add(row_of(keys["crystal"], keys["effort"]))
    print(*by_phase([row for row in table.rows() if row["effort"] == arguments.effort]), sep="\n")


if __name__ == "__main__":
    main()
