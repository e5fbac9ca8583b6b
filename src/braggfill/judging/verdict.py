"""What the hidden counts say of every method, and what a person should do about it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import (
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
from braggfill.filling.options import MethodName

BANDS = (0.0, 1.0, 10.0, 100.0, np.inf)
"""Bands of estimated counts for which advice is given."""
USEFUL_SKILL = 0.2
"""Share of the linear fill's excess that must be removed: a straight line taken as measured makes more false strain in the
crystal than an empty gap (docs/retrieval.md)."""
HONEST_COVERAGE, LEAST_COVERAGE = 0.8, 0.65
"""Share of counts that 90 % intervals must hold to be relied on; and what they must hold in copies for that: intervals hold
more in the gap than in its copies, which are brighter and less well sampled."""
TOLERABLE_BIAS = 0.2
"""Error of the total in the copies from which on the total is not to be relied on."""
CLEARLY_BETTER = 0.2
"""How much more skill another method must have in the copies to be recommended instead: less is chance (chosen on crystals of
the validation split, benchmarks/advice.py)."""

Estimated = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean and standard deviation of counts, each (voxels,)."""


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
    """Share of the linear fill's deviance above its floor that is removed; NaN where that leaves nothing to gain."""
    bias: float
    """Filled over hidden counts."""
    coverage_90: float
    """Share of hidden counts inside their 90 % intervals."""
    seconds: float
    """What methods share (kriging) counts for each of them."""


@dataclass(frozen=True)
class Band:
    """How right the chosen method was where it estimated a range of counts."""

    low: float
    high: float
    voxels: int
    skill: float
    """As in ``Score``; NaN where the linear fill leaves nothing to gain."""
    coverage_90: float


def score(name: str, estimates: dict[str, Estimated], hidden: NDArray[np.float32], seconds: float) -> Score:
    """Score one method's estimates against the hidden counts (voxels,)."""
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


def judge_bands(estimate: Estimated, linear: NDArray[np.float64], hidden: NDArray[np.float32]) -> list[Band]:
    """Scores of a method by the counts that it estimates; the linear fill and the hidden counts are both (voxels,)."""
    mean, std = estimate
    bands = []
    for low, high in pairwise(BANDS):
        here = (mean >= low) & (mean < high)
        gain, covered = np.nan, np.nan
        if here.any():
            floor = expected_deviance(mean[here])
            gain = skill(mean[here], linear[here], hidden[here], floor)
            covered = coverage(predictive_rank(np.random.default_rng(0), mean[here], std[here], hidden[here]), 0.9)
        bands.append(Band(low, high, int(here.sum()), gain, covered))
    return bands


def advised(ours: Score, hides_peak: bool = False) -> bool:
    """Whether a method is right and honest enough; never where the Bragg peak may be hidden, for no copy is like that place.

    The total is not asked for: what it is in the copies says too little of what it is in the gap.
    """
    return ours.skill >= USEFUL_SKILL and ours.coverage_90 >= LEAST_COVERAGE and not hides_peak


def recommended(scores: list[Score], hides_peak: bool = False) -> str | None:
    """The method to fill with: the first, unless another is clearly better; None where the gaps are better left open."""
    ours, best = scores[0], max(scores, key=lambda s: np.nan_to_num(s.skill, nan=-np.inf))
    chosen = best if best.skill > ours.skill + CLEARLY_BETTER else ours
    return chosen.method if advised(chosen, hides_peak) else None


def in_words(scores: list[Score], bands: list[Band], hides_peak: bool = False, default: MethodName = "unet") -> str:
    """The verdict as one sentence; ``default`` is the method that a scan of this size is filled by if none is asked for."""
    ours, others = scores[0], scores[1:]
    verdict = "is advisable" if advised(ours, hides_peak) else "is not advisable"
    sentence = f"Filling this scan with {ours.method} {verdict}: {_removed(ours)}"
    if others and np.isfinite(ours.skill):
        best = min(others, key=lambda s: s.deviance)
        sentence += f" (the best other fill, {best.method}, {100 * best.skill:.0f} %)"
    sentence += f", its total is {100 * (ours.bias - 1):+.0f} % off, and its 90 % intervals hold {100 * ours.coverage_90:.0f} %"
    take = recommended(scores, hides_peak)
    if take and take != ours.method:
        sentence += f"; take {take}, which is clearly better here"
    elif take and abs(ours.bias - 1) > TOLERABLE_BIAS:
        sentence += "; do not rely on the total"
    if hides_peak:
        sentence += (
            "; but the brightest voxel measured borders on a gap, which may hide the Bragg peak itself, and no copy tests that"
        )
    return f"{sentence}{_where_it_is_poor(bands)}{_of_the_default(ours.method, default)}."


def _removed(ours: Score) -> str:
    if np.isnan(ours.skill):
        return "a straight line leaves no more than counting noise"
    return f"of what a straight line leaves it removes {100 * ours.skill:.0f} %"


def _where_it_is_poor(bands: list[Band]) -> str:
    """Which estimates are worse than a straight line's, and which others less sure than they say, as the end of a sentence."""
    worse = [band for band in bands if band.skill < 0]
    unsure = [band for band in bands if not band.skill < 0 and band.coverage_90 < HONEST_COVERAGE]
    told = f"; do not rely on it where it estimates {' or '.join(map(_range, worse))}" if worse else ""
    if unsure:
        shares = [100 * band.coverage_90 for band in unsure]
        hold = " to ".join(dict.fromkeys(f"{share:.0f}" for share in (min(shares), max(shares))))
        told += f"; its uncertainties are too small where it estimates {' or '.join(map(_range, unsure))}"
        told += f" (90 % intervals hold {hold} % there)"
    return told


def _of_the_default(judged: str, default: MethodName) -> str:
    """What is to be known of the default fill where another one was judged, as the end of a sentence."""
    if judged == default:
        return ""
    told = f"; judged was {judged}, while 'braggfill fill' takes {default} for this scan unless it is told otherwise"
    if default == "retrieval":
        told += (
            ": it fills by the crystal where hidden counts say that it is better than unet, and else by unet; "
            "'braggfill evaluate --method retrieval' judges that fill, in minutes instead of seconds"
        )
    return told


def _range(band: Band) -> str:
    if np.isinf(band.high):
        return f"over {band.low:g} counts"
    return f"under {band.high:g} counts" if band.low == 0 else f"{band.low:g} to {band.high:g} counts"
