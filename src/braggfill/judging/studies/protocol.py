"""The paper's protocol on crystals that nothing was trained on: a vertical gap, 32³ crops around it, scored by brightness.

Every crystal of the library's test split is measured once. Gaps of every width are cut through all frames and rows, some
measured columns (one number a crystal) beside the peak on the roomier side, and filled; crops with the gap in their middle are
drawn from all scans together. Faulty pixels are left out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import coverage, log_correlation, poisson_deviance, predictive_rank, skill, total_bias
from braggfill.base.progress import Progress
from braggfill.classical.kriging import guessed
from braggfill.filling.terms import Estimate
from braggfill.judging.studies.contenders import CONTENDERS, Contender
from braggfill.judging.studies.crystals import Shape, held_out_numbers, held_out_scan
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.gaps import columns, columns_beside
from braggfill.judging.studies.groups import mean_of, spread
from braggfill.judging.studies.kept import Kept, Part, asked
from braggfill.network.config import PORTION
from braggfill.scan.copies import bright
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.scans import SimulatedScan

BINS, BRIGHT_COUNTS, FINE_OVERSAMPLING = 20, 10.0, 4.0
"""Bins of brightness; mean counts a voxel of a bright crop; oversampling across the gap of a fine one."""
FEWEST_SCORED = 500
"""Gaps with fewer voxels whose expectation is bright are left out."""


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
    scores: dict[str, NDArray[np.float64]]

    @property
    def brightness(self) -> NDArray[np.float64]:
        """Mean expected counts a voxel (crops,), gap included."""
        return self.scores["mean_counts"]

    def bins(self) -> NDArray[np.int64]:
        """Which of BINS equal bins of log brightness each crop lies in (crops,)."""
        place = np.log10(np.maximum(self.brightness, 1e-3))
        shares = (place - place.min()) / max(np.ptp(place), 1e-9)
        bins: NDArray[np.int64] = np.minimum((BINS * shares).astype(np.int64), BINS - 1)
        return bins


def carry_out_protocol(
    contenders: Mapping[str, Contender],
    protocol: Protocol,
    on_progress: Progress = lambda done, total: None,
    only: Collection[int] | None = None,
    kept: Kept | None = None,
) -> tuple[list[Row], list[Crops]]:
    """Fill every gap of a protocol, or of some crystals ``only``, by every contender; what is ``kept`` is not filled again.

    Returns
    -------
    cases : list of Row
        One a gap and contender.
    crops : list of Crops
        One a width.
    """
    parts: list[Part] = []
    what = asked(protocol, list(contenders))
    for index in held_out_numbers(protocol.crystals) if only is None else only:
        on_progress(index, protocol.crystals)
        parts.append((kept or Kept()).part(f"crystal_{index}_{what}", partial(one_crystal, contenders, protocol, index)))
    names = {width: [n for n in parts[0].arrays if n.startswith(f"{width} ")] for width in protocol.widths}
    crops = [
        Crops(width, {n.partition(" ")[2]: np.concatenate([p.arrays[n] for p in parts]) for n in names[width]})
        for width in protocol.widths
    ]
    return [row for part in parts for row in part.rows], crops


def one_crystal(contenders: Mapping[str, Contender], protocol: Protocol, index: int) -> Part:
    """The cases of one crystal's gaps, and the scores of its crops (crops,), by width and name."""
    cases: list[Row] = []
    crops: dict[str, NDArray[np.float64]] = {}
    name, scan = held_out_scan(index, protocol.shape)
    rng = np.random.default_rng(index)
    measured = int(rng.integers(protocol.distance[0], protocol.distance[1] + 1))
    share = protocol.crops // protocol.crystals + (index < protocol.crops % protocol.crystals)
    for width in protocol.widths:
        first = columns_beside(scan, measured, width)
        place = {"scan": name, "width": width, "from_peak": measured}
        rows, means = fill_stripe(contenders, scan, first, width)
        cases += [place | row for row in rows]
        some = [crop_scores(rng, means, scan, first, width) | {"crystal": index} for _ in range(share)]
        crops |= {f"{width} {key}": np.array([float(row[key]) for row in some]) for key in (some[0] if some else ())}
    return Part(cases, crops)


def fill_stripe(
    contenders: Mapping[str, Contender], scan: SimulatedScan, first: int, width: int
) -> tuple[list[Row], dict[str, NDArray[np.float64]]]:
    """Cut a stripe of columns and fill it.

    Returns
    -------
    rows : list of Row
        Scores, none where the stripe is too dark to tell.
    means : dict of arrays (frames, rows, columns)
        Every contender's counts in the stripe, zero elsewhere.
    """
    where = columns(scan.counts.shape, first, width)
    gapped = guessed(GappedScan.blanked(scan.counts, where))
    scored = bright(scan.expected)[where] & ~np.broadcast_to(scan.faulty, where.shape)[where]
    estimates = {name: contender(gapped) for name, contender in contenders.items()}
    linear = estimates["linear"] if "linear" in estimates else CONTENDERS["linear"](gapped)
    rows: list[Row] = []
    means: dict[str, NDArray[np.float64]] = {}
    about = {"oversampling": scan.description["oversampling"][2], "peak_counts": scan.description["peak_counts"]}
    for name, estimate in estimates.items():
        means[name] = np.zeros(where.shape)
        means[name][where] = estimate.mean
        if scored.sum() >= FEWEST_SCORED:
            rows.append({"method": name} | about | case_scores(estimate, linear.mean, scan, where, scored))
    return rows, means


