"""The paper's protocol on crystals that nothing was trained on: a vertical gap, 32³ crops around it, scored by brightness.

Every crystal of the library's test split is measured once. Gaps of every width are cut through all frames and rows, 8 to
40 measured columns (``from_peak``, one number a crystal) beside the peak on the roomier side, and filled; 1 000 crops with
the gap in their middle are drawn from all scans together. Written are

protocol_crops.csv     the Pearson correlation of log(1 + I) in the crops' gaps, with the drawn counts (``pcc_counts``, the
                       paper's figure) and with the noise-free truth (``pcc_truth``): means over 20 bins of log mean
                       intensity, and over the crops with more than 10 counts a voxel (``bright``), of these also those with an
                       oversampling of at least 4 across the gap (``fine``); ``ceiling`` is what the truth scores.
protocol_cases.csv     for every gap: share of the linear fill's excess deviance removed, excess over 1 (``skill``) and over the
                       deviance of the truth (``skill_over_truth``), in voxels whose smoothed (sigma 3) expectation exceeds
                       0.5; bias of the total counts; coverage of the intervals. Faulty pixels are left out.

Usage: python benchmarks/protocol.py [--number 24] [--out docs/results]
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from torch import nn

from braggfill.checkpoint import SHIPPED_WEIGHTS, read_weights
from braggfill.gaps import Slab, find_slabs, voxels_to_fill
from braggfill.interpolate import idw, linear
from braggfill.kriging import smoothed
from braggfill.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias
from braggfill.model import find_device
from braggfill.patches import PORTION, GuessedScan
from braggfill.ridge import ridge
from braggfill.simulation.library import Library
from braggfill.simulation.scans import PatternRanges, SimulatedScan, SimulationConfig, simulate
from braggfill.uncertainty import filled_counts
from braggfill.unet import network_predictor, slide

WIDTHS = (3, 6, 9, 12)
CROPS, BINS, BRIGHT, FINE = 1000, 20, 10.0, 4.0
"""Crops a width; bins of brightness; counts a voxel of a bright crop; oversampling across the gap of a fine one."""
DISTANCE = (8, 40)
"""Measured columns between peak and gap."""
SEED = 70_000
Estimate = tuple[np.ndarray, np.ndarray]
"""Expected counts and their standard deviation in the gap, each (voxels,)."""
Fill = Callable[[GuessedScan, list[Slab]], Estimate]


def learned(model: nn.Module, skip: int | None = None) -> Fill:
    """A fill by a network, in one pass or by sliding portions."""
    predictor = network_predictor(model.eval(), find_device("cpu"))

    def fill(scan: GuessedScan, slabs: list[Slab]) -> Estimate:
        mean, square = slide(scan, slabs, predictor, skip)
        return mean, np.sqrt(np.maximum(square - mean**2, 0))

    return fill


def classical(method: Callable[[np.ndarray, np.ndarray, list[Slab]], np.ndarray]) -> Fill:
    """A fill of log(1 + counts), whose spread is not asked for."""

    def fill(scan: GuessedScan, slabs: list[Slab]) -> Estimate:
        mean = filled_counts(method, scan.counts, scan.mask, slabs)
        return mean, np.full(mean.shape, np.nan)

    return fill


def guessed(scan: GuessedScan, slabs: list[Slab]) -> Estimate:
    """The network's first guess (kriging) by itself."""
    values = scan.guess[voxels_to_fill(slabs, scan.mask.shape)]
    return np.expm1(values), np.full(values.shape, np.nan)


def shipped() -> dict[str, Fill]:
    """The program's own fills and the paper's baselines."""
    model, _ = read_weights(SHIPPED_WEIGHTS)
    return {
        "unet": learned(model),
        "kriging": guessed,
        "ridge": classical(ridge),
        "linear": classical(linear),
        "idw": classical(idw),
    }


