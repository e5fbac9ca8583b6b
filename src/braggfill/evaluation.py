"""The judge: gaps like the real ones are cut elsewhere into the same scan, filled, and compared with what was there.

A sceptic needs no truth but their own scan: where it was measured, hidden counts tell how right a fill is. The copies lie along
the real gaps' normals, clear of them, where the scan is about as bright as beside the real gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill.counts import taken_apart
from braggfill.errors import InputError
from braggfill.fill import METHODS, FillOptions, Progress, check_options
from braggfill.gaps import Slab, find_slabs, voxels_to_fill
from braggfill.metrics import (
    coverage,
    expected_deviance,
    linear_correlation,
    log_correlation,
    mean_absolute_error,
    poisson_deviance,
    predictive_rank,
    skill,
    total_bias,
)
from braggfill.uncertainty import Trial

BASELINES = ("kriging", "ridge", "linear", "cubic", "nearest", "idw")
"""Classical fills that every method is compared with; biharmonic takes minutes."""
COPIES = 2
"""Copies of every large gap."""
CLEARANCE = 8
"""Measured voxels kept between a copy and other gaps, and at the array's border."""
BANK = 4
"""Voxels on both sides of a gap that tell how bright it is."""
LEAST_SHARE = 0.8
"""Share of every plane of a copy that must have been measured."""
LARGE_VOXELS = 2000
"""Slabs with fewer voxels are copied only if there is no larger one."""
SCORED_COUNTS = 0.5
"""Voxels are scored where the smoothed counts (Gaussian width 3) exceed this: elsewhere every fill is right."""
BANDS = (0.0, 1.0, 10.0, 100.0, np.inf)
"""Bands of estimated counts for which advice is given."""
FEWEST_VOXELS = 200
"""Parts with fewer voxels are not judged."""
USEFUL_SKILL, HONEST_COVERAGE, TOLERABLE_BIAS = 0.2, 0.8, 0.2
"""What filling must reach to be advised: share of linear's excess removed, counts in the 90 % interval, error of the total."""


@dataclass(frozen=True)
class Score:
    """How right one method was in the copies."""

    method: str
    pcc_log: float
    """Pearson correlation of log(1 + I)."""
    pcc: float
    """Pearson correlation of I."""
    mae: float
    """Mean absolute error in counts."""
    deviance: float
    """Mean Poisson deviance."""
    floor: float
    """What the deviance would be if the estimates were the true expectations."""
    skill: float
    """Share of the linear fill's deviance above its floor that is removed."""
    bias: float
    """Filled over hidden counts."""
    coverage_90: float
    """Share of hidden counts inside their 90 % intervals."""
    seconds: float


@dataclass(frozen=True)
class Band:
    """How right the chosen method was where it estimated a range of counts."""

    low: float
    high: float
    voxels: int
    skill: float
    """As in ``Score``; NaN where the linear fill leaves nothing to gain."""
    coverage_90: float


@dataclass(frozen=True)
class Evaluation:
    """The verdict on filling a scan."""

    scores: list[Score]
    """The chosen method first."""
    bands: list[Band]
    """Of the chosen method."""
    voxels: int
    """Hidden voxels that were scored."""
    hidden: np.ndarray
    """Bool (frames, rows, columns): voxels of the copies."""
    advisable: bool
    advice: str
    """One sentence a person can act on."""


