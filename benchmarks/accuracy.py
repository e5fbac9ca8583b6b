"""How right are the fills on a measured scan? Gaps are cut into it, filled by every method and compared with what was there.

Usage: python benchmarks/accuracy.py SCAN [--methods unet,ridge,...] [--out docs/results/accuracy_au.csv]

Columns: ``pcc`` Pearson correlation of log(1 + I); ``deviance`` mean Poisson deviance, about 1 for a perfect fill of
bright voxels; ``skill`` share of the linear fill's excess over 1 that is removed; ``bias`` filled over hidden counts;
``coverage_50``, ``coverage_90`` share of hidden counts inside the central intervals of their predicted (negative binomial)
distributions. All over gap voxels whose Gaussian-smoothed (sigma 3) counts exceed 0.5.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill import METHODS, FillResult, fill_gaps
from braggfill.base.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias
from braggfill.base.writing import write_table
from braggfill.scan.measured import MeasuredScan, read_measured

WIDTHS = (3, 6, 9, 12)
AVERAGED = ("skill", "pcc", "bias", "coverage_50", "coverage_90", "seconds")


def gaps(counts: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Detector masks (rows, columns) by name: stripes before and after the peak, and a cross."""
    _, row, column = np.unravel_index(gaussian_filter(counts, 1).argmax(), counts.shape)
    for offset in (-24, 10):
        for width in WIDTHS if 14 < row + offset < counts.shape[1] - 26 else ():
            mask = np.zeros(counts.shape[1:], bool)
            mask[row + offset : row + offset + width] = True
            yield f"rows {offset:+d} {width} wide", mask
    mask = np.zeros(counts.shape[1:], bool)
    mask[row + 10 : row + 16] = True
    mask[:, column + 10 : column + 16] = True
    yield "cross +10 6 wide", mask


def score(result: FillResult, counts: np.ndarray, where: np.ndarray) -> dict[str, float]:
    """Compare a fill with the hidden counts in the voxels of ``where``."""
    filled, hidden = result.intensity[where], counts[where]
    ranks = predictive_rank(np.random.default_rng(0), filled, result.std[where], hidden)
    return {
        "pcc": log_correlation(filled, hidden),
        "deviance": poisson_deviance(filled, hidden),
        "bias": total_bias(filled, hidden),
        "coverage_50": coverage(ranks, 0.5),
        "coverage_90": coverage(ranks, 0.9),
    }


def rows(scan: MeasuredScan, methods: list[str]) -> Iterator[dict[str, object]]:
    """One row for each gap and method, the linear fill first."""
    smooth = gaussian_filter(scan.counts, 3)
    for case, mask in gaps(scan.counts):
        where = np.broadcast_to(mask, scan.counts.shape) & (smooth > 0.5) & ~scan.mask
        if where.sum() < 500:
            continue
        baseline = None
        for method in ["linear", *(m for m in methods if m != "linear")]:
            start = time.perf_counter()
            result = fill_gaps(np.where(mask, 0, scan.counts), scan.mask | mask, method=method)
            seconds = time.perf_counter() - start
            baseline = result if baseline is None else baseline
            scores = score(result, scan.counts, where)
            scores["skill"] = skill(result.intensity[where], baseline.intensity[where], scan.counts[where])
            row = {"scan": scan.name, "case": case, "method": method} | scores | {"seconds": seconds}
            yield {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--methods", default=",".join(m for m in METHODS if m != "biharmonic"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    table = list(rows(read_measured(arguments.scan), arguments.methods.split(",")))
    print(f"{'method':10s} {'worst':>11s} " + " ".join(f"{name:>11s}" for name in AVERAGED))
    for method in dict.fromkeys(row["method"] for row in table):
        mine = [row for row in table if row["method"] == method]
        means = " ".join(f"{np.nanmean([row[name] for row in mine]):11.3f}" for name in AVERAGED)
        print(f"{method:10s} {min(row['skill'] for row in mine):11.3f} {means}")
    if arguments.out:
        write_table(arguments.out, table)


if __name__ == "__main__":
    main()
