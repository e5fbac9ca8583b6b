"""Filling gaps by the crystal: the one finite object, seen by an imperfect instrument, that agrees with all measured counts.

Many starts are made on a coarse level, the best are carried to the whole pattern; what they expect in the gaps is averaged and
mixed with an estimate made without the crystal.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.metrics import poisson_deviance
from braggfill.base.tasks import Progress
from braggfill.crystal.climb import LOOSE, Prior, climb
from braggfill.crystal.coherence import expected_counts
from braggfill.crystal.efficiency import unevenness
from braggfill.crystal.levels import BORDER, GappedCounts, Level, counts_outside, level_of
from braggfill.crystal.likelihood import noise_misfit
from braggfill.crystal.mixture import Curve, averaged, chosen_members, residual_variance, standard_deviation
from braggfill.crystal.outliers import aliens, faulty_pixels
from braggfill.crystal.polish import Polished, polished, settled
from braggfill.crystal.search import CONVERGED, TURNS, State, random_starts, search
from braggfill.crystal.starts import start_generator
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel

HALF, THREE_QUARTERS, WHOLE = 0.5, 0.75, 1.0
"""Shares of the pattern that levels hold."""
MOST_OUTSIDE = 0.05
"""Share of the counts outside the central half above which the search begins with three quarters."""
WHOLE_BORDER = 0.3
"""Taper of the whole pattern in the middle of each face."""
GIVEN_BACK = 40
"""Evaluations of the loss with the hidden counts given back."""
Field = NDArray[np.float32]
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
    times: int
    """How often it is among what was averaged."""
    misfit: float
    noise_misfit: float
    """What its own counts would have with Poisson noise and if they varied by κ besides."""
    kappa: float
    """Share of the counts that voxels vary by beyond counting noise."""
    support_share: float | None
    """Of the blurred modulus' maximum at which the support was cut anew; None where it was not."""
    hidden_deviance: float
    """Mean Poisson deviance of the hidden counts."""
    widths: tuple[float, float, float]
    """Of partial coherence's Gaussian along frames, rows and columns, in voxels."""
    unevenness: float
    """Spread of the log efficiencies of the detector's pixels; 0 where they are taken as even."""
    background: float
    """Counts a voxel."""
    loss: float
    """Share lost to dead time at the brightest voxel."""

    @property
    def converged(self) -> bool:
        """Whether no more than noise is left."""
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
    prior_times: int
    """How often the prior is among what was averaged."""
    seconds: float

    @property
    def converged(self) -> int:
        """How many of those carried to the whole pattern converged."""
        return sum(c.converged for c in self.climbed)


@dataclass(frozen=True)
class CrystalFill:
    """What the crystal tells of a scan's gaps; arrays are float32 (frames, rows, columns), NaN where counts were measured."""

    mean: Field
    """Expected counts; where counts were hidden what was expected before they were given back."""
    std: Field
    record: CrystalRecord


@dataclass(frozen=True)
class Hidden:
    """Counts that were measured and kept from the search."""

    where: NDArray[np.bool_]
    """(frames, rows, columns)."""
    counts: Field
    """(voxels,)."""


@dataclass(frozen=True)
class Ended:
    """One end of a start on the whole level, and what it expects of the scan."""

    number: int
    """Of the start."""
    polished: Polished
    expected: Field
    """Counts (voxels,) where they are asked for."""
    residuals: Curve
    uneven: float
    """Spread of the pixels' log efficiencies."""


