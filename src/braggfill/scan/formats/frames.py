"""The frames of a scan as they lie on disk, of which a box is read without the rest."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from braggfill.base.errors import InputError

Box = tuple[slice, slice, slice]
"""(frames, rows, columns)."""


class Frames(Protocol):
    """What an array, a dataset of HDF5 and several of them have in common: a shape, a type, and boxes that can be read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, columns)."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the values."""
        ...

    def __getitem__(self, box: Any, /) -> NDArray[Any]:
        """Read frames, rows and columns, each a slice, or all of it (an ellipsis)."""
        ...


class Stacked:
    """Frames of several files, one after another; a part without a third axis is one frame."""

    def __init__(self, parts: Sequence[Frames], name: str) -> None:
        if len({part.shape[-2:] for part in parts}) > 1:
            shapes = ", ".join(sorted({" × ".join(map(str, part.shape[-2:])) for part in parts}))
            raise InputError(f"scan {name}: got frames of {shapes} pixels, expected all of one size; take out what is no frame")
        self.parts = parts
        self.told = f"{len(parts)} files{', the frames of each summed' if isinstance(parts[0], Summed) else ''}"
        self.lengths = [part.shape[0] if len(part.shape) == 3 else 1 for part in parts]
        self.shape = (sum(self.lengths), *parts[0].shape[-2:])
        self.dtype: DTypeLike = np.result_type(*(part.dtype for part in parts))

    def __getitem__(self, box: Any) -> NDArray[Any]:
        """Read a box, or all with an ellipsis, which holds this and one frame at a time."""
        along, *spans = (slice(None),) * 3 if box is ... else box
        first, last, _ = along.indices(self.shape[0])
        size = [len(range(*s.indices(n))) for s, n in zip(spans, self.shape[1:], strict=True)]
        values = np.empty((max(last - first, 0), *size), self.dtype)
        start = 0
        for part, length in zip(self.parts, self.lengths, strict=True):
            for frame in range(max(first, start), min(last, start + length)):
                at = frame - start
                values[frame - first] = part[(at, *spans)] if len(part.shape) == 3 else part[tuple(spans)]
            start += length
        return values


class Summed:
    """The frames of one point of a scan, counted one after another, as one; a pixel lacks what any of them lacks."""

    def __init__(self, part: Frames) -> None:
        self.part, self.shape, self.dtype = part, part.shape[-2:], np.dtype(np.int64)

    def __getitem__(self, pixels: Any) -> NDArray[Any]:
        """Read rows and columns, each a slice, which holds this and one frame at a time; -1 is not measured."""
        largest = np.iinfo(self.part.dtype).max
        total: NDArray[Any] = np.zeros([len(range(*s.indices(n))) for s, n in zip(pixels, self.shape, strict=True)], np.int64)
        for number in range(self.part.shape[0]):
            frame = self.part[(number, *pixels)]
            total = np.where((total < 0) | (frame == largest) | (frame < 0), -1, total + frame.astype(np.int64))
        return total


def points_of(parts: Sequence[Frames], points: int | None) -> Sequence[Frames]:
    """The parts of a scan, or where each is a series of frames of one point, the sum of each.

    So they are if there is one for each of the ``points`` that a log tells, with more than one frame.
    """
    counts = all(len(part.shape) == 3 and np.dtype(part.dtype).kind in "iu" for part in parts)
    each = points is not None and len(parts) == points > 1
    return [Summed(part) for part in parts] if counts and each and any(part.shape[0] > 1 for part in parts) else parts
