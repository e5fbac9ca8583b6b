"""Boxes in a scan: parts of it that are worked on by themselves."""

import math
from collections.abc import Sequence

from braggfill.scan.gaps import Slab

Box = tuple[slice, slice, slice]
EVERYWHERE: Box = (slice(None), slice(None), slice(None))


def with_margin(box: Box, shape: Sequence[int], margin: int) -> tuple[Box, Box]:
    """A box widened by a margin inside the scan, and the place of the box in it."""
    spans = [s.indices(n) for s, n in zip(box, shape, strict=True)]
    frames, rows, columns = (slice(max(a - margin, 0), min(b + margin, n)) for (a, b, _), n in zip(spans, shape, strict=True))
    starts = (frames.start, rows.start, columns.start)
    inside = [slice(a - first, b - first) for (a, b, _), first in zip(spans, starts, strict=True)]
    return (frames, rows, columns), (inside[0], inside[1], inside[2])


def group_boxes(slabs: list[Slab], shape: tuple[int, ...], margin: int) -> list[tuple[Box, list[Slab]]]:
    """Boxes with a margin around the slabs in them; slabs share a box where that is no larger than theirs together."""
    groups: list[tuple[Box, list[Slab]]] = []
    for slab in slabs:
        frames, rows, columns = slab.bounds
        box, members = (frames, rows, columns), [slab]
        box, _ = with_margin(box, shape, margin)
        for other in list(groups):
            together = _union(box, other[0])
            if volume(together) <= volume(box) + volume(other[0]):
                groups.remove(other)
                box, members = together, other[1] + members
        groups.append((box, members))
    return groups


def _union(one: Box, other: Box) -> Box:
    frames, rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return frames, rows, columns


def volume(box: Box) -> int:
    """Number of voxels of a box."""
    return math.prod(s.stop - s.start for s in box)
