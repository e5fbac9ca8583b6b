"""Filling gaps by the crystal: the one finite object, seen by an imperfect instrument, that agrees with all measured counts.

Many starts are made on a coarse level, the best are carried to the whole pattern; what they expect in the gaps is averaged and
mixed with an estimate made without the crystal.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.metrics import poisson_deviance
from braggfill.base.tasks import Progress, Steps, Tick, name_phase
from braggfill.base.threads import side_by_side
from braggfill.crystal.climb import climb
from braggfill.crystal.coherence import expected_counts
from braggfill.crystal.decimation import Axes, decimated, fine_axes, on_every_line
from braggfill.crystal.kept import Kept
from braggfill.crystal.levels import WHOLE, GappedCounts, Level, shares_of, tapered_level
from braggfill.crystal.likelihood import misfit
from braggfill.crystal.mixture import Weights
from braggfill.crystal.outliers import aliens, faulty_pixels
from braggfill.crystal.polish import Begun, Polisher, first_fit, polished, settled
from braggfill.crystal.record import CrystalOptions, CrystalRecord
from braggfill.crystal.retrieved_object import RetrievedObject
from braggfill.crystal.search import FIRST_TURNS, TURNS, Fitting, State, random_starts, search, wrap_of
from braggfill.crystal.starts import first_support, start_generator
from braggfill.crystal.support import hidden_levels, in_best_support
from braggfill.crystal.whole import Ended, Field, WholeScan, told
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel

MORE_STARTS = 1.5
"""So many times the starts where the first turns are taken on a decimated level, where they take half the time or less."""
PROMISING = 2
"""Starts taken through a further turn for every one that is carried up, where it need not be quick."""
FURTHER_TURN, LAST_TURNS = slice(2, 3), slice(3, None)
"""Of the coarse search: of promising starts, and of those that are carried up."""
START_STEPS, FURTHER_STEPS, FIT_STEPS = len(TURNS[FIRST_TURNS]), 1 + len(TURNS[FURTHER_TURN]), 8
CLIMB_STEPS = len(TURNS[LAST_TURNS]) + 8
"""Most steps that progress counts in a start, in a further turn, in a climb, and in the fits after it."""
WORTH = 1.5
"""Those climbs are fitted further that leave at most so many times the best one's excess deviance of the hidden counts; where
it has to be quick the best alone."""
GIVEN_BACK, MOST_GIVEN = 40, 2
"""Evaluations of the loss with the hidden counts given back, and how many of those that count get them."""


@dataclass(frozen=True)
class CrystalFill:
    """What the crystal tells of a scan's gaps; arrays are float32 (frames, rows, columns), NaN where counts were measured."""

    mean: Field
    """Expected counts; where counts were hidden what was expected before they were given back."""
    std: Field
    record: CrystalRecord
    best: RetrievedObject
    """The one that tells the hidden counts best."""


