"""Limited-memory BFGS for several starts at once: each has its own curvature and step, all share the transforms.

References
----------
J. Nocedal, Math. Comput. 35, 773 (1980), https://doi.org/10.1090/S0025-5718-1980-0572855-7
"""

from collections.abc import Callable

import torch

from braggfill.crystal.model.shapes import Parameters, PerStart

MEMORY = 10
"""Steps whose curvature is remembered."""
SUFFICIENT = 1e-4
"""Share of the linear prediction by which a step has to lower the loss (Armijo)."""
SHORTER = 0.3
"""Factor on the length of a step that did not."""
PATIENCE = 10
"""Evaluations in which a loss has to fall by enough."""
Loss = Callable[[Parameters], tuple[PerStart, Parameters]]
"""From parameters (starts, parameters) to losses (starts,) and gradients (starts, parameters)."""
Curvature = list[tuple[Parameters, Parameters, Parameters]]


def descend(
    loss: Loss, parameters: Parameters, evaluations: int, enough: PerStart | float = 0.0
) -> tuple[Parameters, PerStart]:
    """Lower a loss by so many evaluations; parameters should be scaled so that second derivatives are about 1.

    Parameters
    ----------
    loss : callable
    parameters : float32 tensor (starts, parameters)
    evaluations : int
        At most.
    enough : tensor (starts,), optional
        The descent ends where no start's loss has fallen by more than this in ``PATIENCE`` evaluations.

    Returns
    -------
    parameters : float32 tensor (starts, parameters)
    losses : tensor (starts,)
    """
    value, gradient = loss(parameters)
    curvature: Curvature = []
    length = torch.ones_like(parameters[:, 0])
    direction = -gradient
    before = [value]
    for _ in range(evaluations - 1):
        step = length[:, None] * direction
        new_value, new_gradient = loss(parameters + step)
        better = new_value <= value + SUFFICIENT * (step * gradient).sum(1)
        taken = better[:, None]
        made = (torch.where(taken, change, 0.0) for change in (step, new_gradient - gradient))
        curvature = [*curvature, remembered(*made)][-MEMORY:]
        parameters = torch.where(taken, parameters + step, parameters)
        value = torch.where(better, new_value, value)
        gradient = torch.where(taken, new_gradient, gradient)
        length = torch.where(better, 1.0, SHORTER * length)
        direction = torch.where(taken, -quasi_newton(gradient, curvature), direction)
        before = [*before, value][-PATIENCE - 1 :]
        if len(before) > PATIENCE and bool((before[0] - value <= enough).all()):
            break
    return parameters, value


def remembered(step: Parameters, change: Parameters) -> tuple[Parameters, Parameters, Parameters]:
    """A step, the change of gradient along it, and the inverse of their product; 0 where curvature is not positive."""
    product = (step * change).sum(1)
    usable = product > 1e-10 * change.square().sum(1)
    inverse = torch.where(usable, 1 / torch.where(usable, product, 1.0), 0.0)
    return step, change, inverse[:, None]


def quasi_newton(gradient: Parameters, curvature: Curvature) -> Parameters:
    """The inverse Hessian that the remembered steps tell of, times a gradient: the two loops of Nocedal's recursion."""
    result, shares = gradient, []
    for step, change, inverse in reversed(curvature):
        share = inverse * (step * result).sum(1, keepdim=True)
        result = result - share * change
        shares.append(share)
    scale = torch.ones_like(result[:, :1])
    for step, change, inverse in curvature:
        found = (step * change).sum(1, keepdim=True) / change.square().sum(1, keepdim=True).clamp(min=1e-30)
        scale = torch.where(inverse > 0, found, scale)
    result = scale * result
    for (step, change, inverse), share in zip(curvature, reversed(shares), strict=True):
        result = result + (share - inverse * (change * result).sum(1, keepdim=True)) * step
    return result
