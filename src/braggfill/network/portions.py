"""The patching method: portions that slide along a gap, predictions averaged where they overlap.

After Masto et al. (2024), supplement S5, https://arxiv.org/abs/2403.08596. Along the gap's normal a portion is 32 voxels long
and centred on the gap; in the gap's plane it slides in steps of skip + 1 voxels, the last one flush with the border::

    normal ↑   . . . . . . . . . .        plane:  [0 … 31]
               | 32 voxels         |              [k+1 … k+32]
               #### gap ############                   …
               |                   |                     [n-32 … n-1]  flush
               . . . . . . . . . .  → plane

Without a skip the portions are as large as the plane itself: one pass and no inner borders.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from braggfill.base.overlaps import Part, overlap_mean
from braggfill.network.config import NORMAL, PORTION
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import Slab

LARGEST_PORTION = 320
"""Extent in the plane above which a single pass is cut into overlapping portions, to bound the memory."""
MARGIN = 16
"""Voxels of context kept around the target in the plane in a single pass, and by which large portions overlap twice."""
VOXELS_A_BATCH = 16 * NORMAL * PORTION**2
"""Voxels given to the predictor at once, unless one portion is larger."""

Kind = TypeVar("Kind", bound=np.generic)
Predicted = NDArray[np.floating[Any]]
Predictor = Callable[[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32], slice], Predicted]
"""(counts, measured, guess), each (batch, NORMAL, height, width), to quantities (n, batch, layers, height, width) of a span of
layers across the normal."""


@dataclass(frozen=True)
class Window:
    """Place of a portion in the gap's plane: corner and extent."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The portion's part of the plane; a portion larger than the plane reaches beyond it."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def window_offsets(length: int, size: int, step: int) -> list[int]:
    """Offsets of windows of ``size`` that cover ``length``: multiples of ``step``, the last one flush with the end."""
    last = max(length - size, 0)
    return [*range(0, last, step), last]


def sliding_windows(target: NDArray[np.bool_], skip: int) -> list[Window]:
    """Portions of 32 × 32 at every (skip + 1)-th place of the plane that touch the target (height, width)."""
    height, width = target.shape
    grid = [
        Window(top, left, PORTION, PORTION)
        for top in window_offsets(height, PORTION, skip + 1)
        for left in window_offsets(width, PORTION, skip + 1)
    ]
    return [w for w in grid if target[w.slices].any()]


def plane_windows(target: NDArray[np.bool_]) -> list[Window]:
    """As few portions as the memory allows: the target's surroundings (height, width) in one, or in large overlapping ones."""
    spans = []
    for axis, length in enumerate(target.shape):
        hit = np.flatnonzero(target.any(1 - axis))
        spans.append((max(hit[0] - MARGIN, 0), min(hit[-1] + 1 + MARGIN, length)))
    (top, bottom), (left, right) = spans
    size = [min(bottom - top, LARGEST_PORTION), min(right - left, LARGEST_PORTION)]
    step = LARGEST_PORTION - 2 * MARGIN
    grid = [
        Window(top + i, left + j, size[0], size[1])
        for i in window_offsets(bottom - top, size[0], step)
        for j in window_offsets(right - left, size[1], step)
    ]
    return [w for w in grid if target[w.slices].any()]


def along_normal(volume: NDArray[Kind], slab: Slab, beyond: float | bool) -> NDArray[Kind]:
    """The NORMAL voxels of a volume (frames, rows, columns) centred on a slab, normal in front (NORMAL, height, width).

    ``beyond`` stands in for what is beyond the border.
    """
    volume = np.moveaxis(volume, slab.axis, 0)
    start = normal_start(slab)
    inside = volume[max(start, 0) : start + NORMAL]
    before = max(-start, 0)
    if len(inside) == NORMAL:
        return inside
    return np.pad(inside, ((before, NORMAL - before - len(inside)), (0, 0), (0, 0)), constant_values=beyond)


def normal_start(slab: Slab) -> int:
    """Index along the normal at which the portions of a slab begin; negative where they reach beyond the array."""
    return slab.first + (slab.last - slab.first + 1) // 2 - NORMAL // 2


def extract(volume: NDArray[Kind], windows: list[Window], beyond: float | bool) -> NDArray[Kind]:
    """Cut portions (batch, NORMAL, height, width) from a volume (NORMAL, height, width), padded where they reach beyond it."""
    portions = np.full((len(windows), len(volume), windows[0].height, windows[0].width), beyond, volume.dtype)
    for portion, window in zip(portions, windows, strict=True):
        inside = volume[(slice(None), *window.slices)]
        portion[:, : inside.shape[1], : inside.shape[2]] = inside
    return portions


def laid_back(portions: Predicted, windows: list[Window], plane: tuple[int, ...]) -> Iterator[Part]:
    """Portions (quantities, batch, depth, height, width) as parts of a plane, less what reaches beyond it."""
    for i, window in enumerate(windows):
        inside = portions[:, i, :, : plane[0] - window.top, : plane[1] - window.left]
        yield window.slices, inside, True


def windows_for(slab: Slab, skip: int | None) -> list[Window]:
    """Portions that cover a slab: sliding ones, or for ``skip`` None the whole plane in one pass."""
    in_plane = np.any(slab.target, axis=0)
    return plane_windows(in_plane) if skip is None else sliding_windows(in_plane, skip)


def predict_slab(
    scan: GappedScan,
    slab: Slab,
    windows: list[Window],
    predictor: Predictor,
    on_portions: Callable[[int], None] = lambda done: None,
) -> Predicted:
    """Slide portions along a slab and average the predictions.

    Parameters
    ----------
    scan : GappedScan
        With its first guess.
    slab : Slab
        Where to predict.
    windows : list of Window
        Places of the portions, which together cover the slab's target.
    predictor : callable
        From portions to predicted quantities.
    on_portions : callable
        Called after every batch with the number of its portions.

    Returns
    -------
    float64 array (quantities, slab width, height, width)
        NaN where no portion lies.
    """
    around, measured = along_normal(scan.counts, slab, 0.0), ~along_normal(scan.mask, slab, True)
    guess = along_normal(scan.first_guess, slab, np.nan)
    first = slab.first - normal_start(slab)
    layers = slice(first, first + len(slab.target))
    batch = max(1, VOXELS_A_BATCH // (NORMAL * windows[0].height * windows[0].width))
    plane = slab.target.shape[1:]

    def parts() -> Iterator[Part]:
        for i in range(0, len(windows), batch):
            some = windows[i : i + batch]
            portions = extract(around, some, 0.0), extract(measured, some, False), extract(guess, some, np.nan)
            yield from laid_back(predictor(*portions, layers), some, plane)
            on_portions(len(some))

    return overlap_mean(parts(), plane)