@dataclass(frozen=True)
class Hidden:
    """Counts that were measured and kept from the search."""

    where: NDArray[np.bool_]
    """(frames, rows, columns)."""
    counts: Field
    """(voxels,)."""
    levels: list[Level]
    """All but the last of the scan, with these counts alone."""

    @classmethod
    def of(cls, scan: GappedCounts, where: NDArray[np.bool_], counts: Field, device: str) -> "Hidden":
        """Voxels of a scan that hides them, and their counts (voxels,)."""
        return cls(where, counts, hidden_levels(scan, where, counts, shares_of(scan)[:-1], device))


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
        Called with the steps made and their total, from several threads by turns.

    Returns
    -------
    CrystalFill
    """
    options, began = options or CrystalOptions(), time.perf_counter()
    faulty = faulty_pixels(counts, mask)
    scan = gapped_counts(counts, mask | hidden | faulty, prior_mean, prior_std)
    lit = hidden & bright(counts) & ~faulty
    shares = shares_of(scan)
    levels = [tapered_level(scan, share, options.device) for share in shares]
    whole = WholeScan(scan, mask | hidden, levels[-1])
    axes = fine_axes(levels[0], scan.fringes)
    starts = starts_made(options.starts, any(axes))
    promising = min(options.climbs * (PROMISING if options.thorough else 1), starts)
    each = starts * START_STEPS + promising * FURTHER_STEPS + options.climbs * (CLIMB_STEPS + FIT_STEPS)
    steps = Steps(on_progress, each + 1)
    search = CrystalSearch(levels, axes, whole, Hidden.of(scan, lit, counts[lit], options.device), options, steps)
    states = search.started(starts)
    ends = search.ended(search.taken_on(states, promising))
    judged = hidden & ~faulty
    said = [estimate[judged[whole.asked]] for estimate in whole.estimates(ends)]
    weights = Weights.chosen([e for e in said if np.isfinite(e).all()], said[0], counts[judged])
    mean, std = whole.filled(ends, weights)
    again = replace(scan, counts=np.where(mask | faulty, 0, counts).astype(np.float32), mask=mask | faulty)
    whole = WholeScan(again, mask, tapered_level(again, WHOLE, options.device))
    name_phase(on_progress, "last fit, hidden counts given back")
    last = given_back(whole, ends, weights, options)
    steps.advance(1)
    mean[mask], std[mask] = (v[mask] for v in whole.filled(last, weights))
    climbed = tuple(told(end, levels[-1], float(weights.shares[-1, n])) for n, end in enumerate(ends))
    prior = tuple(weights.shares[:, len(ends) :].sum(1).tolist())
    misfits = tuple(float(state.misfit) for state in states)
    record = CrystalRecord(options, shares[0], misfits, climbed, prior, time.perf_counter() - began)
    return CrystalFill(mean, std, record, RetrievedObject.of(last[0].polished.kept))


@dataclass(frozen=True)
class Promising:
    """A start on the whole of the coarse level."""

    number: int
    state: State
    fitting: Fitting
    """With the share at which hidden counts want its support cut."""
    wrong: float
    """Misfit of the hidden counts, or of all where none are hidden on that level."""


@dataclass(frozen=True)
class CrystalSearch:
    """The search of one scan's crystal: starts and climbs side by side, and what they report to."""

    levels: list[Level]
    axes: Axes
    """Along which every start begins with every other line of the first level."""
    whole: WholeScan
    known: Hidden
    options: CrystalOptions
    steps: Steps

    def started(self, starts: int) -> list[State]:
        """Random starts after the first turns, on the decimated level."""
        level = decimated(self.levels[0], self.axes)

        def start(number: int) -> State:
            begin = random_starts(level, 1, start_generator(self.options.seed, number))
            with self.steps.piece(START_STEPS) as tick:
                return search(level, begin, TURNS, self.options.prior.searching(wrap_of(number)), tick, FIRST_TURNS)

        name_phase(self.steps.on_progress, f"{starts} random starts")
        return side_by_side([partial(start, number) for number in range(starts)], self.steps.stop, self.options.device)

    def taken_on(self, states: list[State], most: int) -> list[Promising]:
        """The starts of least misfit through a further turn on the whole of the first level."""
        handicapped = [wrap_of(number).handicap * float(state.misfit) for number, state in enumerate(states)]
        chosen = np.argsort(handicapped)[:most].tolist()

        def further(number: int) -> Promising:
            with self.steps.piece(FURTHER_STEPS) as tick:
                return self._further(number, states[number], tick)

        name_phase(self.steps.on_progress, f"the best {len(chosen)} searched further")
        return side_by_side([partial(further, number) for number in chosen], self.steps.stop, self.options.device)

    def ended(self, promising: list[Promising]) -> list[Ended]:
        """What becomes of the best of them on the whole pattern, the ends that tell the hidden counts best first."""
        chosen = sorted(promising, key=lambda one: one.wrong)[: self.options.climbs]
        name_phase(self.steps.on_progress, f"the best {len(chosen)} carried to the whole pattern")
        device = self.options.device
        climbs = side_by_side([partial(self._climb, one) for one in chosen], self.steps.stop, device)
        most = (WORTH if self.options.thorough else 1.0) * min(climb.excess for climb in climbs)
        name_phase(self.steps.on_progress, "last fits, judged by hidden counts")
        pairs = zip(chosen, climbs, strict=True)
        last = [partial(self._end, one.number, climb, climb.excess <= most) for one, climb in pairs]
        ends = chain.from_iterable(side_by_side(last, self.steps.stop, device))
        return sorted(ends, key=lambda end: end.polished.wrong)

    def _further(self, number: int, state: State, tick: Tick) -> Promising:
        level, hidden, wrap = self.levels[0], self.known.levels[0], wrap_of(number)
        state = on_every_line(state, level, self.axes)
        state, fitting = in_best_support(level, hidden, state, self.options.prior.searching(wrap))
        tick()
        state = search(level, state, TURNS, fitting, tick, FURTHER_TURN)
        judge = hidden if hidden.measured.any() else level
        expected = expected_counts(state.crystal, state.instrument, level)
        return Promising(number, state, fitting, wrap.handicap * float(misfit(judge, expected, fitting.kappa)))

    def _climb(self, begun: Promising) -> Begun:
        with self.steps.piece(CLIMB_STEPS) as tick:
            return carried_up(self.levels, self.whole, begun, self.options, self.known, tick)

    def _end(self, number: int, begun: Begun, further: bool) -> list[Ended]:
        with self.steps.piece(FIT_STEPS) as tick:
            made = polished(begun, self.options.thorough, tick) if further else begun.made
        return [self.whole.ended(number, one) for one in made]


