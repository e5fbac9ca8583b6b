"""How right are the fills on the measured Au scan? Nine gaps are cut into it and filled by methods with their uncertainty.

Columns: ``pcc`` Pearson correlation of log(1 + I); ``deviance`` mean Poisson deviance, about 1 for a perfect fill of
bright voxels; ``skill`` share of the linear fill's excess over 1 that is removed; ``bias`` filled over hidden counts;
``coverage_50``, ``coverage_90`` share of hidden counts inside the central intervals of their predicted (negative binomial)
distributions. All over gap voxels whose Gaussian-smoothed (sigma 3) counts exceed 0.5.

With --far the gaps lie farther from the peak, in a crop of the scan: the table of the network's page. ``adapted`` is the
network after learning from the scan.

Usage: python benchmarks/accuracy.py SCAN [--far] [--methods unet,adapted,ridge,...] [--effort low]
[--out docs/results/accuracy_au.csv]
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from shared.au_scan import FAR, NEAR, cropped

from braggfill import METHODS, FillResult, fill_gaps
from braggfill.base.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias
from braggfill.base.writing import write_table
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.gaps import Arm, cut
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.measured import MeasuredScan, read_measured

AVERAGED = ("skill", "pcc", "bias", "coverage_50", "coverage_90", "seconds")
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
    how = {"adapt": True} if method == ADAPTED else {"method": method, "effort": effort}
    return fill_gaps(np.where(gap, 0, scan.counts), scan.mask | gap, **how)


def rows(scan: MeasuredScan, gaps: dict[str, tuple[Arm, ...]], methods: list[str], effort: str) -> Iterator[Row]:
    """One row for each gap and method, the linear fill first."""
    scored, peak = bright(scan.counts) & ~scan.mask, brightest_voxel(scan.counts)
    for case, arms in gaps.items():
        gap, straight = cut(scan.counts.shape, peak, arms), None
        for method in dict.fromkeys(["linear", *methods]):
            start = time.perf_counter()
            result = fill(scan, gap, method, effort)
            seconds = time.perf_counter() - start
            straight = straight or result
            scores = score(result, straight, scan.counts, gap & scored)
            yield {"scan": scan.name, "case": case, "method": method} | scores | {"seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--methods", default=",".join(m for m in METHODS if m != "biharmonic"))
    parser.add_argument("--far", action="store_true")
    parser.add_argument("--number", type=int, help="only so many of the nine gaps")
    parser.add_argument("--effort", default="usual", choices=("low", "usual", "high"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    scan, gaps = (cropped(arguments.scan), FAR) if arguments.far else (read_measured(arguments.scan), NEAR)
    some = dict(list(gaps.items())[: arguments.number])
    table = list(rows(scan, some, arguments.methods.split(","), arguments.effort))
    print(f"{'method':10s} {'worst':>11s} " + " ".join(f"{name:>11s}" for name in AVERAGED))
    for method in dict.fromkeys(row["method"] for row in table):
        mine = [row for row in table if row["method"] == method]
        means = " ".join(f"{np.nanmean([row[name] for row in mine]):11.3f}" for name in AVERAGED)
        print(f"{method:10s} {min(row['skill'] for row in mine):11.3f} {means}")
    if arguments.out:
        write_table(arguments.out, table)


if __name__ == "__main__":
    main()
