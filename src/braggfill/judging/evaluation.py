"""The judge: gaps like the real ones are cut elsewhere into the same scan, filled, and compared with what was there.

A sceptic needs no truth but their own scan: where it was measured, hidden counts tell how right a fill is. The copies lie along
the real gaps' normals, clear of them, where the scan is about as bright as beside the real gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.fallback import on_card_or_processor
from braggfill.base.metrics import log_ceiling
from braggfill.base.options import Device, spelled_out
from braggfill.base.progress import Progress, Steps, part_of
from braggfill.base.threads import side_by_side
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.judging.options import EvaluationOptions
from braggfill.judging.verdict import Band, Score, advised, in_words, judge_bands, recommended, score
from braggfill.scan.copies import FEWEST_VOXELS, SCORED_COUNTS, Trial, bright, large_gaps
from braggfill.scan.counts import taken_apart
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import MAX_WIDTH, WIDEST_MODULE_GAP, voxels_to_fill

ALL_BUT_BRIGHTEST = 0.99
"""Copies are scored where they are estimated to be no brighter than this share of the gap."""
WIDER = f" Gaps wider than {MAX_WIDTH} voxels were not judged: a fill by the crystal judges them itself."
"""What is added to the advice where a scan has gaps that the copies are not like."""


@dataclass(frozen=True)
class FilledTrial:
    """What a method puts into the copies, in the order of ``array[trial.scored]``, and into the scan's own gaps."""

    mean: NDArray[np.float64]
    """Expected counts (voxels,)."""
    std: NDArray[np.float64]
    """Their standard deviation (voxels,)."""
    own: NDArray[np.float64]
    """Expected counts in the scan's own gaps (gap voxels,)."""
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """The verdict on filling a scan."""

    scores: list[Score]
    """The chosen method first."""
    bands: list[Band]
    """Of the chosen method."""
    voxels: int
    """Hidden voxels that were scored."""
    ceiling: float
    """Correlation of log(1 + I) that a perfect fill would have with the hidden counts, estimated from these."""
    counts: np.ndarray
    """float32 (frames, rows, columns): what was measured, zero where nothing was."""
    missing: np.ndarray
    """Bool (frames, rows, columns): the scan's own gaps, and whatever else was not measured."""
    hidden: np.ndarray
    """Bool (frames, rows, columns): voxels of the copies."""
    scored: np.ndarray
    """Bool (hidden voxels,): those that are bright enough to be scored."""
    known: np.ndarray
    """float32 (hidden voxels,): the counts that were measured there."""
    filled: np.ndarray
    """float32 (hidden voxels,): counts that the chosen method puts there."""
    std: np.ndarray
    """float32 (hidden voxels,): their standard deviation."""
    hides_peak: bool
    """Whether the brightest voxel measured borders on a gap, so that the Bragg peak itself may lie in it."""
    advisable: bool
    """Whether to fill by the method that was judged."""
    recommended: str | None
    """The method to fill with; None where the gaps are better left open."""
    advice: str
    """A sentence a person can act on."""
    fell_back: str = ""
    """Why the processor computed all of it and not the graphics card, where the card's memory did not suffice."""


