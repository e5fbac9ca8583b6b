"""Filling gaps by the crystal: the one finite object, seen by an imperfect instrument, that agrees with all measured counts.

Many starts are made on a coarse level, the best are carried to the whole pattern; what they expect in the gaps is averaged and
mixed with an estimate made without the crystal.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.errors import VanishedError
from braggfill.base.progress import Progress, Steps, name_phase
from braggfill.base.threads import side_by_side
from braggfill.crystal.blocks import Blocks
from braggfill.crystal.contest import Contest, Hidden, steps_of, without_aliens
from braggfill.crystal.mixture import Values, Weights
from braggfill.crystal.model.autocorrelation import oversampling_of
from braggfill.crystal.model.levels import WHOLE, CountsWithPrior, shares_of, tapered_level
from braggfill.crystal.record import CrystalOptions, CrystalRecord
from braggfill.crystal.retrieved_object import RetrievedObject
from braggfill.crystal.search.decimation import fine_axes
from braggfill.crystal.search.kept import Kept
from braggfill.crystal.search.polish import with_efficiency
from braggfill.crystal.search.ways import settled
from braggfill.crystal.whole import Ended, WholeScan, as_record
from braggfill.scan.counts import brightest_voxel

GIVEN_BACK, MOST_GIVEN = 40, 2
"""Evaluations of the loss with the hidden counts given back, and how many of those that count get them."""


@dataclass(frozen=True)
class CrystalFill:
    """What the crystal tells of a scan's gaps; arrays are float32 (frames, rows, columns), NaN where counts were measured."""

    mean: Values
    """Expected counts; where counts were hidden what was expected before they were given back."""
    std: Values
    record: CrystalRecord
    best: RetrievedObject
    """The one that tells the hidden counts best."""


def fill_by_crystal(
    counts: Values,
    mask: NDArray[np.bool_],
    blocks: Blocks,
    prior_mean: Values,
    prior_std: Values,
    options: CrystalOptions | None = None,
    on_progress: Progress = lambda done, total: None,
) -> CrystalFill:
    """Estimate the counts in a scan's gaps from the crystal that explains the rest.

    Parameters
    ----------
    counts : float32 array (frames, rows, columns)
        Photon counts.
    mask : bool array (frames, rows, columns)
        True = not measured.
    blocks : Blocks
        What is kept from the search and judges what it finds: κ, the support, which of what was found is averaged, the prior
        among it. Then it is given back for a last fit.
    prior_mean, prior_std : float32 arrays (frames, rows, columns)
        What another method expects in the gaps and where counts are hidden, and its standard deviation; NaN where nothing.
    options : CrystalOptions, optional
    on_progress : callable
        Called with the steps made and their total, from several threads by turns.

    Returns
    -------
    CrystalFill
    """
    options, began = options or CrystalOptions(), time.perf_counter()
    scan = counts_with_prior(counts, mask | blocks.hidden | blocks.faulty, prior_mean, prior_std)
    shares = shares_of(scan)
    levels = [tapered_level(scan, share, options.device) for share in shares]
    whole, axes = WholeScan(scan, mask | blocks.hidden, levels[-1]), fine_axes(levels[0])
    steps = Steps(on_progress, steps_of(options, any(axes)) + 1)
    hidden = Hidden.of(scan, blocks.judging, counts[blocks.judging], options.device)
    contest = Contest(levels, axes, whole, hidden, options, steps)
    started = contest.started()
    ends = contest.won_by(started)
    weights = weights_of(whole, ends, blocks.sound, counts)
    mean, std = whole.filled(ends, weights)
    unknown = mask | blocks.faulty
    again = replace(scan, counts=np.where(unknown, 0, counts).astype(np.float32), mask=unknown)
    whole = WholeScan(again, mask, tapered_level(again, WHOLE, options.device))
    last = given_back(whole, ends, weights, options, steps)
    mean[mask], std[mask] = (v[mask] for v in whole.filled(last, weights))
    climbed = tuple(as_record(end, levels[-1], float(weights.shares[-1, n])) for n, end in enumerate(ends))
    prior = tuple(weights.shares[:, len(ends) :].sum(1).tolist())
    misfits = tuple(one.state.misfit for one in started)
    record = CrystalRecord(options, shares[0], misfits, climbed, prior, time.perf_counter() - began)
    return CrystalFill(mean, std, record, RetrievedObject.of(last[0].polished.kept))


def counts_with_prior(counts: Values, unknown: NDArray[np.bool_], prior_mean: Values, prior_std: Values) -> CountsWithPrior:
    """A scan as the search takes it; ``unknown`` is a bool array (frames, rows, columns)."""
    known = np.where(unknown, 0, counts).astype(np.float32)
    expected = np.where(unknown, np.nan_to_num(prior_mean), known).astype(np.float32)
    oversampling = oversampling_of(torch.from_numpy(expected))
    return CountsWithPrior(known, unknown, prior_mean, prior_std, brightest_voxel(known), oversampling)


def weights_of(whole: WholeScan, ends: list[Ended], where: NDArray[np.bool_], counts: Values) -> Weights:
    """How the ends and the prior are averaged, by the counts hidden somewhere in the scan (both frames, rows, columns)."""
    *found, prior = (estimate[where[whole.asked]] for estimate in whole.estimates(ends))
    known = [*found, prior] if np.isfinite(prior).all() else found
    return Weights.chosen(known, found[0], counts[where])


def given_back(whole: WholeScan, ends: list[Ended], weights: Weights, options: CrystalOptions, steps: Steps) -> list[Ended]:
    """Some ends, those that count most fitted to a scan whose hidden counts are measured ones again.

    On an uneven detector the pixels that were hidden have no efficiency yet.
    """
    name_phase(steps.on_progress, "last fit, hidden counts given back")
    shares = weights.shares[:, : len(ends)].mean(0)
    most = np.argsort(-shares, kind="stable")[:MOST_GIVEN]

    def again(number: int) -> Ended:
        found = ends[number].polished
        if number in most:
            state, way = found.state, replace(found.way, evaluations=GIVEN_BACK)
            if state.instrument.efficiency.numel() > 1:
                state = with_efficiency(whole.level, state, way.kappa)
            with suppress(VanishedError):
                found = replace(found, kept=Kept.of(settled(without_aliens(whole.level, state), state, way)))
        return whole.ended(ends[number].number, found)

    chosen = sorted({0, *weights.used} - {len(ends)})
    found = side_by_side([partial(again, number) for number in chosen], steps.stop, options.device)
    steps.advance(1)
    last = dict(zip(chosen, found, strict=True))
    return [last.get(number, end) for number, end in enumerate(ends)]
