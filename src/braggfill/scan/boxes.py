"""Boxes in a scan: parts of it that are worked on by themselves."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import VanishedError
from braggfill.scan.formats.frames import Box as Box

if TYPE_CHECKING:
    from torch import Tensor

EVERYWHERE: Box = (slice(None), slice(None), slice(None))


def as_box(spans: Sequence[slice]) -> Box:
    """Spans of frames, rows and columns as a box."""
    frames, rows, columns = spans
    return frames, rows, columns


def bounding_box(inside: "NDArray[np.bool_] | Tensor", margin: int = 0) -> tuple[slice, ...]:
    """The smallest box round the True voxels of an array of any shape, and a margin where there is room: a slice an axis.

    Raises
    ------
    VanishedError
        If there is none.
    """
    if not inside.any():
        raise VanishedError
    spans = []
    for axis, length in enumerate(inside.shape):
        along = np.flatnonzero(inside.any(tuple(a for a in range(inside.ndim) if a != axis)).tolist())
        spans.append(slice(max(int(along[0]) - margin, 0), min(int(along[-1]) + 1 + margin, length)))
    return tuple(spans)


def with_margin(box: Box, shape: Sequence[int], margin: int) -> tuple[Box, Box]:
    """A box widened by a margin as far as a scan of some shape reaches, and the place of the box in it."""
    spans = [s.indices(n)[:2] for s, n in zip(box, shape, strict=True)]
    wider = as_box([slice(max(a - margin, 0), min(b + margin, n)) for (a, b), n in zip(spans, shape, strict=True)])
    return wider, as_box([slice(a - w.start, b - w.start) for (a, b), w in zip(spans, wider, strict=True)])


class Bounded(Protocol):
    """What lies in a box, such as a slab."""

    @property
    def bounds(self) -> Box:
        """The box."""
        ...


Member = TypeVar("Member", bound=Bounded)


def group_boxes(things: Iterable[Member], shape: Sequence[int], margin: int) -> list[tuple[Box, list[Member]]]:
    """Boxes with a margin around the slabs in them; slabs share a box where that is no larger than theirs together."""
    groups: list[tuple[Box, list[Member]]] = []
    for thing in things:
        (box, _), members = with_margin(thing.bounds, shape, margin), [thing]
        for other in list(groups):
            together = _union(box, other[0])
            if volume(together) <= volume(box) + volume(other[0]):
                groups.remove(other)
                box, members = together, other[1] + members
        groups.append((box, members))
    return groups


def _union(one: Box, other: Box) -> Box:
    return as_box([slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)])


def volume(box: Box) -> int:
    """Number of voxels of a box."""
    return math.prod(s.stop - s.start for s in box)