def case_scores(
    estimate: Estimate,
    baseline: NDArray[np.float64],
    scan: SimulatedScan,
    where: NDArray[np.bool_],
    scored: NDArray[np.bool_],
) -> Row:
    """Scores of one contender in one gap.

    Parameters
    ----------
    estimate : Estimate
    baseline : array (gap voxels,)
        Expected counts of the linear fill.
    scan : SimulatedScan
    where : bool array (frames, rows, columns)
        The gap.
    scored : bool array (gap voxels,)
        What of it is bright enough.
    """
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


def crop_scores(
    rng: np.random.Generator, means: Mapping[str, NDArray[np.float64]], scan: SimulatedScan, first: int, width: int
) -> Row:
    """Correlations in the gap of one random crop; ``means`` (frames, rows, columns) are whole scans."""
    top, left = (rng.integers(0, n - PORTION + 1) for n in scan.counts.shape[:2])
    middle = first + width // 2 - PORTION // 2
    gap = (slice(top, top + PORTION), slice(left, left + PORTION), slice(first, first + width))
    around = (*gap[:2], slice(max(middle, 0), middle + PORTION))
    sound = np.broadcast_to(~scan.faulty[None, gap[1], gap[2]], scan.counts[gap].shape)
    counts, truth = scan.counts[gap][sound], scan.expected[gap][sound]
    scores: Row = {
        "mean_counts": float(scan.expected[around].mean()),
        "oversampling": scan.description["oversampling"][2],
        "ceiling": log_correlation(truth, counts),
    }
    for name, mean in means.items():
        scores[f"{name}_counts"] = log_correlation(mean[gap][sound], counts)
        scores[f"{name}_truth"] = log_correlation(mean[gap][sound], truth)
    return scores


def binned_mean(values: NDArray[np.float64], bins: NDArray[np.int64]) -> float:
    """Mean of crops over the bins of their means, both (crops,); crops without a correlation and empty bins are left out."""
    known = np.isfinite(values)
    return float(np.mean([values[known & (bins == b)].mean() for b in np.unique(bins[known])])) if known.any() else np.nan


def spread_over_crystals(values: NDArray[np.float64], some: Crops, bins: NDArray[np.int64] | None = None) -> float:
    """Standard deviation over crystals of their crops' means, or of the means over their ``bins``; all arrays are (crops,).

    NaN where crops do not say whose they are.
    """
    crystals = some.scores.get("crystal")
    if crystals is None:
        return np.nan
    mine = [crystals == crystal for crystal in np.unique(crystals)]
    return spread([mean_of(values[m]) if bins is None else binned_mean(values[m], bins[m]) for m in mine])


def crop_table(crops: Sequence[Crops], methods: Sequence[str]) -> list[Row]:
    """One row for each width and method: means over bins of brightness, over bright crops, over bright and fine ones."""
    table: list[Row] = []
    for some in crops:
        lit = some.brightness > BRIGHT_COUNTS
        fine = lit & (some.scores["oversampling"] >= FINE_OVERSAMPLING)
        sizes = {"crops": lit.size, "bright_crops": int(lit.sum()), "fine_crops": int(fine.sum())}
        for method in methods:
            row: Row = {"width": some.width, "method": method} | sizes
            for score in ("counts", "truth"):
                values, bins = some.scores[f"{method}_{score}"], some.bins()
                row[f"pcc_{score}"] = binned_mean(values, bins)
                row[f"pcc_{score}_spread"] = spread_over_crystals(values, some, bins)
                row[f"pcc_{score}_bright"] = mean_of(values[lit])
                row[f"pcc_{score}_bright_spread"] = spread_over_crystals(np.where(lit, values, np.nan), some)
                row[f"pcc_{score}_bright_fine"] = mean_of(values[fine])
            row["ceiling"] = binned_mean(some.scores["ceiling"], some.bins())
            table.append(row | {"ceiling_bright": mean_of(some.scores["ceiling"][lit])})
    return table


def brightness_table(crops: Sequence[Crops], methods: Sequence[str]) -> list[Row]:
    """One row for each width, method and bin of brightness."""
    table: list[Row] = []
    for some in crops:
        bins = some.bins()
        for number in np.unique(bins):
            here = bins == number
            mean_counts = float(np.exp(np.log(np.maximum(some.brightness[here], 1e-3)).mean()))
            place: Row = {"width": some.width, "mean_counts": mean_counts, "crops": int(here.sum())}
            ceiling = {"ceiling": mean_of(some.scores["ceiling"][here])}
            for method in methods:
                row = place | {"method": method}
                for score in ("counts", "truth"):
                    values = np.where(here, some.scores[f"{method}_{score}"], np.nan)
                    row |= {f"pcc_{score}": mean_of(values), f"pcc_{score}_spread": spread_over_crystals(values, some)}
                table.append(row | ceiling)
    return table
