"""What a training comes to as it goes on: a row of its curve, and the skill in a portion that it was not trained on."""

from dataclasses import dataclass

from torch import Tensor

from braggfill.base.metrics import poisson_deviance, skill

LEAST_EXCESS = 0.05
"""Portions whose linear fill is better than this (mean deviance from the expectation) say nothing about skill."""


@dataclass(frozen=True)
class CurvePoint:
    """One row of the training curve."""

    step: int
    loss: float
    validation_likelihood: float
    """Mean negative log-likelihood of the validation counts, relative to a perfect expectation without spread."""
    skill: float
    """Share of the log-linear fill's excess Poisson deviance that is removed, mean over the validation portions."""


def portion_skill(expected: Tensor, log_mean: Tensor, log_linear: Tensor) -> float | None:
    """Skill in a portion's bright voxels, at least -1; None where there is nothing to gain. All tensors are (voxels,)."""
    bright = expected > 0.5
    if not bright.any():
        return None
    truth, ours, linear = (v[bright].numpy() for v in (expected, log_mean.exp(), log_linear.exp()))
    return max(-1.0, skill(ours, linear, truth, floor=0.0)) if poisson_deviance(linear, truth) > LEAST_EXCESS else None