def evaluate(
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    method: str = "unet",
    baselines: Sequence[str] = BASELINES,
    device: str = "auto",
    counts_per_unit: float | None = None,
    weights: str | Path | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Judge on a scan's own counts whether its gaps are worth filling, and by which method.

    Parameters
    ----------
    intensity, mask, method, device, counts_per_unit, weights
        As for ``fill_gaps``.
    baselines : sequence of str
        Keys of ``METHODS`` to compare with; the linear fill is always among them.
    on_progress : callable
        Called with the methods done and their number.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If an argument does not fit, or the scan has no room for copies of its gaps that hold counts.
    """
    options = FillOptions(method, device=device, counts_per_unit=counts_per_unit, weights=Path(weights) if weights else None)
    methods = list(dict.fromkeys([method, *baselines, "linear"]))
    for name in methods:
        check_options(replace(options, method=name))
    measured, missing, scale = taken_apart(intensity, mask, counts_per_unit)
    counts = measured * np.float32(scale)
    trial = place_copies(find_slabs(missing), missing, counts)
    bright = gaussian_filter(counts, 3) > SCORED_COUNTS
    scored = trial.scored & bright
    if np.count_nonzero(scored) < FEWEST_VOXELS:
        raise InputError(
            f"intensity: got {np.count_nonzero(scored)} voxels with counts where copies of the gaps fit, expected at least "
            f"{FEWEST_VOXELS}; crop less of the scan"
        )
    at = scored[voxels_to_fill(trial.slabs, missing.shape)]
    estimates, seconds, blank = {}, {}, np.where(trial.mask, 0, counts)
    for done, name in enumerate(methods):
        on_progress(done, len(methods))
        start = perf_counter()
        mean, std, _ = METHODS[name].estimate(blank, trial.mask, trial.slabs, replace(options, method=name), lambda *_: None)
        estimates[name], seconds[name] = (mean[at], std[at]), perf_counter() - start
    hidden = counts[scored]
    scores = [score(name, estimates, hidden, seconds[name]) for name in methods]
    bands = [b for b in judge_bands(estimates[method], estimates["linear"][0], hidden) if b.voxels >= FEWEST_VOXELS]
    advisable = advised(scores[0])
    return Evaluation(scores, bands, len(hidden), trial.scored, advisable, in_words(scores, bands, advisable))


def place_copies(slabs: list[Slab], mask: np.ndarray, counts: np.ndarray) -> Trial:
    """Copies of the gaps where the scan is as bright as beside them; displaced by a fixed number of voxels if none fits."""
    smooth = np.log1p(gaussian_filter(counts, 2))
    copies = np.zeros_like(mask)
    large = [s for s in slabs if np.count_nonzero(s.target) >= LARGE_VOXELS] or slabs
    for axis in range(3):
        parallel = np.zeros_like(mask)
        for slab in (s for s in large if s.axis == axis):
            taken = np.moveaxis(mask | parallel, axis, 0)
            for first in matched_places(slab, taken, np.moveaxis(smooth, axis, 0)):
                np.moveaxis(parallel, axis, 0)[first : first + len(slab.target)] |= slab.target
        copies |= parallel
    copies &= ~mask
    if not copies.any():
        return Trial.of(slabs, mask)
    return Trial.with_copies(mask, copies)


def matched_places(slab: Slab, taken: np.ndarray, smooth: np.ndarray) -> list[int]:
    """First indices along the normal of copies of a slab, at most COPIES, nearest in brightness to its banks.

    ``taken`` (missing or copied) and ``smooth`` (log counts) are volumes with the normal in front.
    """
    width, in_plane = len(slab.target), slab.target.any(0)
    profile = smooth[:, in_plane].mean(1)
    free = 1 - taken[:, in_plane].mean(1)
    around = np.r_[max(slab.first - BANK, 0) : slab.first, slab.last + 1 : min(slab.last + 1 + BANK, len(profile))]
    wanted = profile[around].mean()
    places: list[int] = []
    allowed = [
        f
        for f in range(CLEARANCE, len(profile) - width - CLEARANCE)
        if free[f : f + width].min() >= LEAST_SHARE and (f + width + CLEARANCE <= slab.first or f >= slab.last + 1 + CLEARANCE)
    ]
    for first in sorted(allowed, key=lambda f: abs(profile[f : f + width].mean() - wanted)):
        if all(abs(first - other) >= width + CLEARANCE for other in places):
            places.append(first)
        if len(places) == COPIES:
            break
    return places


def score(name: str, estimates: dict[str, tuple[np.ndarray, np.ndarray]], hidden: np.ndarray, seconds: float) -> Score:
    """Score one method's estimates (mean, std), each (voxels,), against the hidden counts."""
    mean, std = estimates[name]
    floor = expected_deviance(mean)
    return Score(
        name,
        log_correlation(mean, hidden),
        linear_correlation(mean, hidden),
        mean_absolute_error(mean, hidden),
        poisson_deviance(mean, hidden),
        floor,
        skill(mean, estimates["linear"][0], hidden, floor),
        total_bias(mean, hidden),
        coverage(predictive_rank(np.random.default_rng(0), mean, std, hidden), 0.9),
        seconds,
    )


def judge_bands(estimate: tuple[np.ndarray, np.ndarray], linear: np.ndarray, hidden: np.ndarray) -> list[Band]:
    """Scores of a method by the counts that it estimates."""
    mean, std = estimate
    bands = []
    for low, high in pairwise(BANDS):
        here = (mean >= low) & (mean < high)
        gain, covered = np.nan, np.nan
        if here.any():
            floor = expected_deviance(mean[here])
            if poisson_deviance(linear[here], hidden[here]) > floor:
                gain = skill(mean[here], linear[here], hidden[here], floor)
            covered = coverage(predictive_rank(np.random.default_rng(0), mean[here], std[here], hidden[here]), 0.9)
        bands.append(Band(low, high, int(here.sum()), gain, covered))
    return bands


def advised(ours: Score) -> bool:
    """Whether a method is right and honest enough."""
    return ours.skill >= USEFUL_SKILL and ours.coverage_90 >= HONEST_COVERAGE and abs(ours.bias - 1) <= TOLERABLE_BIAS


def in_words(scores: list[Score], bands: list[Band], advisable: bool) -> str:
    """The verdict as one sentence."""
    ours, others = scores[0], scores[1:]
    verdict = "is advisable" if advisable else "is not advisable"
    sentence = (
        f"Filling this scan with {ours.method} {verdict}: of what a straight line leaves it removes {100 * ours.skill:.0f} %"
    )
    if others:
        best = min(others, key=lambda s: s.deviance)
        sentence += f" (the best classical fill, {best.method}, {100 * best.skill:.0f} %)"
    sentence += f", its total is {100 * (ours.bias - 1):+.0f} % off, and its 90 % intervals hold {100 * ours.coverage_90:.0f} %"
    poor = [b for b in bands if b.skill < 0 or b.coverage_90 < HONEST_COVERAGE]
    if poor:
        sentence += "; do not rely on it where it estimates " + " or ".join(_range(b) for b in poor)
    return sentence + "."


def _range(band: Band) -> str:
    if np.isinf(band.high):
        return f"over {band.low:g} counts"
    return f"under {band.high:g} counts" if band.low == 0 else f"{band.low:g} to {band.high:g} counts"
