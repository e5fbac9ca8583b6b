"""How right are the fills on a measured Au scan? Nine gaps are cut into it and filled by methods with their uncertainty.

Columns: ``pcc`` Pearson correlation of log(1 + I); ``deviance`` mean Poisson deviance, about 1 for a perfect fill of
bright voxels; ``skill`` share of the linear fill's excess over 1 that is removed; ``bias`` filled over hidden counts;
``coverage_50``, ``coverage_90`` share of hidden counts inside the central intervals of their predicted (negative binomial)
distributions. All over gap voxels whose Gaussian-smoothed (sigma 3) counts exceed 0.5.

With --far the gaps lie farther from the peak, in a crop of the scan: the table of the network's page. With --high-count the
scan is the second one, of 64³ voxels. ``adapted`` is the network after learning from the scan.

Usage: python benchmarks/accuracy.py SCAN [--far | --high-count] [--methods unet,adapted,...] [--effort low] --out TABLE.csv
(a fill by the crystal with the usual effort takes a quarter of an hour of one core; what is in the table is not made again)
"""

import argparse
import time
from pathlib import Path

import numpy as np
from shared.au_scan import CLOSE, FAR, NEAR, cropped, high_count
from shared.growing_table import GrowingTable

from braggfill import METHODS, FillResult, fill_gaps
from braggfill.base.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.gaps import cut
from braggfill.judging.studies.groups import grouped
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.measured import MeasuredScan, read_measured

KEYS = ("scan", "case", "method", "effort")
AVERAGED = ("skill", "pcc", "bias", "coverage_50", "coverage_90", "seconds")
COLUMNS = (*KEYS, "pcc", "deviance", "bias", "coverage_50", "coverage_90", "skill", "seconds")
ADAPTED = "adapted"


def score(result: FillResult, straight: FillResult, counts: np.ndarray, where: np.ndarray) -> dict[str, float]:
    """Compare a fill with the hidden counts in the voxels of ``where`` (frames, rows, columns)."""
    filled, hidden = result.intensity[where], counts[where]
    ranks = predictive_rank(np.random.default_rng(0), filled, result.std[where], hidden)
    return {
        "pcc": log_correlation(filled, hidden),
        "deviance": poisson_deviance(filled, hidden),
        "bias": total_bias(filled, hidden),
        "coverage_50": coverage(ranks, 0.5),
        "coverage_90": coverage(ranks, 0.9),
        "skill": skill(filled, straight.intensity[where], hidden),
    }


def fill(scan: MeasuredScan, gap: np.ndarray, method: str, effort: str) -> FillResult:
    """Fill a gap (frames, rows, columns) beside what the scan lacks anyway."""
    how = {"adapt": True} if method == ADAPTED else {"method": method, "effort": effort or "usual"}
    return fill_gaps(np.where(gap, 0, scan.counts), scan.mask | gap, **how)


def asked(scan: MeasuredScan, cases: list[str], methods: list[str], effort: str) -> list[dict[str, str]]:
    """The keys of all rows, the linear fill of a gap first; effort is the crystal's alone."""
    efforts = {method: effort if method == "retrieval" else "" for method in ["linear", *methods]}
    return [dict(zip(KEYS, (scan.name, case, *both), strict=True)) for case in cases for both in efforts.items()]


def row_of(scan: MeasuredScan, gap: np.ndarray, keys: dict[str, str]) -> Row:
    """How one method fills one gap (frames, rows, columns)."""
    scored, straight = bright(scan.counts) & ~scan.mask, fill(scan, gap, "linear", "")
    start = time.perf_counter()
    result = fill(scan, gap, keys["method"], keys["effort"])
    seconds = time.perf_counter() - start
    return keys | score(result, straight, scan.counts, gap & scored) | {"seconds": seconds}


def print_means(rows: list[dict[str, str]]) -> None:
    """Means over the gaps of every method and effort, and the worst skill of each."""
    print(f"{'method':16s} {'worst':>11s} " + " ".join(f"{name:>11s}" for name in AVERAGED))
    for (method, effort), mine in grouped(rows, ("method", "effort")).items():
        means = " ".join(f"{np.nanmean([float(row[name]) for row in mine]):11.3f}" for name in AVERAGED)
        print(f"{f'{method} {effort}':16s} {min(float(row['skill']) for row in mine):11.3f} {means}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--methods", default=",".join(m for m in METHODS if m != "biharmonic"))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--far", action="store_true")
    where.add_argument("--high-count", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="leave out so many of the nine gaps")
    parser.add_argument("--number", type=int, default=9, help="only so many of the nine gaps")
    parser.add_argument("--effort", default="usual", choices=("low", "usual", "high"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    read, gaps = (cropped, FAR) if arguments.far else (high_count, CLOSE) if arguments.high_count else (read_measured, NEAR)
    scan = read(arguments.scan)
    some = list(gaps)[arguments.first : arguments.first + arguments.number]
    table, peak = GrowingTable(arguments.out, COLUMNS, KEYS), brightest_voxel(scan.counts)
    for keys in table.missing_of(asked(scan, some, arguments.methods.split(","), arguments.effort)):
        table.add(row_of(scan, cut(scan.counts.shape, peak, gaps[keys["case"]]), keys))
    print_means(table.rows())


if __name__ == "__main__":
    main()
