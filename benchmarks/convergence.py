"""Whether the search for the crystal converges: against the same fits begun from the true object, by range of phase.

Strained crystals that nothing was tuned on (smooth phases of up to 3π, every tenth with a dislocation), 128³ voxels, measured
with blur, jitter, dead time, aliens and faulty pixels, a cross of 6 voxels cut out. ``ratio`` is the misfit of the best object
over that of the true one after the same last fits, at the smallest κ that both came to; at most 1.1 counts as converged.

Usage: python benchmarks/convergence.py [--first 0] [--number 100] [--effort usual] [--out docs/results/convergence.csv]
(rows are added as they are made, two to three minutes of one core each)
"""

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.strained_crystals import Strained, strained_crystal, true_state

from braggfill.base.metrics import poisson_deviance, skill
from braggfill.base.writing import rounded
from braggfill.classical.interpolate import linear
from braggfill.crystal.climb import LOOSE, Prior
from braggfill.crystal.levels import WHOLE, tapered_level
from braggfill.crystal.polish import Polisher, first_fit, polished
from braggfill.crystal.retrieved import gapped_counts
from braggfill.crystal.search import REFINING, refined
from braggfill.crystal.whole import WholeScan
from braggfill.filling.by_crystal import hidden_blocks
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.scan.copies import bright
from braggfill.scan.gapped import GappedScan

COLUMNS = (
    *("crystal", "phase_over_pi", "dislocated", "peak_counts"),
    *("oversampling_frames", "oversampling_rows", "oversampling_columns"),
    *("skill", "kappa", "misfit", "true_misfit", "ratio", "seconds"),
)
WIDTH, DISTANCE = 6, 12
"""Of the cross, and measured voxels between it and the peak."""


def cross(crystal: Strained) -> np.ndarray:
    """A cross (frames, rows, columns), True = not measured, on the roomier sides of the peak."""
    mask = np.zeros(crystal.counts.shape, bool)
    _, row, column = np.unravel_index(int(crystal.expected.argmax()), mask.shape)
    for axis, peak in ((1, int(row)), (2, int(column))):
        first = peak + DISTANCE if peak < mask.shape[axis] // 2 else peak - DISTANCE - WIDTH
        np.moveaxis(mask, axis, 0)[first : first + WIDTH] = True
    return mask


def from_the_truth(crystal: Strained, scan: GappedScan, hidden: np.ndarray) -> dict[float, float]:
    """Misfits by κ of the last fits begun from the true object."""
    nothing = np.full(scan.mask.shape, np.nan, np.float32)
    known = gapped_counts(scan.counts, scan.mask | hidden, nothing, nothing)
    level = tapered_level(known, WHOLE)
    lit, whole = hidden & bright(scan.counts), WholeScan(known, scan.mask | hidden, level)
    mu = Prior().mu
    state = refined(level, true_state(crystal, level, known.peak), REFINING, LOOSE, mu)
    judge = Polisher(level, mu, lambda s: poisson_deviance(whole.expected(s)[lit], scan.counts[lit]))
    made = polished(first_fit(judge, state), supports=False)
    return {p.kappa: float(p.state.misfit) for p in made}


def row_of(index: int, effort: Any) -> dict[str, Any]:
    """How the search ends for one crystal, and how far the gap is filled right."""
    crystal = strained_crystal(index)
    mask = cross(crystal)
    scan, began = GappedScan.blanked(crystal.counts, mask), time.process_time()
    options = FillOptions("retrieval", device="cpu", effort=effort)
    estimate = METHODS["retrieval"].estimate(scan, options, lambda *_: None, lambda *_: None)
    seconds = time.process_time() - began
    scored = mask & bright(crystal.expected) & ~crystal.faulty
    filled, line = np.zeros(mask.shape), np.expm1(linear(np.log1p(scan.counts), mask, scan.slabs))
    filled[scan.wanted] = estimate.mean
    row = {"crystal": index} | crystal.about
    row["skill"] = skill(filled[scored], line[scored], crystal.counts[scored])
    ends = estimate.record.get("retrieval", {}).get("climbed", [])
    true = from_the_truth(crystal, scan, hidden_blocks(scan, 0)) if ends else {}
    found = {k: min(e["misfit"] for e in ends if e["kappa"] == k) for k in true if any(e["kappa"] == k for e in ends)}
    if found:
        kappa = min(found)
        row |= {"kappa": kappa, "misfit": found[kappa], "true_misfit": true[kappa], "ratio": found[kappa] / true[kappa]}
    return {k: rounded(v) if isinstance(v, float) else v for k, v in row.items()} | {"seconds": round(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results/convergence.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for index in range(arguments.first, arguments.first + arguments.number):
        row = row_of(index, arguments.effort)
        print(row, flush=True)
        new = not arguments.out.exists()
        with arguments.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
            if new:
                writer.writeheader()
            writer.writerow(row)


if __name__ == "__main__":
    main()
