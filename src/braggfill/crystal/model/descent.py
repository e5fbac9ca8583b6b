"""Limited-memory BFGS.

References
----------
J. Nocedal, Math. Comput. 35, 773 (1980), https://doi.org/10.1090/S0025-5718-1980-0572855-7
"""

from collections import deque
from collections.abc import Callable, Sequence

from braggfill.crystal.model.shapes import Number, Parameters

MEMORY = 10
"""Steps whose curvature is remembered."""
SUFFICIENT = 1e-4
"""Share of the linear prediction by which a step has to lower the loss (Armijo)."""
SHORTER = 0.3
"""Factor on the length of a step that did not."""
PATIENCE = 10
"""Evaluations in which a loss has to fall by enough."""
Loss = Callable[[Parameters], tuple[Number, Parameters]]
"""From parameters (parameters,) to a loss and its gradient (parameters,)."""
Curvature = tuple[Parameters, Parameters, Number]
"""A step, the change of the gradient along it, and the inverse of their product."""


def descend(loss: Loss, parameters: Parameters, evaluations: int, enough: Number | float = 0.0) -> tuple[Parameters, Number]:
    """Lower a loss by so many evaluations; parameters should be scaled so that second derivatives are about 1.

    Parameters
    ----------
    loss : callable
    parameters : float32 tensor (parameters,)
    evaluations : int
        At most.
    enough : float, optional
        The descent ends where the loss has not fallen by more than this in ``PATIENCE`` evaluations.

    Returns
    -------
    parameters : float32 tensor (parameters,)
    loss : tensor ()
    """
    value, gradient = loss(parameters)
    memory: deque[Curvature | None] = deque(maxlen=MEMORY)
    length, direction = parameters.new_ones(()), -gradient
    values = deque([value], PATIENCE + 1)
    for _ in range(evaluations - 1):
        step = length * direction
        new_value, new_gradient = loss(parameters + step)
        if new_value <= value + SUFFICIENT * (step * gradient).sum():
            memory.append(curvature_along(step, new_gradient - gradient))
            parameters, value, gradient = parameters + step, new_value, new_gradient
            length, direction = length.new_ones(()), -quasi_newton(gradient, [c for c in memory if c])
        else:
            memory.append(None)
            length = SHORTER * length
        values.append(value)
        if len(values) > PATIENCE and values[0] - value <= enough:
            break
    return parameters, value


def curvature_along(step: Parameters, change: Parameters) -> Curvature | None:
    """What a step (parameters,) and the change of gradient along it (parameters,) tell; nothing if that is not positive."""
    product = (step * change).sum()
    return (step, change, 1 / product) if product > 1e-10 * change.square().sum() else None


def quasi_newton(gradient: Parameters, memory: Sequence[Curvature]) -> Parameters:
    """The inverse Hessian that remembered steps tell of, times a gradient (parameters,): both loops of Nocedal's recursion."""
    result, shares = gradient, []
    for step, change, inverse in reversed(memory):
        share = inverse * (step * result).sum()
        result = result - share * change
        shares.append(share)
    if memory:
        step, change, _ = memory[-1]
        result = (step * change).sum() / change.square().sum().clamp(min=1e-30) * result
    for (step, change, inverse), share in zip(memory, reversed(shares), strict=True):
        result = result + (share - inverse * (change * result).sum()) * step
    return result
