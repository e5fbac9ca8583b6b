"""Geometry of what was not measured: a mask is split into stripes, arms of crosses, boxes and single voxels.

Mask polarity, here and everywhere: True (1) = not measured. Axis order: (frame, row, column).
Every gap has a normal, the axis along which it is narrowest; methods look across the gap along it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy import ndimage

AXIS_NAMES = ("frame", "row", "column")
MAX_WIDTH = 14
"""Widest gap with a measured bank on both sides that a method sees across, in voxels."""
MAX_WIDTH_ONE_BANK = 7
"""Widest gap at the array's border, in voxels: it can only be continued from one bank."""


@dataclass(frozen=True)
class Gap:
    """A connected region that was not measured."""

    kind: str
    """``stripe``, ``cross arm``, ``box`` or ``voxel``."""
    axis: int
    """The normal: the axis along which the gap is narrowest."""
    bounds: tuple[slice, slice, slice]
    """Bounding box in the array."""
    voxels: np.ndarray
    """Bool, the shape of ``bounds``: True where the box belongs to the gap."""
    banks: int
    """Sides of the gap along its normal that lie inside the array: 0, 1 or 2."""

    @property
    def first(self) -> int:
        """First index along the normal."""
        return self.bounds[self.axis].start

    @property
    def last(self) -> int:
        """Last index along the normal, included."""
        return self.bounds[self.axis].stop - 1

    @property
    def width(self) -> int:
        """Extent along the normal in voxels."""
        return self.last - self.first + 1

    @property
    def fillable(self) -> bool:
        """Whether a method can see across."""
        return self.width <= (0, MAX_WIDTH_ONE_BANK, MAX_WIDTH)[self.banks]


@dataclass(frozen=True)
class Slab:
    """Gaps with the same normal, first and last index, to be filled in one go."""

    axis: int
    first: int
    last: int
    target: np.ndarray
    """Bool (last - first + 1, height, width): the voxels to fill, the normal moved to the front."""


def find_gaps(mask: np.ndarray) -> list[Gap]:
    """Split a mask into gaps.

    Stripes across the whole array come first; where stripes of two axes meet they are arms of a cross and share the voxels of
    the crossing. What is left is split into connected regions, and regions too wide in every direction into their
    narrow parts.

    Parameters
    ----------
    mask : bool array (frames, rows, columns)
        True = not measured.

    Returns
    -------
    list of Gap
        Together they cover exactly the True voxels of the mask.
    """
    stripes = [_stripe(mask.shape, axis, first, last) for axis in range(3) for first, last in _full_planes(mask, axis)]
    if len({s.axis for s in stripes}) > 1:
        stripes = [Gap("cross arm", s.axis, s.bounds, s.voxels, s.banks) for s in stripes]
    rest = mask.copy()
    for stripe in stripes:
        rest[stripe.bounds] = False
    return stripes + (_regions(rest, mask) if rest.any() else [])


def _full_planes(mask: np.ndarray, axis: int) -> list[tuple[int, int]]:
    """First and last index of every run of wholly masked planes along an axis."""
    full = mask.all(axis=tuple(a for a in range(3) if a != axis)).astype(np.int8)
    steps = np.diff(full, prepend=0, append=0)
    return list(zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True))


def _stripe(shape: tuple[int, ...], axis: int, first: int, last: int) -> Gap:
    bounds = tuple(slice(first, last + 1) if a == axis else slice(0, n) for a, n in enumerate(shape))
    voxels = np.ones([s.stop - s.start for s in bounds], bool)
    return Gap("stripe", axis, bounds, voxels, _banks(first, last, shape[axis]))  # type: ignore[arg-type]


def _banks(first: int, last: int, length: int) -> int:
    return int(first > 0) + int(last < length - 1)


def _regions(rest: np.ndarray, mask: np.ndarray) -> list[Gap]:
    """Connected regions of ``rest``, a part of ``mask``, each with the axis of its shortest masked runs as normal.

    A region too wide in every direction gives up its narrow parts first; what remains is looked at by itself.
    """
    where = np.nonzero(rest)
    runs = np.stack([_run_lengths(mask, where, axis) for axis in range(3)])
    labels, count = ndimage.label(rest)
    region = labels[where] - 1
    longest = np.stack([ndimage.maximum(r, region, np.arange(count)) for r in runs])[:, region]
    deciding = np.where(longest.min(0) <= MAX_WIDTH, longest, runs)
    normal, wide = deciding.argmin(0), deciding.min(0) > MAX_WIDTH
    if wide.all():
        normal, wide = longest.argmin(0), np.zeros_like(wide)
    gaps = [gap for axis in range(3) for gap in _components(where, (normal == axis) & ~wide, axis, mask.shape)]
    if wide.any():
        remainder = np.zeros_like(rest)
        remainder[tuple(w[wide] for w in where)] = True
        gaps += _regions(remainder, remainder)
    return gaps


def _components(where: tuple[np.ndarray, ...], chosen: np.ndarray, axis: int, shape: tuple[int, ...]) -> Iterator[Gap]:
    """Connected components of the chosen voxels as gaps with the given normal."""
    if not chosen.any():
        return
    part = np.zeros(shape, bool)
    part[tuple(w[chosen] for w in where)] = True
    labels, _ = ndimage.label(part)
    for number, bounds in enumerate(ndimage.find_objects(labels), 1):
        voxels = labels[bounds] == number
        banks = _banks(bounds[axis].start, bounds[axis].stop - 1, shape[axis])
        yield Gap("voxel" if voxels.size == 1 else "box", axis, bounds, voxels, banks)


def _run_lengths(mask: np.ndarray, where: tuple[np.ndarray, ...], axis: int) -> np.ndarray:
    """Length along an axis of the masked run through each of the given voxels (voxels,)."""
    others = tuple(w for a, w in enumerate(where) if a != axis)
    plane = [n for a, n in enumerate(mask.shape) if a != axis]
    line_numbers, line_of_voxel = np.unique(np.ravel_multi_index(others, plane), return_inverse=True)
    lines = np.moveaxis(mask, axis, -1)[np.unravel_index(line_numbers, plane)]  # (lines, length)
    n = mask.shape[axis]
    position = np.arange(n, dtype=np.int32)
    before = np.maximum.accumulate(np.where(lines, -1, position), 1)
    after = np.minimum.accumulate(np.where(lines, n, position)[:, ::-1], 1)[:, ::-1]
    return (after - before - 1)[line_of_voxel, where[axis]]


def slabs(gaps: list[Gap], shape: tuple[int, ...]) -> list[Slab]:
    """Join gaps that share normal, first and last index, so that one pass over the plane serves them all."""

    def key(gap: Gap) -> tuple[int, int, int]:
        return gap.axis, gap.first, gap.last

    joined = []
    for (axis, first, last), members in groupby(sorted(gaps, key=key), key):
        plane = [n for a, n in enumerate(shape) if a != axis]
        target = np.zeros((last - first + 1, *plane), bool)
        for gap in members:
            inside = tuple(s for a, s in enumerate(gap.bounds) if a != axis)
            target[(slice(None), *inside)] |= np.moveaxis(gap.voxels, axis, 0)
        joined.append(Slab(axis, first, last, target))
    return joined


def voxels_to_fill(gaps: list[Gap], shape: tuple[int, ...]) -> np.ndarray:
    """Bool array of the voxels that the fillable gaps cover and no gap too wide does."""
    fill = np.zeros(shape, bool)
    for gap in sorted(gaps, key=lambda g: not g.fillable):
        fill[gap.bounds] = np.where(gap.voxels, gap.fillable, fill[gap.bounds])
    return fill
