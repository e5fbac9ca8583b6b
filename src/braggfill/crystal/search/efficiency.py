"""The detector's own pattern: pixels that count more or less than others in every frame, where no flat field was applied.

A crystal's intensity at a pixel goes up and down from frame to frame; what stays the same in all frames is the pixel. On a
scan whose flat field varied by 20 % the efficiencies that a retrieved object leaves over follow that flat field, which it had
not seen, with a correlation of 0.89 (benchmarks/flat_field.py).
"""

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import ANSCOMBE, Level
from braggfill.crystal.model.shapes import Pixels
from braggfill.crystal.search.turns import State

SURE = 400.0
"""Inverse variance of a pixel's log efficiency from which on it tells how uneven the detector is: known to 5 %."""
EVEN = 0.02
"""A detector whose log efficiencies spread less than this is taken as even."""
MOST_LESS, MOST_MORE = 0.5, 1.0
"""Shares by which an efficiency may become less and more at a time."""


def efficiency_of(level: Level, state: State, kappa: float) -> Pixels:
    """Efficiencies of the detector's pixels (rows, columns) that agree best with what a state expects.

    Each has the Gaussian prior that the sure ones among them tell of; without a spread beyond their errors all are 1.
    """
    expected = expected_counts(state.crystal, state.instrument, level)
    weight = level.weighted(kappa) * level.measured / (expected + ANSCOMBE)
    precision = (weight * expected.square()).sum(0)
    step = (weight * expected * (level.target - expected)).sum(0) / precision.clamp(min=1e-6)
    log = state.instrument.efficiency.log() + step.clamp(-MOST_LESS, MOST_MORE).log1p()
    sure = precision > SURE
    variance = torch.where(sure, log.square() - 1 / precision.clamp(min=SURE), 0).sum() / sure.sum().clamp(min=1)
    spread = variance.clamp(min=0).sqrt()
    shrunk = log * precision / (precision + spread.clamp(min=EVEN) ** -2)
    return torch.where(spread > EVEN, shrunk, 0.0).exp()


def unevenness(efficiency: NDArray[np.float32], counts: NDArray[np.float32]) -> float:
    """Spread of log efficiencies (rows, columns), every pixel weighed by its counts (rows, columns) in all frames."""
    if efficiency.size == 1:
        return 0.0
    return float(np.sqrt(np.average(np.log(efficiency) ** 2, weights=counts)))
