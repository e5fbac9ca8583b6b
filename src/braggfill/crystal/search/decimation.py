"""Every other line of a level along axes that are sampled finely: the same object from a fraction of the voxels.

A pattern of six voxels a fringe, whose object fits six times into its array, is determined by half of its lines: the object
fits into half the array, and so does its autocorrelation. Only the counts between are not used yet. An iteration takes up to an
eighth of the time, and objects found so are as good to go on from.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from braggfill.crystal.model.autocorrelation import FAINT_SHARE, oversampling_of
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.shapes import Voxels
from braggfill.crystal.model.windows import Triple
from braggfill.crystal.search.turns import State, first_instrument, wide_enough

FINE = 6.0
"""Lengths of the object in the array from which on half of it holds the object, as its autocorrelation tells where it is faint:
its size there comes out a quarter too small, and where it is large, if phases are steep, up to three times."""
FEWEST_LINES = 24
"""Lines along an axis that are left at least."""
Axes = tuple[bool, bool, bool]
"""Whether every other line is taken along frames, rows and columns."""


def fine_axes(level: Level) -> Axes:
    """Along which axes of a level half of the lines are enough."""
    lengths = oversampling_of(level.target * level.taper, FAINT_SHARE)
    frames, rows, columns = (
        length >= FINE and n % 2 == 0 and n // 2 >= FEWEST_LINES for length, n in zip(lengths, level.shape, strict=True)
    )
    return frames, rows, columns


def decimated(level: Level, axes: Axes) -> Level:
    """The lines of a level at even distances from the peak, along some axes."""
    if not any(axes):
        return level
    every = tuple(slice(None, None, 2 if fine else 1) for fine in axes)
    frame, row, column = (-(-n // 2) if fine else n for n, fine in zip(level.first, axes, strict=True))
    tensors = (level.taper, level.target, level.weight, level.measured, level.high)
    return Level((frame, row, column), *(tensor[every].contiguous() for tensor in tensors))


def on_every_line(state: State, level: Level, axes: Axes) -> State:
    """A state found on a decimated level on the whole one: the object in a larger array, what surrounds it empty.

    Parameters
    ----------
    state : State
        On ``decimated(level, axes)``.
    level : Level
    axes : tuple of bool

    Returns
    -------
    State
        Of unknown misfit; of the instrument the widths are kept.
    """
    if not any(axes):
        return state
    middle = middle_of(state.support)
    crystal, support = (enlarged(array, middle, level.shape) for array in (state.crystal, state.support))
    scales = torch.tensor([2.0 if fine else 1.0 for fine in axes], device=crystal.device)
    instrument = wide_enough(replace(first_instrument(level), widths=scales * state.instrument.widths))
    return State(crystal, support, instrument)


def middle_of(support: Voxels) -> Triple:
    """Index of the middle of a support (frames, rows, columns) on a ring."""

    def along(axis: int) -> int:
        turn = 2 * np.pi / support.shape[axis]
        filled = support.sum(tuple({0, 1, 2} - {axis})).cpu().numpy()
        return round(float(np.angle((filled * np.exp(1j * turn * np.arange(len(filled)))).sum())) / turn) % len(filled)

    return along(0), along(1), along(2)


def enlarged(
    array: Shaped[Tensor, "frames rows columns"], middle: Triple, shape: Triple
) -> Shaped[Tensor, "more_frames more_rows more_columns"]:
    """An array (frames, rows, columns), its ``middle`` in the middle of a larger one that is empty around it."""
    centred = array.roll([n // 2 - m for n, m in zip(array.shape, middle, strict=True)], (0, 1, 2))
    larger = array.new_zeros(shape)
    there = tuple(slice(n // 2 - m // 2, n // 2 - m // 2 + m) for n, m in zip(shape, array.shape, strict=True))
    larger[there] = centred
    return larger