def fill_by_crystal(
    counts: Field,
    mask: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    prior_mean: Field,
    prior_std: Field,
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
    hidden : bool array (frames, rows, columns)
        Measured voxels that are kept from the search and judge what it finds: κ, the support, which of what was found is
        averaged, the prior among it. Then they are given back for a last fit.
    prior_mean, prior_std : float32 arrays (frames, rows, columns)
        What another method expects in the gaps and where counts are hidden, and its standard deviation; NaN where nothing.
    options : CrystalOptions, optional
    on_progress : callable
        Called with the steps made and their total.

    Returns
    -------
    CrystalFill
    """
    options, began = options or CrystalOptions(), time.perf_counter()
    faulty = faulty_pixels(counts, mask)
    scan = gapped_counts(counts, mask | hidden | faulty, prior_mean, prior_std)
    lit = hidden & bright(counts) & ~faulty
    known = Hidden(lit, counts[lit])
    levels = levels_of(scan, options.device)
    whole = WholeScan(scan, mask | hidden, levels[-1])
    steps = options.starts + options.climbs
    states = []
    for number in range(options.starts):
        on_progress(number, steps)
        states.append(coarse_start(levels[0], options, number))
    misfits = [float(s.misfit) for s in states]
    ends: list[Ended] = []
    for done, number in enumerate(np.argsort(misfits)[: options.climbs], options.starts):
        on_progress(done, steps)
        ends += carried_up(levels, whole, states[number], int(number), options, known)
    on_progress(steps, steps)
    ends.sort(key=lambda end: end.polished.wrong)
    said = [estimate[lit[whole.asked]] for estimate in whole.estimates(ends)]
    members = chosen_members([estimate for estimate in said if np.isfinite(estimate).all()], known.counts)
    mean, std = whole.filled(ends, members)
    again = gapped_counts(counts, mask | faulty, prior_mean, prior_std)
    whole = WholeScan(again, mask, level_of(again, WHOLE, WHOLE_BORDER, options.device))
    last = given_back(whole, ends, members, options)
    mean[mask], std[mask] = (v[mask] for v in whole.filled(last, members))
    share = levels[0].shape[0] / levels[-1].shape[0]
    climbed = tuple(told(end, levels[-1], members.count(n)) for n, end in enumerate(ends))
    record = CrystalRecord(options, share, tuple(misfits), climbed, members.count(len(ends)), time.perf_counter() - began)
    return CrystalFill(mean, std, record)


@dataclass(frozen=True)
class WholeScan:
    """A scan on the whole level, and the voxels whose counts are asked for."""

    scan: GappedCounts
    asked: NDArray[np.bool_]
    """(frames, rows, columns)."""
    level: Level

    def expected(self, state: State) -> Field:
        """Counts that a state expects, as an array of the scan."""
        frames, rows, columns = self.scan.counts.shape
        expected = expected_counts(state.crystal, state.instrument, self.level.taper)[0].cpu().numpy()
        rolled: Field = np.roll(expected, self.scan.peak, (0, 1, 2))[:frames, :rows, :columns]
        return rolled

    def ended(self, number: int, found: Polished) -> Ended:
        """What one end of a start expects."""
        expected, measured = self.expected(found.state), ~self.scan.mask
        residuals = residual_variance(expected[measured], self.scan.counts[measured])
        efficiency = found.state.instrument.efficiency[0].cpu().numpy()
        uneven = unevenness(efficiency, self.level.target.sum(0).cpu().numpy())
        return Ended(number, found, expected[self.asked], residuals, uneven)

    def estimates(self, ends: list[Ended]) -> list[Field]:
        """Expected counts (voxels,) of every end and, last, of the prior."""
        return [*(end.expected for end in ends), self.scan.prior_mean[self.asked]]

    def filled(self, ends: list[Ended], members: list[int]) -> tuple[Field, Field]:
        """Mean and standard deviation (frames, rows, columns) from some of the estimates, NaN where none was asked for."""
        every = self.estimates(ends)
        mean, scatter = averaged([every[n] for n in members], self.asked)
        first = ends[min(members)]
        blind = np.broadcast_to(self.scan.mask.all(0), self.asked.shape)[self.asked]
        std = standard_deviation(mean, scatter, first.residuals, np.where(blind, np.float32(first.uneven), 0))
        volumes = np.full((2, *self.asked.shape), np.nan, np.float32)
        volumes[:, self.asked] = mean, std
        return volumes[0], volumes[1]


def gapped_counts(counts: Field, unknown: NDArray[np.bool_], prior_mean: Field, prior_std: Field) -> GappedCounts:
    """A scan as the search takes it; ``unknown`` is a bool array (frames, rows, columns)."""
    known = np.where(unknown, 0, counts).astype(np.float32)
    return GappedCounts(known, unknown, prior_mean, prior_std, brightest_voxel(known))


def levels_of(scan: GappedCounts, device: str) -> list[Level]:
    """Coarse to fine; the first holds half of the pattern along each axis, or three quarters where too much lies outside."""
    first = HALF if counts_outside(scan, HALF) < MOST_OUTSIDE else THREE_QUARTERS
    coarse = [level_of(scan, share, BORDER, device) for share in (HALF, THREE_QUARTERS) if share >= first]
    return [*coarse, level_of(scan, WHOLE, WHOLE_BORDER, device)]


def coarse_start(level: Level, options: CrystalOptions, number: int) -> State:
    """One random start taken through the search."""
    begin = random_starts(level, 1, start_generator(options.seed, number))
    return search(level, begin, TURNS, LOOSE, options.prior.search_mu)


def carried_up(
    levels: list[Level], whole: WholeScan, state: State, number: int, options: CrystalOptions, known: Hidden
) -> list[Ended]:
    """A start carried to the whole pattern: every end that is made of it."""

    def wrong(state: State) -> float:
        return poisson_deviance(whole.expected(state)[known.where], known.counts)

    state = climb(levels, state, options.prior, options.lifts)
    level = without_aliens(whole.level, state)
    return [whole.ended(number, found) for found in polished(level, state, options.prior.mu, wrong)]


def without_aliens(level: Level, state: State) -> Level:
    """The level less what a state on it cannot have scattered."""
    expected = expected_counts(state.crystal, state.instrument, level.taper)[0]
    arrays = (v.cpu().numpy() for v in (expected, level.target, level.measured))
    return level.without(torch.from_numpy(aliens(*arrays)).to(expected.device))


def given_back(whole: WholeScan, ends: list[Ended], members: list[int], options: CrystalOptions) -> list[Ended]:
    """The members among some ends fitted to a scan whose hidden counts are measured ones again."""
    last = list(ends)
    for n in set(members) - {len(ends)}:
        found = ends[n].polished
        level = without_aliens(whole.level, found.state)
        state = settled(level, found.state, GIVEN_BACK, found.kappa, options.prior.mu)
        last[n] = whole.ended(ends[n].number, replace(found, state=state))
    return last


def told(end: Ended, whole: Level, times: int) -> Climbed:
    """An end in figures."""
    state, found = end.polished.state, end.polished
    f, r, c = (float(w) for w in state.instrument.widths[0])
    background, loss = float(state.instrument.background), float(state.instrument.dead_time * whole.target.max())
    expected = expected_counts(state.crystal, state.instrument, whole.taper)
    misfits = float(state.misfit), float(noise_misfit(whole, expected, found.kappa, found.kappa))
    return Climbed(end.number, times, *misfits, found.kappa, found.share, found.wrong, (f, r, c), end.uneven, background, loss)
