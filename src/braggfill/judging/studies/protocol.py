"""The paper's protocol on crystals that nothing was trained on: a vertical gap, 32³ crops around it, scored by brightness.

Every crystal of the library's test split is measured once. Gaps of every width are cut through all frames and rows, some
measured columns (one number a crystal) beside the peak on the roomier side, and filled; crops with the gap in their middle are
drawn from all scans together. Faulty pixels are left out.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill.base.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias
from braggfill.base.tasks import Progress
from braggfill.classical.kriging import guessed
from braggfill.judging.studies.crystals import Shape, held_out
from braggfill.judging.studies.fills import FILLS, Estimate, Fill
from braggfill.network.portions import PORTION
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.scans import SimulatedScan

BINS, BRIGHT_COUNTS, FINE_OVERSAMPLING = 20, 10.0, 4.0
"""Bins of brightness; mean counts a voxel of a bright crop; oversampling across the gap of a fine one."""
SCORED_COUNTS, FEWEST_VOXELS = 0.5, 500
"""Gaps are scored where the expectation, smoothed by 3 voxels, exceeds this; those with fewer such voxels are left out."""


@dataclass(frozen=True)
class Protocol:
    """Which gaps are cut into which scans."""

    crystals: int = 24
    widths: tuple[int, ...] = (3, 6, 9, 12)
    shape: Shape = (128, 128, 128)
    distance: tuple[int, int] = (8, 40)
    """Measured columns between peak and gap."""
    crops: int = 1000
    """Of every width."""


@dataclass(frozen=True)
class Crops:
    """Scores of the crops of one width, by name (crops,)."""

    width: int
    scores: dict[str, np.ndarray]

    @property
    def brightness(self) -> np.ndarray:
        """Mean expected counts a voxel, gap included."""
        return self.scores["mean_counts"]

    def bins(self) -> np.ndarray:
        """Which of BINS equal bins of log brightness each crop lies in."""
        place = np.log10(np.maximum(self.brightness, 1e-3))
        return np.minimum((BINS * (place - place.min()) / max(np.ptp(place), 1e-9)).astype(int), BINS - 1)


def evaluate(
    fills: dict[str, Fill], protocol: Protocol | int | None = None, on_progress: Progress = lambda done, total: None
) -> tuple[list[dict], list[Crops]]:
    """Fill every gap of a protocol (the paper's widths on a number of crystals) by every fill: rows of cases, and the crops."""
    protocol = Protocol(protocol) if isinstance(protocol, int) else protocol or Protocol()
    cases: list[dict] = []
    crops: dict[int, list[dict]] = {width: [] for width in protocol.widths}
    for index, (name, scan) in enumerate(held_out(protocol.crystals, protocol.shape)):
        on_progress(index, protocol.crystals)
        rng = np.random.default_rng(index)
        peak = round(scan.description["peak"][2])
        side = 1 if peak < scan.counts.shape[2] / 2 else -1
        measured = int(rng.integers(protocol.distance[0], protocol.distance[1] + 1))
        for width in protocol.widths:
            first = beside(peak, side, measured, width)
            place = {"scan": name, "width": width, "from_peak": measured}
            rows, means = fill_stripe(fills, scan, first, width)
            cases += [place | row for row in rows]
            share = protocol.crops // protocol.crystals + (index < protocol.crops % protocol.crystals)
            crops[width] += [crop_scores(rng, means, scan, first, width) for _ in range(share)]
    return cases, [Crops(width, {key: np.array([r[key] for r in rows]) for key in rows[0]}) for width, rows in crops.items()]


def beside(peak: int, side: int, measured: int, width: int) -> int:
    """First column of a gap with so many measured columns between it and the peak, after it (side 1) or before (-1)."""
    return peak + 1 + measured if side > 0 else peak - measured - width


def fill_stripe(
    fills: dict[str, Fill], scan: SimulatedScan, first: int, width: int
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Cut a stripe of columns and fill it: rows of scores, none where it is dark, and each fill's counts (whole scans)."""
    where = np.zeros(scan.counts.shape, bool)
    where[:, :, first : first + width] = True
    gapped = guessed(GappedScan.blanked(scan.counts, where))
    scored = (gaussian_filter(scan.expected, 3) > SCORED_COUNTS)[where] & ~np.broadcast_to(scan.faulty, where.shape)[where]
    estimates = {name: fill(gapped) for name, fill in fills.items()}
    linear = estimates["linear"] if "linear" in estimates else FILLS["linear"](gapped)
    rows, means = [], {}
    about = {"oversampling": scan.description["oversampling"][2], "peak_counts": scan.description["peak_counts"]}
    for name, estimate in estimates.items():
        means[name] = np.zeros(where.shape)
        means[name][where] = estimate.mean
        if scored.sum() >= FEWEST_VOXELS:
            rows.append({"method": name} | about | case_scores(estimate, linear.mean, scan, where, scored))
    return rows, means


def case_scores(estimate: Estimate, baseline: np.ndarray, scan: SimulatedScan, where: np.ndarray, scored: np.ndarray) -> dict:
    """Scores of one fill of one gap; ``where`` is the gap in the scan, ``scored`` (voxels,) what of it is bright enough."""
    mean, std = estimate.mean[scored], estimate.std[scored]
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
    around = (*gap[:2], slice(max(middle, 0), middle + PORTION))
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


def binned_mean(values: np.ndarray, bins: np.ndarray) -> float:
    """Mean over the bins of their means, crops without a correlation and empty bins left out."""
    known = np.isfinite(values)
    return float(np.mean([values[known & (bins == b)].mean() for b in np.unique(bins[known])])) if known.any() else np.nan


def crop_table(crops: list[Crops], methods: list[str]) -> list[dict]:
    """One row for each width and method: means over bins of brightness, over bright crops, over bright and fine ones."""
    table = []
    for some in crops:
        bright = some.brightness > BRIGHT_COUNTS
        fine = bright & (some.scores["oversampling"] >= FINE_OVERSAMPLING)
        sizes = {"crops": bright.size, "bright_crops": int(bright.sum()), "fine_crops": int(fine.sum())}
        for method in methods:
            row = {"width": some.width, "method": method} | sizes
            for score in ("counts", "truth"):
                values = some.scores[f"{method}_{score}"]
                row[f"pcc_{score}"] = binned_mean(values, some.bins())
                row[f"pcc_{score}_bright"] = mean_of(values[bright])
                row[f"pcc_{score}_bright_fine"] = mean_of(values[fine])
            row["ceiling"] = binned_mean(some.scores["ceiling"], some.bins())
            table.append(row | {"ceiling_bright": mean_of(some.scores["ceiling"][bright])})
    return table


def brightness_table(crops: list[Crops], methods: list[str]) -> list[dict]:
    """One row for each width, method and bin of brightness."""
    table = []
    for some in crops:
        bins = some.bins()
        for number in np.unique(bins):
            here = bins == number
            mean_counts = float(np.exp(np.log(np.maximum(some.brightness[here], 1e-3)).mean()))
            place: dict = {"width": some.width, "mean_counts": mean_counts, "crops": int(here.sum())}
            ceiling = {"ceiling": mean_of(some.scores["ceiling"][here])}
            for method in methods:
                means = {f"pcc_{score}": mean_of(some.scores[f"{method}_{score}"][here]) for score in ("counts", "truth")}
                table.append(place | {"method": method} | means | ceiling)
    return table


def mean_of(values: np.ndarray) -> float:
    """Mean of the finite values, NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan
