"""How right are the fills? Gaps are cut into gap-free scans, filled by every method and compared with what was there.

Without a file: simulated crystals that no weights were trained on. With one: that measured scan.

Usage: python benchmarks/accuracy.py [SCAN] [--number 6] [--methods unet,ridge,...] [--out docs/results/accuracy_simulated.csv]

Columns: ``pcc`` Pearson correlation of log(1 + I); ``deviance`` mean Poisson deviance, about 1 for a perfect fill of
bright voxels; ``skill`` share of the linear fill's excess that is removed, over the deviance of the truth where that is
known, else over 1; ``bias`` filled over hidden counts;
``coverage_50``, ``coverage_90`` share of hidden counts inside the central intervals of their predicted (negative binomial)
distributions. All over gap voxels whose Gaussian-smoothed (sigma 3) counts exceed 0.5, hot and dead pixels left out.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill import METHODS, FillResult, Library, fill_gaps, simulate
from braggfill.io import read_measured
from braggfill.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias

HELD_OUT_SEED = 90_000
WIDTHS = (3, 6, 9, 12)
AVERAGED = ("skill", "pcc", "bias", "coverage_50", "coverage_90", "seconds")


@dataclass(frozen=True)
class Known:
    """A scan whose counts are known everywhere but in a few places."""

    name: str
    counts: np.ndarray
    """(frames, rows, columns)."""
    missing: np.ndarray
    """Bool (frames, rows, columns): not measured, or faulty."""
    expected: np.ndarray | None
    """Noise-free counts, where they are known."""


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


def rows(scan: Known, methods: list[str]) -> Iterator[dict[str, object]]:
    """One row for each gap and method, the linear fill first."""
    sound = np.where(scan.missing, 0, scan.counts).astype(np.float32)
    smooth = gaussian_filter(sound, 3)
    for case, mask in gaps(sound):
        where = np.broadcast_to(mask, sound.shape) & (smooth > 0.5) & ~scan.missing
        if where.sum() < 500:
            continue
        floor = 1.0 if scan.expected is None else poisson_deviance(scan.expected[where], scan.counts[where])
        baseline = None
        for method in ["linear", *(m for m in methods if m != "linear")]:
            start = time.perf_counter()
            result = fill_gaps(np.where(mask, 0, sound), scan.missing | mask, method=method)
            seconds = time.perf_counter() - start
            baseline = result if baseline is None else baseline
            scores = score(result, scan.counts, where)
            scores["skill"] = skill(result.intensity[where], baseline.intensity[where], scan.counts[where], floor)
            row = {"scan": scan.name, "case": case, "method": method} | scores | {"seconds": seconds}
            yield {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def measured_scan(address: str) -> Known:
    """A gap-free scan from a file."""
    loaded = read_measured(address)
    return Known(loaded.name, loaded.counts, loaded.mask, None)


def simulated_scans(number: int) -> list[Known]:
    """Scans of crystals of the test split; their faulty pixels count as not measured."""
    simulated = simulate(number, seed=HELD_OUT_SEED, crystals=Library(split="test"))
    return [
        Known(f"simulated {i}", s.counts, np.broadcast_to(s.faulty, s.counts.shape), s.expected)
        for i, s in enumerate(simulated)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", nargs="?")
    parser.add_argument("--number", type=int, default=6)
    parser.add_argument("--methods", default=",".join(m for m in METHODS if m != "biharmonic"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    scans = [measured_scan(arguments.scan)] if arguments.scan else simulated_scans(arguments.number)
    table = [row for scan in scans for row in rows(scan, arguments.methods.split(","))]
    print(f"{'method':10s} {'worst':>11s} " + " ".join(f"{name:>11s}" for name in AVERAGED))
    for method in dict.fromkeys(row["method"] for row in table):
        mine = [row for row in table if row["method"] == method]
        means = " ".join(f"{np.nanmean([row[name] for row in mine]):11.3f}" for name in AVERAGED)
        print(f"{method:10s} {min(row['skill'] for row in mine):11.3f} {means}")
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
