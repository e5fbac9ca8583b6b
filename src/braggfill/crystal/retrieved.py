"""Filling gaps by the crystal: the one finite object, seen by an imperfect instrument, that agrees with all measured counts.

Many starts are made on a coarse level, the best are carried to the whole pattern; what they expect in the gaps is averaged and
mixed with an estimate made without the crystal.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from braggfill.base.tasks import Progress
from braggfill.crystal.climb import Prior, climb
from braggfill.crystal.coherence import expected_counts
from braggfill.crystal.levels import BORDER, GappedCounts, Level, counts_outside, level_of
from braggfill.crystal.likelihood import misfit, noise_misfit
from braggfill.crystal.mixture import UNSEEN, mean_of_starts, mixed, residual_variance
from braggfill.crystal.search import TURNS, State, random_starts, search
from braggfill.crystal.shapes import Volume
from braggfill.crystal.starts import start_generator
from braggfill.scan.counts import brightest_voxel

CONVERGED = 1.2
"""Largest misfit of an object that counts as converged, over that of Poisson noise about its own counts."""
HALF, THREE_QUARTERS, WHOLE = 0.5, 0.75, 1.0
"""Shares of the pattern that levels hold."""
MOST_OUTSIDE = 0.05
"""Share of the counts outside the central half above which the search begins with three quarters."""
WHOLE_BORDER = 0.3
"""Taper of the whole pattern in the middle of each face."""
TRUSTS = (1.0, 0.3, 0.0)
"""Factors on the prior's precision in the mixture, among which a judge chooses."""
Field = NDArray[np.float32]
"""(frames, rows, columns)."""
Judge = Callable[[Field], float]
"""(frames, rows, columns)."""


@dataclass(frozen=True)
class CrystalOptions:
    """How hard to look for the crystal, and what is expected of it."""

    starts: int = 3
    """Random starts on the coarse level."""
    climbs: int = 2
    """Best of them that are carried to the whole pattern."""
    prior: Prior = field(default_factory=Prior)
    lifts: int = 1
    """Times that every level on the way up is iterated and fitted again."""
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Climbed:
    """How one start ended on the whole pattern."""

    start: int
    misfit: float
    noise_misfit: float
    """What Poisson noise about its own counts would have."""
    widths: tuple[float, float, float]
    """Of partial coherence's Gaussian along frames, rows and columns, in voxels."""
    background: float
    """Counts a voxel."""
    loss: float
    """Share lost to dead time at the brightest voxel."""

    @property
    def converged(self) -> bool:
        """Whether no more than counting noise is left."""
        return self.misfit <= CONVERGED * self.noise_misfit


@dataclass(frozen=True)
class CrystalRecord:
    """How a fill by the crystal came about."""

    options: CrystalOptions
    share: float
    """Of the pattern that the search began with."""
    coarse_misfits: tuple[float, ...]
    """Of every start, in the order of the starts."""
    climbed: tuple[Climbed, ...]
    """Best first."""
    seconds: float

    @property
    def converged(self) -> int:
        """How many of those carried to the whole pattern converged."""
        return sum(c.converged for c in self.climbed)


