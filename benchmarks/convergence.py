"""Whether the search for the crystal converges: against the same fits begun from the true object, by range of phase.

Strained crystals that nothing was tuned on (smooth phases of up to 3π, every tenth with a dislocation), 128³ voxels, measured
with blur, jitter, dead time, aliens and faulty pixels, a cross of 6 voxels cut out. ``ratio`` is the misfit of the best object
over that of the true one after the same last fits, at the smallest κ that both came to; at most 1.1 counts as converged.

Usage: python benchmarks/convergence.py [--first 0] [--number 100] [--effort usual] [--out docs/results/convergence.csv]
(a row takes two to three minutes of one core; crystals that are in the table already are left out)
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.growing_table import GrowingTable
from shared.last_fits import LastFits
from shared.strained_crystals import Strained, strained_crystal

from braggfill.base.metrics import skill
from braggfill.classical.interpolate import linear
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
    true = LastFits(crystal, scan).from_the_truth() if ends else {}
    found = {k: min(e["misfit"] for e in ends if e["kappa"] == k) for k in true if any(e["kappa"] == k for e in ends)}
    if found:
        kappa = min(found)
        row |= {"kappa": kappa, "misfit": found[kappa], "true_misfit": true[kappa], "ratio": found[kappa] / true[kappa]}
    return row | {"seconds": round(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results/convergence.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = GrowingTable(arguments.out, COLUMNS)
    for index in table.missing(range(arguments.first, arguments.first + arguments.number)):
        table.add(row_of(index, arguments.effort))


if __name__ == "__main__":
    main()