def held_out(number: int) -> Iterator[tuple[str, SimulatedScan]]:
    """One measurement of each crystal of the test split."""
    config = SimulationConfig(patterns=PatternRanges(relaxed_share=1.0))
    for index, crystal in enumerate(Library(split="test")):
        if index < number:
            yield f"test {index}", next(simulate(1, seed=SEED + index, crystals=[crystal], config=config))


def case_scores(estimate: Estimate, baseline: np.ndarray, scan: SimulatedScan, where: np.ndarray, scored: np.ndarray) -> dict:
    """Scores of one fill of one gap; ``where`` is the gap in the scan, ``scored`` (voxels,) what of it is bright enough."""
    mean, std = (v[scored] for v in estimate)
    counts, expected = scan.counts[where][scored], scan.expected[where][scored]
    ranks = predictive_rank(np.random.default_rng(0), mean, std, counts) if np.isfinite(std).all() else np.zeros(0)
    return {
        "skill": skill(mean, baseline[scored], counts),
        "skill_over_truth": skill(mean, baseline[scored], counts, floor=poisson_deviance(expected, counts)),
        "filled_counts": mean.sum(dtype=float),
        "hidden_counts": counts.sum(dtype=float),
        "bias": total_bias(mean, counts),
        "coverage_50": coverage(ranks, 0.5),
        "coverage_90": coverage(ranks, 0.9),
        "voxels": len(counts),
    }


def crop_scores(rng: np.random.Generator, means: dict[str, np.ndarray], scan: SimulatedScan, first: int, width: int) -> dict:
    """Correlations in the gap of one random crop; ``means`` are whole scans."""
    top, left = (rng.integers(0, n - PORTION + 1) for n in scan.counts.shape[:2])
    middle = first + width // 2 - PORTION // 2
    gap = (slice(top, top + PORTION), slice(left, left + PORTION), slice(first, first + width))
    around = (*gap[:2], slice(middle, middle + PORTION))
    sound = np.broadcast_to(~scan.faulty[None, gap[1], gap[2]], scan.counts[gap].shape)
    counts, truth = scan.counts[gap][sound], scan.expected[gap][sound]
    scores = {
        "mean_counts": float(scan.expected[around].mean()),
        "oversampling": scan.description["oversampling"][2],
        "ceiling": log_correlation(truth, counts),
    }
    for name, mean in means.items():
        scores[f"{name}_counts"] = log_correlation(mean[gap][sound], counts)
        scores[f"{name}_truth"] = log_correlation(mean[gap][sound], truth)
    return scores


def beside(peak: int, side: int, measured: int, width: int) -> int:
    """First column of a gap with so many measured columns between it and the peak, after it (side 1) or before (-1)."""
    return peak + 1 + measured if side > 0 else peak - measured - width


def evaluate(fills: dict[str, Fill], number: int) -> tuple[list[dict], dict[int, list[dict]]]:
    """Cases, and crops by width, of every fill on every held-out crystal."""
    cases, crops = [], {width: [] for width in WIDTHS}
    for index, (name, scan) in enumerate(held_out(number)):
        rng = np.random.default_rng(index)
        smooth = gaussian_filter(scan.expected, 3)
        peak = round(scan.description["peak"][2])
        side = 1 if peak < scan.counts.shape[2] / 2 else -1
        measured = int(rng.integers(DISTANCE[0], DISTANCE[1] + 1))
        for width in WIDTHS:
            first = beside(peak, side, measured, width)
            where = np.zeros(scan.counts.shape, bool)
            where[:, :, first : first + width] = True
            slabs, blank = find_slabs(where), np.where(where, 0, scan.counts).astype(np.float32)
            guessed_scan = GuessedScan(blank, where, smoothed(np.log1p(blank), where, slabs))
            scored = (smooth > 0.5)[where] & ~np.broadcast_to(scan.faulty, where.shape)[where]
            estimates = {name: fill(guessed_scan, slabs) for name, fill in fills.items()}
            baseline, means = classical(linear)(guessed_scan, slabs)[0], {}
            for method, estimate in estimates.items():
                means[method] = np.zeros(where.shape)
                means[method][where] = estimate[0]
                if scored.sum() >= 500:
                    place = {"scan": name, "width": width, "from_peak": measured, "method": method}
                    place |= {
                        "oversampling": scan.description["oversampling"][2],
                        "peak_counts": scan.description["peak_counts"],
                    }
                    cases.append(place | case_scores(estimate, baseline, scan, where, scored))
            share = CROPS // number + (index < CROPS % number)
            crops[width] += [crop_scores(rng, means, scan, first, width) for _ in range(share)]
    return cases, crops