def fill_by_crystal(
    counts: Field,
    mask: NDArray[np.bool_],
    prior_mean: Field,
    prior_std: Field,
    options: CrystalOptions | None = None,
    on_progress: Progress = lambda done, total: None,
    judge: Judge | None = None,
) -> tuple[Field, Field, CrystalRecord]:
    """Estimate the counts in a scan's gaps from the crystal that explains the rest.

    Parameters
    ----------
    counts : float32 array (frames, rows, columns)
        Photon counts.
    mask : bool array (frames, rows, columns)
        True = not measured.
    prior_mean, prior_std : float32 arrays (frames, rows, columns)
        What another method expects in the gaps, and its standard deviation; NaN where it expects nothing.
    options : CrystalOptions, optional
    on_progress : callable
        Called with the steps made and their total.
    judge : callable, optional
        From expected counts at ``mask`` to how wrong they are, where some of them are known: it chooses among the mean of the
        starts and the best of them, and how far the prior is trusted beside them.

    Returns
    -------
    mean, std : float32 arrays (voxels,)
        Expected counts and their standard deviation at ``mask``, in the array's order.
    record : CrystalRecord
    """
    options, began = options or CrystalOptions(), time.perf_counter()
    scan = GappedCounts(counts, mask, prior_mean, prior_std, brightest_voxel(np.where(mask, 0, counts)))
    share = first_share(scan)
    steps = options.starts + options.climbs
    coarse = level_of(scan, share, BORDER, options.device)
    states = []
    for number in range(options.starts):
        on_progress(number, steps)
        states.append(coarse_start(coarse, options, number))
    misfits = [float(s.misfit) for s in states]
    order = np.argsort(misfits)[: options.climbs]
    levels = [coarse, *(level_of(scan, s, BORDER, options.device) for s in (THREE_QUARTERS,) if s > share)]
    levels.append(level_of(scan, WHOLE, WHOLE_BORDER, options.device))
    fields, climbed = [], []
    for done, number in enumerate(order, options.starts):
        on_progress(done, steps)
        expected, how = carried_up(levels, scan, states[number], int(number), options)
        fields.append(expected)
        climbed.append(how)
    on_progress(steps, steps)
    mean, std = together(scan, fields, climbed, judge)
    best_first = tuple(sorted(climbed, key=lambda c: c.misfit))
    return mean, std, CrystalRecord(options, share, tuple(misfits), best_first, time.perf_counter() - began)


def first_share(scan: GappedCounts) -> float:
    """Share of the pattern that the search begins with."""
    return HALF if counts_outside(scan, HALF) < MOST_OUTSIDE else THREE_QUARTERS


def coarse_start(level: Level, options: CrystalOptions, number: int) -> State:
    """One random start taken through the search."""
    begin = random_starts(level, 1, start_generator(options.seed, number))
    return search(level, begin, TURNS, options.prior.loose, options.prior.search_mu)


def carried_up(
    levels: list[Level], scan: GappedCounts, state: State, number: int, options: CrystalOptions
) -> tuple[Field, Climbed]:
    """The counts that a start expects in the whole scan, and how it ended."""
    whole, kappa = levels[-1], options.prior.kappa
    state = climb(levels, state, options.prior, options.lifts)
    expected = expected_counts(state.crystal, state.instrument, whole.taper)
    f, r, c = (float(w) for w in state.instrument.widths[0])
    how = Climbed(
        number,
        float(misfit(whole, expected, kappa)),
        float(noise_misfit(whole, expected, kappa, options.seed)),
        (f, r, c),
        float(state.instrument.background),
        float(state.instrument.dead_time * whole.target.max()),
    )
    return in_scan_order(expected[0], scan), how


def in_scan_order(values: Volume, scan: GappedCounts) -> Field:
    """Values of the whole level as an array of the scan."""
    frames, rows, columns = scan.counts.shape
    rolled: Field = np.roll(values.cpu().numpy(), scan.peak, (0, 1, 2))[:frames, :rows, :columns]
    return rolled


def together(
    scan: GappedCounts, fields: list[Field], climbed: list[Climbed], judge: Judge | None = None
) -> tuple[Field, Field]:
    """Mean and standard deviation (voxels,) at the gaps from what all starts expect, (frames, rows, columns), and the prior."""
    misfits = [c.misfit for c in climbed]
    best = int(np.argmin(misfits))
    groups = [(fields, misfits), ([fields[best]], [misfits[best]])][: 2 if judge and len(fields) > 1 else 1]
    trusts = TRUSTS if judge else TRUSTS[:1]
    candidates = [found for group in groups for found in said_by(scan, *group, trusts)]
    return min(candidates, key=lambda found: judge(found[0])) if judge else candidates[0]


def said_by(
    scan: GappedCounts, fields: list[Field], misfits: list[float], trusts: Sequence[float]
) -> list[tuple[Field, Field]]:
    """Mean and standard deviation (voxels,) at the gaps from some starts and the prior, which is trusted more and less."""
    mean, scatter = mean_of_starts(fields, misfits)
    gap, measured = scan.mask, ~scan.mask
    variance = scatter[gap] + UNSEEN * residual_variance(mean[measured], scan.counts[measured], mean[gap])
    return [mixed(mean[gap], variance, scan.prior_mean[gap], scan.prior_std[gap], trust) for trust in trusts]
