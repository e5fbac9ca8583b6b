"""Gaps as wide as those between a detector's modules, which no network sees across: what the crystal makes of them.

Strained crystals of ``convergence.py``, 128³ voxels, columns beside the peak cut out. A row for each crystal: whether
the gap was filled or left open, and against its hidden counts the skill over a straight line, the total, and the share of
counts in their 90 % intervals. With --scan the same of one measured scan, the crop of ``accuracy.py --far``.

Usage: python benchmarks/wide_gaps.py [--first 0] [--number 10] [--width 38] [--effort usual] [--out docs/results/wide_gaps.csv]
       python benchmarks/wide_gaps.py --scan au_34idc_s0054.npz --effort low --out docs/results/wide_gap_au.csv
(a row takes four to six minutes of one core; crystals that are in the table already are left out)
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from convergence import numbered_crystal
from shared.au_scan import cropped
from shared.growing_table import GrowingTable

from braggfill.base.metrics import coverage, predictive_rank, skill
from braggfill.classical.interpolate import linear
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.judging.studies.gaps import beside_peak
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import WIDEST_MODULE_GAP

COLUMNS = (
    *("crystal", "width", "effort", "phase_over_pi", "dislocated", "peak_counts"),
    *("oversampling_frames", "oversampling_rows", "oversampling_columns"),
    *("filled", "skill", "total", "in_interval_90"),
    *("hidden_voxels", "crystal_deviance", "other_deviance", "seconds"),
)
KEYS = ("crystal", "width", "effort")
DISTANCE = 12
"""Measured columns between the gap and the peak."""


def stripe(counts: np.ndarray, peak: int, width: int) -> np.ndarray:
    """Columns (frames, rows, columns), True = not measured, on the roomier side of the peak, a bank left at the border."""
    mask = np.zeros(counts.shape, bool)
    columns = mask.shape[2]
    first = peak + beside_peak(peak, columns, DISTANCE, width)
    mask[:, :, max(first, 1) : min(first + width, columns - 1)] = True
    return mask


def filled_gap(counts: np.ndarray, unknown: np.ndarray, gap: np.ndarray, judged: np.ndarray, effort: Any) -> dict[str, Any]:
    """What becomes of a gap that is cut into counts beside what is unknown anyway; all are (frames, rows, columns).

    ``judged`` are the voxels whose counts are compared.
    """
    scan = GappedScan.blanked(counts, gap | unknown, WIDEST_MODULE_GAP)
    began = time.process_time()
    options = FillOptions("retrieval", device="cpu", effort=effort)
    estimate = METHODS["retrieval"].estimate(scan, options, lambda *_: None, lambda *_: None)
    scored = (judged & gap)[scan.wanted]
    row = {"filled": int(np.isfinite(estimate.mean[scored]).all()), "seconds": round(time.process_time() - began)}
    gate = estimate.record.get("wide_gate", {})
    row |= {name: gate.get(name, "") for name in ("hidden_voxels", "crystal_deviance", "other_deviance")}
    if row["filled"]:
        mean, std, hidden = (v[scored] for v in (estimate.mean, estimate.std, counts[scan.wanted]))
        line = np.expm1(linear(np.log1p(scan.counts), scan.mask, scan.slabs))[scan.wanted][scored]
        ranks = predictive_rank(np.random.default_rng(0), mean, std, hidden)
        row |= {"skill": skill(mean, line, hidden), "total": float(mean.sum() / hidden.sum())}
        row["in_interval_90"] = coverage(ranks, 0.9)
    return row


def row_of(index: int, width: int, effort: Any) -> dict[str, Any]:
    """What becomes of one crystal's gap."""
    crystal = numbered_crystal(index)
    peak = int(np.unravel_index(int(crystal.expected.argmax()), crystal.counts.shape)[2])
    gap, judged = stripe(crystal.counts, peak, width), bright(crystal.expected) & ~crystal.faulty
    found = filled_gap(crystal.counts, np.zeros_like(gap), gap, judged, effort)
    return {"crystal": index, "width": width, "effort": effort} | crystal.about | found


def row_of_scan(path: str, width: int, effort: Any) -> dict[str, Any]:
    """What becomes of a gap cut into a measured scan."""
    scan = cropped(path)
    gap = stripe(scan.counts, int(brightest_voxel(scan.counts)[2]), width)
    found = filled_gap(scan.counts, scan.mask, gap, bright(scan.counts) & ~scan.mask, effort)
    return {"crystal": Path(path).name, "width": width, "effort": effort} | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", help="A measured scan instead.")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=10)
    parser.add_argument("--width", type=int, default=38)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results/wide_gaps.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table, how = GrowingTable(arguments.out, COLUMNS, KEYS), {"width": arguments.width, "effort": arguments.effort}
    numbers = range(arguments.first, arguments.first + arguments.number)
    names = [Path(arguments.scan).name] if arguments.scan else numbers
    for keys in table.missing_of({"crystal": name} | how for name in names):
        table.add(row_of_scan(arguments.scan, **how) if arguments.scan else row_of(keys["crystal"], **how))


if __name__ == "__main__":
    main()
