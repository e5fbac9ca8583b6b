"""Geometry of what was not measured: what a mask consists of, and along which axis each of its voxels can be filled.

Mask polarity, here and everywhere: True (1) = not measured. Axis order: (frame, row, column).

A method sees across a gap along one axis, the gap's normal. A voxel is visible along an axis if the masked run through it
ends at a measured voxel on both sides and is at most ``MAX_WIDTH`` long (phase retrieval, which looks at the whole scan, sees
farther), or ends at the array's border on one side and is at most ``MAX_WIDTH_ONE_BANK`` long. What no axis sees, such as the
middle of a cross, is looked at again once the visible voxels count as known, provided that it lies no farther from a measured
voxel than the middle of the widest cross does.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import scipy
from numpy.typing import NDArray

from braggfill.scan.boxes import Box, as_box, bounding_box

Kind = TypeVar("Kind", bound=np.generic)
AXIS_NAMES = ("frame", "row", "column")
MAX_WIDTH = 14
"""Widest gap with a bank on both sides that a method sees across, in voxels."""
MAX_WIDTH_ONE_BANK = 7
"""Widest gap at the array's border, in voxels: it can only be continued from one bank."""
WIDEST_MODULE_GAP = 41
"""Widest gap between modules of a detector in use, in voxels (Eiger; its others are 12 wide)."""
AXIS_PREFERENCE = (1, 2, 0)
"""Among equally short runs detector axes come first: the rocking axis is often the coarsest."""


@dataclass(frozen=True)
class Slab:
    """Voxels to fill that share their normal and the run along it."""

    axis: int
    first: int
    """First index along the normal."""
    last: int
    """Last index along the normal, included."""
    target: NDArray[np.bool_]
    """(last - first + 1, height, width), the normal moved to the front; read-only."""

    @property
    def bounds(self) -> Box:
        """Bounding box of the target in the array."""
        spans = [*bounding_box(np.any(self.target, axis=0))]
        spans.insert(self.axis, slice(self.first, self.last + 1))
        return as_box(spans)

    def within(self, volume: NDArray[Kind]) -> NDArray[Kind]:
        """The part of a volume (frames, rows, columns) that the target lies in: a view (normal, height, width)."""
        return np.moveaxis(volume, self.axis, 0)[self.first : self.last + 1]


@dataclass(frozen=True)
class Gap:
    """A part of the mask as a person would name it."""

    kind: str
    """``stripe``, ``cross arm``, ``box`` (any other connected region) or ``voxel``."""
    axis: int
    """The axis across which it lies: that of its smallest extent."""
    bounds: Box
    """Bounding box in the array."""
    voxels: int
    """Voxels that were not measured; a crossing belongs to both arms."""
    filled: int
    """How many of them can be filled."""

    @property
    def first(self) -> int:
        """First index along its axis."""
        return int(self.bounds[self.axis].start)

    @property
    def last(self) -> int:
        """Last index along its axis, included."""
        return int(self.bounds[self.axis].stop) - 1

    @property
    def width(self) -> int:
        """Extent along its axis in voxels."""
        return self.last - self.first + 1


def depth_of(widest: int) -> int:
    """Largest distance of a filled voxel from a measured one, in voxels: the middle of a cross 14 wide is 7√2 away."""
    return math.ceil(widest / math.sqrt(2))


def find_slabs(mask: NDArray[np.bool_], widest: int = MAX_WIDTH) -> list[Slab]:
    """Everything in a mask that can be filled, ordered by normal and place.

    Parameters
    ----------
    mask : bool array (frames, rows, columns)
        True = not measured.
    widest : int
        How far the method sees between two banks, in voxels.

    Returns
    -------
    list of Slab
        A voxel may be in several, one for each axis: then their predictions are averaged.
    """
    flat = one_frame_for_all(mask)
    runs = np.concatenate(
        [np.empty((0, 6), np.int64), *_visible_runs(flat, widest)]
    )  # (voxels, axis first last frame row column)
    keys, members, sizes = np.unique(runs[:, :3], axis=0, return_inverse=True, return_counts=True)
    voxels = np.split(runs[members.argsort(kind="stable"), 3:], np.cumsum(sizes)[:-1])
    slabs = []
    for (axis, first, last), at in zip(keys.tolist(), voxels, strict=True) if len(keys) else ():
        plane = [n for a, n in enumerate(flat.shape) if a != axis]
        target = np.zeros((last - first + 1, *plane), bool)
        target[(at[:, axis] - first, *(at[:, a] for a in range(3) if a != axis))] = True
        if len(flat) != len(mask):
            target = np.broadcast_to(target, (last - first + 1, len(mask), plane[1]))
        slabs.append(Slab(axis, first, last, target))
    return slabs


