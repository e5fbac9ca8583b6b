"""Gaps as wide as those between a detector's modules, which no network sees across: what the crystal makes of them.

Strained crystals of ``convergence.py``, 128³ voxels, columns beside the peak cut out. A row for each crystal: whether
the gap was filled or left open, and against its hidden counts the skill over a straight line, the total, and the share of
counts in their 90 % intervals.

Usage: python benchmarks/wide_gaps.py [--first 0] [--number 10] [--width 38] [--effort usual] [--out docs/results/wide_gaps.csv]
(a row takes four to six minutes of one core; crystals that are in the table already are left out)
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.growing_table import GrowingTable
from shared.strained_crystals import Strained, strained_crystal

from braggfill.base.metrics import coverage, predictive_rank, skill
from braggfill.classical.interpolate import linear
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.scan.copies import bright
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import WIDEST_MODULE_GAP

COLUMNS = (
    *("crystal", "width", "phase_over_pi", "dislocated", "peak_counts"),
    *("oversampling_frames", "oversampling_rows", "oversampling_columns"),
    *("filled", "skill", "total", "in_interval_90", "hidden_copies", "seconds"),
)
DISTANCE = 12
"""Measured columns between the gap and the peak."""


def stripe(crystal: Strained, width: int) -> np.ndarray:
    """Columns (frames, rows, columns), True = not measured, on the roomier side of the peak, a bank left at the border."""
    mask = np.zeros(crystal.counts.shape, bool)
    columns = mask.shape[2]
    peak = int(np.unravel_index(int(crystal.expected.argmax()), mask.shape)[2])
    first = peak + DISTANCE + 1 if peak < columns // 2 else peak - DISTANCE - width
    mask[:, :, max(first, 1) : min(first + width, columns - 1)] = True
    return mask


def row_of(index: int, width: int, effort: Any) -> dict[str, Any]:
    """What becomes of one crystal's gap."""
    crystal = strained_crystal(index)
    mask = stripe(crystal, width)
    scan, began = GappedScan.blanked(crystal.counts, mask, WIDEST_MODULE_GAP), time.process_time()
    options = FillOptions("retrieval", device="cpu", effort=effort)
    estimate = METHODS["retrieval"].estimate(scan, options, lambda *_: None, lambda *_: None)
    row = {"crystal": index, "width": width} | crystal.about | {"seconds": round(time.process_time() - began)}
    row["filled"] = int(np.isfinite(estimate.mean).all())
    row["hidden_copies"] = estimate.record["wide_gate"]["hidden_voxels"]
    if row["filled"]:
        scored = (bright(crystal.expected) & ~crystal.faulty)[scan.wanted]
        mean, std, counts = (v[scored] for v in (estimate.mean, estimate.std, crystal.counts[scan.wanted]))
        line = np.expm1(linear(np.log1p(scan.counts), mask, scan.slabs))[scan.wanted][scored]
        ranks = predictive_rank(np.random.default_rng(0), mean, std, counts)
        row |= {"skill": skill(mean, line, counts), "total": float(mean.sum() / counts.sum())}
        row["in_interval_90"] = coverage(ranks, 0.9)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=10)
    parser.add_argument("--width", type=int, default=38)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results/wide_gaps.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = GrowingTable(arguments.out, COLUMNS)
    for index in table.missing(range(arguments.first, arguments.first + arguments.number)):
        table.add(row_of(index, arguments.width, arguments.effort))


if __name__ == "__main__":
    main()
