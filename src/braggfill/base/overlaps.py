"""The mean of parts that overlap, such as portions that slide along a gap, or the arms of a cross where they meet."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Place = tuple[slice | NDArray[np.integer[Any]], ...]
"""Where a part lies: a slice for each axis, or indices none of which comes twice."""
Part = tuple[Place, NDArray[Any], bool | NDArray[np.bool_]]
"""(place, values, which of them count). The values may have further axes in front, which share their place."""


def overlap_mean(
    parts: Iterable[Part], shape: tuple[int, ...], sums: DTypeLike = np.float64, most: int = 2**31
) -> NDArray[np.floating[Any]]:
    """Average parts where they overlap.

    Parameters
    ----------
    parts : iterable of Part
        Taken one after the other; none is kept.
    shape : tuple of int
        Of the array in which they lie, ``(..., *shape)`` if they have further axes in front.
    sums : dtype
        In which they are added up: in float64, the default, parts of float32 that agree give back their value to the bit.
    most : int
        How many parts can lie on one place; fewer take less memory.

    Returns
    -------
    array (..., *shape) of ``sums``
        NaN where no part lies.
    """
    total: NDArray[np.floating[Any]] | None = None
    number = np.zeros(shape, np.min_scalar_type(most))
    for place, values, counted in parts:
        if total is None:
            total = np.zeros((*values.shape[: values.ndim - number[place].ndim], *shape), sums)
        total[..., *place] += values if counted is True else np.where(counted, values, 0)
        number[place] += counted
        del place, values, counted  # before the next part needs the memory
    if total is None:
        return np.full(shape, np.nan, sums)
    with np.errstate(invalid="ignore"):
        total /= number
    return total