def binned_mean(values: np.ndarray, brightness: np.ndarray) -> float:
    """Mean over equal bins of log brightness of the bins' means, empty ones left out."""
    known = np.isfinite(values)
    place = np.log10(np.maximum(brightness[known], 1e-3))
    bins = np.minimum((BINS * (place - place.min()) / np.ptp(place)).astype(int), BINS - 1)
    return float(np.mean([values[known][bins == b].mean() for b in np.unique(bins)]))


def crop_table(crops: dict[int, list[dict]], methods: list[str]) -> list[dict]:
    """One row for each width and method."""
    table = []
    for width, rows in crops.items():
        column = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        brightness = column["mean_counts"]
        bright = brightness > BRIGHT
        fine = bright & (column["oversampling"] >= FINE)
        for method in methods:
            row = {"width": width, "method": method, "crops": len(rows), "bright_crops": int(bright.sum())}
            row["fine_crops"] = int(fine.sum())
            for score in ("counts", "truth"):
                values = column[f"{method}_{score}"]
                row[f"pcc_{score}"] = binned_mean(values, brightness)
                row[f"pcc_{score}_bright"] = float(np.nanmean(values[bright]))
                row[f"pcc_{score}_bright_fine"] = float(np.nanmean(values[fine])) if fine.any() else np.nan
            row["ceiling"], row["ceiling_bright"] = binned_mean(column["ceiling"], brightness), column["ceiling"][bright].mean()
            table.append(row)
    return table


def write_table(path: Path, table: list[dict]) -> None:
    """Write rows as CSV, numbers to four digits."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: round(float(v), 4) if isinstance(v, float) else v for k, v in row.items()} for row in table)


def report(cases: list[dict], crops: list[dict]) -> None:
    """Print both tables, cases averaged by width."""
    columns = "width cases  skill  worst  truth   bias   50 %   90 %  pcc to truth, bright, fine, to counts, ceiling"
    print(f"{'method':22s} {columns}")
    for crop in crops:
        mine = [c for c in cases if (c["method"], c["width"]) == (crop["method"], crop["width"])]
        skills, over = (np.array([c[key] for c in mine]) for key in ("skill", "skill_over_truth"))
        bias = sum(c["filled_counts"] for c in mine) / sum(c["hidden_counts"] for c in mine)
        weights = [c["voxels"] for c in mine]
        covered = [np.average([c[key] for c in mine], weights=weights) for key in ("coverage_50", "coverage_90")]
        scores = (skills.mean(), skills.min(), over.mean(), bias, *covered)
        names = ("pcc_truth", "pcc_truth_bright", "pcc_truth_bright_fine", "pcc_counts", "ceiling")
        correlations = [crop[name] for name in names]
        print(
            f"{crop['method']:22s} {crop['width']:5d} {len(mine):5d} "
            + " ".join(f"{v:6.3f}" for v in scores)
            + "  "
            + " ".join(f"{v:7.4f}" for v in correlations)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    fills = shipped()
    cases, crops = evaluate(fills, arguments.number)
    table = crop_table(crops, list(fills))
    report(cases, table)
    if arguments.out:
        write_table(arguments.out / "protocol_cases.csv", cases)
        write_table(arguments.out / "protocol_crops.csv", table)


if __name__ == "__main__":
    main()
