"""A scan on its whole level: what retrieved objects expect of it, one by one and together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import poisson_deviance
from braggfill.crystal.mixture import Values, Weights, averaged, residual_variance, standard_deviation
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import CountsWithPrior, Level
from braggfill.crystal.model.misfit import noise_misfit
from braggfill.crystal.model.shapes import Volume
from braggfill.crystal.model.windows import offsets
from braggfill.crystal.record import Climbed
from braggfill.crystal.search.efficiency import unevenness
from braggfill.crystal.search.polish import Polished
from braggfill.crystal.search.turns import State


@dataclass(frozen=True)
class Ended:
    """One end of a start on the whole level, and what it expects of the scan."""

    number: int
    """Of the start."""
    polished: Polished
    expected: Values
    """Counts (voxels,) where they are asked for."""
    noise_misfit: float
    """What its own counts would have with Poisson noise and if they varied by κ besides."""
    uneven: float
    """Spread of the pixels' log efficiencies."""


@dataclass(frozen=True)
class WholeScan:
    """A scan on the whole level, and the voxels whose counts are asked for."""

    scan: CountsWithPrior
    asked: NDArray[np.bool_]
    """(frames, rows, columns)."""
    level: Level

    def expected(self, state: State) -> Values:
        """Counts that a state expects, as an array of the scan."""
        return self.inside(expected_counts(state.crystal, state.instrument, self.level))

    def inside(self, light: Volume) -> Values:
        """An array of the level (frames, rows, columns) as one of the scan."""
        expected = light.cpu().numpy()
        places = (offsets(-p, n) % m for p, n, m in zip(self.scan.peak, self.scan.counts.shape, expected.shape, strict=True))
        inside: Values = expected[np.ix_(*places)]
        return inside

    def deviance(self, state: State, where: NDArray[np.bool_], counts: Values) -> float:
        """Mean Poisson deviance of counts (voxels,) somewhere in the scan (frames, rows, columns), as a state expects them."""
        return poisson_deviance(self.expected(state)[where], counts)

    def ended(self, number: int, found: Polished) -> Ended:
        """What one end of a start expects."""
        state, kappa = found.state, found.way.kappa
        light = expected_counts(state.crystal, state.instrument, self.level)
        noise = noise_misfit(self.level, light, kappa, kappa)
        efficiency = state.instrument.efficiency.cpu().numpy()
        uneven = unevenness(efficiency, (self.level.target * self.level.measured).sum(0).cpu().numpy())
        return Ended(number, found, self.inside(light)[self.asked], noise, uneven)

    def estimates(self, ends: list[Ended]) -> list[Values]:
        """Expected counts (voxels,) of every end and, last, of the prior."""
        return [*(end.expected for end in ends), self.scan.prior_mean[self.asked]]

    def filled(self, ends: list[Ended], weights: Weights) -> tuple[Values, Values]:
        """Mean and standard deviation (frames, rows, columns) from the estimates that count, NaN where none was asked for."""
        every, first = self.estimates(ends), ends[0]
        mean, scatter = averaged({n: every[n] for n in weights.used}, first.expected, weights, self.asked)
        blind = np.broadcast_to(self.scan.mask.all(0), self.asked.shape)[self.asked]
        model, measured = self.expected(first.polished.state), ~self.scan.mask
        residuals = residual_variance(model[measured], self.scan.counts[measured])
        std = standard_deviation(mean, scatter, residuals, np.where(blind, np.float32(first.uneven), 0))
        volumes = np.full((2, *self.asked.shape), np.nan, np.float32)
        volumes[:, self.asked] = mean, std
        return volumes[0], volumes[1]


def as_record(end: Ended, whole: Level, share: float) -> Climbed:
    """An end in figures; ``share`` is that of its start in the average where the scan is brightest."""
    found, state, way = end.polished, end.polished.state, end.polished.way
    f, r, c = (float(w) for w in state.instrument.widths)
    return Climbed(
        start=end.number,
        share=share,
        misfit=state.misfit,
        noise_misfit=end.noise_misfit,
        kappa=way.kappa,
        smoother=way.smoother,
        mu=way.mu,
        support_cut=way.cut,
        hidden_deviance=found.hidden_deviance,
        widths=(f, r, c),
        unevenness=end.uneven,
        background=float(state.instrument.background),
        dead_time_loss=float(state.instrument.dead_time * (whole.target * whole.measured).max()),
    )