@spelled_out
def evaluate(
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    options: EvaluationOptions,
    on_progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Judge on a scan's own counts whether its gaps are worth filling, and by which method.

    Parameters
    ----------
    intensity, mask : arrays (frames, rows, columns)
        As for ``fill_gaps``.
    options : EvaluationOptions
    on_progress : callable
        Called with the work done and its total, from several threads by turns; every method is as much of it.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If an argument does not fit, or the scan has no room for copies of its gaps that hold counts.
    """
    measured, missing, scale = taken_apart(intensity, mask, options.counts_per_unit, options.negatives)
    scan = GappedScan.blanked(measured * np.float32(scale), missing)
    if not scan.slabs:
        raise InputError(
            f"mask: got gaps that are all too wide, expected one of at most {MAX_WIDTH} voxels between measured ones, which "
            "copies can judge; a fill by the crystal judges wider ones itself: read its sentence"
        )
    trial = Trial.of(scan)
    scored = bright(scan.counts)[trial.scored]
    if np.count_nonzero(scored) < FEWEST_VOXELS:
        raise InputError(
            f"intensity: got {np.count_nonzero(scored)} voxels with counts where copies of the gaps fit, expected at least "
            f"{FEWEST_VOXELS}; crop less of the scan"
        )

    def work(device: Device) -> dict[str, FilledTrial]:
        return fill_trial(trial, replace(options, device=device).asked, on_progress)

    filled, fell_back = on_card_or_processor(work, options.device)
    return replace(judged(scan, trial, scored, filled), fell_back=fell_back)


def judged(scan: GappedScan, trial: Trial, scored: NDArray[np.bool_], filled: dict[str, FilledTrial]) -> Evaluation:
    """Compare fills of a trial, the one to judge first, with what was measured; ``scored`` (trial voxels,) tells where."""
    scored = scored & no_brighter(filled["linear"].mean, filled["linear"].own, scored)
    known, estimates = scan.counts[trial.scored], {name: (f.mean[scored], f.std[scored]) for name, f in filled.items()}
    method, hidden = next(iter(filled)), known[scored]
    scores = [score(name, estimates, hidden, fill.seconds) for name, fill in filled.items()]
    bands = [b for b in judge_bands(estimates[method], estimates["linear"][0], hidden) if b.voxels >= FEWEST_VOXELS]
    with_wide = scan.seen_across(WIDEST_MODULE_GAP)
    hidden_peak = hides_peak(with_wide)
    wider = bool((with_wide.wanted & ~scan.wanted).any())
    return Evaluation(
        scores=scores,
        bands=bands,
        voxels=len(hidden),
        ceiling=log_ceiling(np.random.default_rng(0), hidden),
        counts=scan.counts,
        missing=scan.mask,
        hidden=trial.scored,
        scored=scored,
        known=known,
        filled=filled[method].mean.astype(np.float32),
        std=filled[method].std.astype(np.float32),
        hides_peak=hidden_peak,
        advisable=advised(scores[0], hidden_peak),
        recommended=recommended(scores, hidden_peak),
        advice=in_words(scores, bands, hidden_peak, FillOptions().method_for(scan.mask.size)) + (WIDER if wider else ""),
    )


def fill_trial(trial: Trial, asked: Sequence[FillOptions], on_progress: Progress) -> dict[str, FilledTrial]:
    """Fill a trial by each method, all from one kriging, and keep what they put into the copies.

    The method to judge, the first, has all cores; those that it is compared with go side by side, each on one.
    """
    scan, shared = trial.scan, 0.0
    if any(METHODS[options.method_for(scan.mask.size)].guessed for options in asked):
        from braggfill.classical.kriging import guessed

        start = perf_counter()
        scan, shared = guessed(scan, find_device(asked[0].device)), perf_counter() - start
    copied = trial.scored[scan.wanted]

    def fill(options: FillOptions, on_progress: Progress) -> FilledTrial:
        method, start = METHODS[options.method_for(scan.mask.size)], perf_counter()
        estimate = method.estimate(scan, options, on_progress, lambda *_: None)
        seconds = perf_counter() - start + (shared if method.guessed else 0.0)
        return FilledTrial(estimate.mean[copied], estimate.std[copied], estimate.mean[~copied], seconds)

    first = fill(asked[0], part_of(on_progress, 0, len(asked)))
    steps = Steps(lambda done, total: on_progress(done + 1, total + 1), len(asked) - 1)

    def beside(options: FillOptions) -> FilledTrial:
        with steps.piece(1):
            return fill(options, lambda *_: steps.advance(0))

    others = side_by_side([partial(beside, options) for options in asked[1:]], steps.stop, find_device(asked[0].device))
    return {options.method: filled for options, filled in zip(asked, [first, *others], strict=True)}


def no_brighter(
    copies: NDArray[np.floating], own: NDArray[np.floating], scored: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which voxels of copies are about as bright as the gaps, by estimates of one method: of the gaps nothing else is known.

    Where a copy runs nearer to the peak than its gap, the few voxels about the peak would outweigh all others: deviances grow
    with counts. All are taken where too few would be left.

    Parameters
    ----------
    copies, own : arrays (voxels,), (gap voxels,)
        Expected counts in copies and in the scan's own gaps.
    scored : bool array (voxels,), optional
        What of the copies is scored, else all.

    Returns
    -------
    bool array (voxels,)
    """
    seen = own[own > SCORED_COUNTS]
    if not seen.size:
        return np.ones(copies.shape, bool)
    dim: NDArray[np.bool_] = copies <= np.quantile(seen, ALL_BUT_BRIGHTEST)
    enough = np.count_nonzero(dim if scored is None else dim & scored) >= FEWEST_VOXELS
    return dim if enough else np.ones(copies.shape, bool)


def hides_peak(scan: GappedScan) -> bool:
    """Whether the brightest voxel measured borders on one of the scan's large gaps."""
    brightest = np.unravel_index(np.where(scan.mask, -1, scan.counts).argmax(), scan.mask.shape)
    around = tuple(slice(max(int(i) - 1, 0), int(i) + 2) for i in brightest)
    return bool(voxels_to_fill(large_gaps(scan.slabs), scan.mask.shape)[around].any())