def voxels_to_fill(slabs: list[Slab], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Bool array (frames, rows, columns) of everything in the slabs."""
    wanted = np.zeros(shape, bool)
    for slab in slabs:
        slab.within(wanted)[...] |= slab.target
    return wanted


def number_voxels(wanted: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Place of each wanted voxel in the flat order of ``array[wanted]``, -1 elsewhere: int32 (frames, rows, columns)."""
    number = np.full(wanted.shape, -1, np.int32)
    number[wanted] = np.arange(np.count_nonzero(wanted))
    return number


def flat_places(slab: Slab, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Places (voxels,) of a slab's target in the flattened array, in the order of ``array[target]``, normal in front."""
    along, *plane = np.nonzero(slab.target)
    plane.insert(slab.axis, along + slab.first)
    return np.ravel_multi_index(plane, shape)


def find_gaps(mask: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> list[Gap]:
    """Name the parts of a mask: stripes across the whole array, arms of crosses, boxes, single voxels.

    Parameters
    ----------
    mask, wanted : bool arrays (frames, rows, columns)
        Not measured; of these, to be filled.

    Returns
    -------
    list of Gap
        Stripes and arms first; together they cover exactly the True voxels of the mask.
    """
    stripes = [(axis, slice(a, b)) for axis in range(3) for a, b in _full_planes(mask, axis)]
    kind = "cross arm" if len({axis for axis, _ in stripes}) > 1 else "stripe"
    rest, gaps = mask.copy(), []
    for axis, along in stripes:
        bounds = as_box([along if a == axis else slice(0, n) for a, n in enumerate(mask.shape)])
        rest[bounds] = False
        inside = wanted[bounds]
        gaps.append(Gap(kind, axis, bounds, inside.size, int(inside.sum())))
    return gaps + (list(_regions(rest, wanted)) if rest.any() else [])


def summarise_gaps(gaps: list[Gap]) -> list[dict[str, Any]]:
    """Gaps as JSON-ready rows: stripes and arms one by one, boxes and voxels of the same kind and width together."""

    def key(gap: Gap) -> tuple[Any, ...]:
        alone = gap.kind in ("stripe", "cross arm")
        return gap.kind, gap.axis, gap.width, (gap.first, gap.last) if alone else (-1, -1)

    rows = []
    for (kind, axis, width, (first, last)), members in groupby(sorted(gaps, key=key), key):
        group = list(members)
        row = {"kind": kind, "across": AXIS_NAMES[axis], "width": width}
        if first >= 0:
            row |= {"first": first, "last": last}
        counted = {"voxels": sum(g.voxels for g in group), "filled": sum(g.filled for g in group)}
        rows.append(row | {"number": len(group)} | counted)
    return rows


def one_frame_for_all(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The first frame (1, rows, columns) if all frames are masked alike, as detector gaps are, else the whole mask."""
    return mask[:1] if (mask == mask[:1]).all() else mask


def _full_planes(mask: NDArray[np.bool_], axis: int) -> list[tuple[int, int]]:
    """Start and stop of every run of wholly masked planes along an axis."""
    full = mask.all(axis=tuple(a for a in range(3) if a != axis)).astype(np.int8)
    steps = np.diff(full, prepend=0, append=0)
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _regions(rest: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Iterator[Gap]:
    """Connected regions, each across its smallest extent."""
    flat = one_frame_for_all(rest)
    labels, _ = scipy.ndimage.label(flat)
    for number, (frames, rows, columns) in enumerate(scipy.ndimage.find_objects(labels), 1):
        voxels = labels[frames, rows, columns] == number
        if len(flat) != len(rest):
            frames = slice(0, len(rest))
        filled = int((wanted[frames, rows, columns] & voxels).sum())
        extents = [len(rest) if a == 0 and len(flat) != len(rest) else n for a, n in enumerate(voxels.shape)]
        axis = min(AXIS_PREFERENCE, key=extents.__getitem__)
        count = int(voxels.sum()) * extents[0] // voxels.shape[0]
        yield Gap("voxel" if count == 1 else "box", axis, (frames, rows, columns), count, filled)


def _visible_runs(mask: NDArray[np.bool_], widest: int) -> Iterator[NDArray[np.int64]]:
    """Voxels that some axis sees, round by round: (voxels, 6) of axis, first and last of the run, frame, row, column."""
    left, depth = mask.copy(), None
    while left.any():
        voxels = np.argwhere(left)
        runs = np.stack([_runs(left, voxels, axis) for axis in range(3)])  # (axis, voxels, first and last)
        ends = np.array(mask.shape)[:, None] - 1
        length, banks = runs[..., 1] - runs[..., 0] + 1, (runs[..., 0] > 0).astype(int) + (runs[..., 1] < ends)
        visible = length <= np.array((0, MAX_WIDTH_ONE_BANK, widest))[banks]
        if depth is None:
            cost = np.where(visible, length + mask.size * (banks < 2), np.iinfo(np.int64).max)[list(AXIS_PREFERENCE)]
            best = np.array(AXIS_PREFERENCE)[cost.argmin(0)]
            visible &= best == np.arange(3)[:, None]
            depth = scipy.ndimage.distance_transform_edt(mask)
        else:
            visible &= depth[tuple(voxels.T)] <= depth_of(widest)
        seen = visible.any(0)
        if not seen.any():
            return
        for axis in range(3):
            chosen = visible[axis]
            yield np.column_stack([np.full(chosen.sum(), axis), runs[axis, chosen], voxels[chosen]])
        left[tuple(voxels[seen].T)] = False


def _runs(mask: NDArray[np.bool_], voxels: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    """First and last index (voxels, 2) of the masked run along an axis through each of the given voxels (voxels, 3)."""
    others = [a for a in range(3) if a != axis]
    plane = [mask.shape[a] for a in others]
    flat_places = np.ravel_multi_index(tuple(voxels[:, a] for a in others), plane)
    line_numbers, line_of_voxel = np.unique(flat_places, return_inverse=True)
    lines = np.moveaxis(mask, axis, -1)[np.unravel_index(line_numbers, plane)]  # (lines, length)
    n = mask.shape[axis]
    position = np.arange(n, dtype=np.int32)
    before = np.maximum.accumulate(np.where(lines, -1, position), 1)
    after = np.minimum.accumulate(np.where(lines, n, position)[:, ::-1], 1)[:, ::-1]
    at = line_of_voxel, voxels[:, axis]
    return np.stack([before[at] + 1, after[at] - 1], 1).astype(np.int64)
