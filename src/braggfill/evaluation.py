"""The judge: gaps like the real ones are cut elsewhere into the same scan, filled, and compared with what was there.

A sceptic needs no truth but their own scan: where it was measured, hidden counts tell how right a fill is. The copies lie along
the real gaps' normals, clear of them, where the scan is about as bright as beside the real gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill.counts import taken_apart
from braggfill.errors import InputError
from braggfill.fill import METHODS, FillOptions, Progress, check_options
from braggfill.gapped import GappedScan
from braggfill.gaps import Slab, find_slabs, voxels_to_fill
from braggfill.metrics import log_ceiling
from braggfill.uncertainty import Trial
from braggfill.verdict import Band, Score, advised, in_words, judge_bands, score

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
FEWEST_VOXELS = 200
"""Parts with fewer voxels are not judged."""


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
    hidden: np.ndarray
    """Bool (frames, rows, columns): voxels of the copies."""
    known: np.ndarray
    """float32 (hidden voxels,): the counts that were measured there."""
    filled: np.ndarray
    """float32 (hidden voxels,): counts that the chosen method puts there."""
    hides_peak: bool
    """Whether the brightest voxel measured borders on a gap, so that the Bragg peak itself may lie in it."""
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
    slabs = find_slabs(missing)
    trial = place_copies(slabs, missing, counts)
    bright = gaussian_filter(counts, 3) > SCORED_COUNTS
    hidden, scored = counts[trial.scored], bright[trial.scored]
    if np.count_nonzero(scored) < FEWEST_VOXELS:
        raise InputError(
            f"intensity: got {np.count_nonzero(scored)} voxels with counts where copies of the gaps fit, expected at least "
            f"{FEWEST_VOXELS}; crop less of the scan"
        )
    blank = GappedScan(np.where(trial.mask, 0, counts), trial.mask, trial.slabs, device)
    copied, filled, seconds = trial.scored[blank.wanted], {}, {}
    for done, name in enumerate(methods):
        on_progress(done, len(methods))
        start = perf_counter()
        mean, std, _ = METHODS[name].estimate(blank, replace(options, method=name), lambda *_: None)
        filled[name], seconds[name] = (mean[copied], std[copied]), perf_counter() - start
    judged, estimates = hidden[scored], {name: (mean[scored], std[scored]) for name, (mean, std) in filled.items()}
    scores = [score(name, estimates, judged, seconds[name]) for name in methods]
    bands = [b for b in judge_bands(estimates[method], estimates["linear"][0], judged) if b.voxels >= FEWEST_VOXELS]
    hidden_peak = hides_peak(large_slabs(slabs), missing, counts)
    advisable, ceiling = advised(scores[0], hidden_peak), log_ceiling(np.random.default_rng(0), judged)
    return Evaluation(
        scores,
        bands,
        len(judged),
        ceiling,
        trial.scored,
        hidden,
        filled[method][0].astype(np.float32),
        hidden_peak,
        advisable,
        in_words(scores, bands, advisable, hidden_peak),
    )


def large_slabs(slabs: list[Slab]) -> list[Slab]:
    """Those of a detector's gaps; all where there are only small ones."""
    return [s for s in slabs if np.count_nonzero(s.target) >= LARGE_VOXELS] or slabs


def hides_peak(slabs: list[Slab], mask: np.ndarray, counts: np.ndarray) -> bool:
    """Whether the brightest voxel measured borders on one of the slabs."""
    brightest = np.unravel_index(np.where(mask, -1, counts).argmax(), mask.shape)
    around = tuple(slice(max(int(i) - 1, 0), int(i) + 2) for i in brightest)
    return bool(voxels_to_fill(slabs, mask.shape)[around].any())


def place_copies(slabs: list[Slab], mask: np.ndarray, counts: np.ndarray) -> Trial:
    """Copies of the gaps where the scan is as bright as beside them; displaced by a fixed number of voxels if none fits."""
    smooth = np.log1p(gaussian_filter(counts, 2))
    copies = np.zeros_like(mask)
    for axis in range(3):
        parallel = np.zeros_like(mask)
        for slab in (s for s in large_slabs(slabs) if s.axis == axis):
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