def gapped_counts(counts: Field, unknown: NDArray[np.bool_], prior_mean: Field, prior_std: Field) -> GappedCounts:
    """A scan as the search takes it; ``unknown`` is a bool array (frames, rows, columns)."""
    known = np.where(unknown, 0, counts).astype(np.float32)
    expected = np.where(unknown, np.nan_to_num(prior_mean), known).astype(np.float32)
    fringes = first_support(torch.from_numpy(expected))[1]
    return GappedCounts(known, unknown, prior_mean, prior_std, brightest_voxel(known), fringes)


def starts_made(asked: int, decimated: bool) -> int:
    """Random starts of a search that was asked for some, by whether they are made on a decimated level."""
    return round(asked * (MORE_STARTS if decimated else 1))


def carried_up(
    levels: list[Level], whole: WholeScan, begun: Promising, options: CrystalOptions, known: Hidden, tick: Tick
) -> Begun:
    """A start carried to the whole pattern and fitted there for the first time."""

    def wrong(state: State) -> float:
        return poisson_deviance(whole.expected(state)[known.where], known.counts)

    state = search(levels[0], begun.state, TURNS, begun.fitting, tick, LAST_TURNS)
    climbing = replace(options.prior.climbing(begun.fitting.wrap), share=begun.fitting.share)
    state, fitting = climb(levels, state, climbing, known.levels, options.thorough, tick)
    return first_fit(Polisher(without_aliens(whole.level, state), options.prior.mu, wrong), state, fitting.share)


def without_aliens(level: Level, state: State) -> Level:
    """The level less what a state on it cannot have scattered."""
    expected = expected_counts(state.crystal, state.instrument, level)[0]
    arrays = (v.cpu().numpy() for v in (expected, level.target, level.measured))
    return level.without(torch.from_numpy(aliens(*arrays)).to(expected.device))


def given_back(whole: WholeScan, ends: list[Ended], weights: Weights, options: CrystalOptions) -> list[Ended]:
    """Some ends, those that count most fitted to a scan whose hidden counts are measured ones again."""
    shares = weights.shares[:, : len(ends)].mean(0)
    most = np.argsort(-shares, kind="stable")[:MOST_GIVEN]

    def again(number: int) -> Ended:
        found = ends[number].polished
        if number in most:
            state, way = found.state, replace(found.way, evaluations=GIVEN_BACK)
            found = replace(found, kept=Kept.of(settled(without_aliens(whole.level, state), state, way, options.prior.mu)))
        return whole.ended(ends[number].number, found)

    chosen = sorted({0, *weights.used} - {len(ends)})
    found = side_by_side([partial(again, number) for number in chosen], device=options.device)
    last = dict(zip(chosen, found, strict=True))
    return [last.get(number, end) for number, end in enumerate(ends)]
