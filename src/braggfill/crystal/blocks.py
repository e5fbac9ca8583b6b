"""Blocks of measured voxels that are kept from the search, and judge what it finds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from braggfill.scan.copies import bright


@dataclass(frozen=True)
class Blocks:
    """What is hidden of a scan; arrays are bool."""

    hidden: NDArray[np.bool_]
    """Measured voxels (frames, rows, columns)."""
    faulty: NDArray[np.bool_]
    """Pixels (rows, columns) that count by themselves, or never: they are neither fitted nor do they judge."""
    bright: NDArray[np.bool_]
    """Where the scan (frames, rows, columns) is bright enough to tell one fill from another."""

    @classmethod
    def of(cls, counts: NDArray[np.float32], faulty: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> "Blocks":
        """What is hidden of counts, both (frames, rows, columns), ``faulty`` pixels (rows, columns) among it."""
        return cls(hidden, faulty, bright(counts))

    @cached_property
    def sound(self) -> NDArray[np.bool_]:
        """Hidden voxels (frames, rows, columns) of sound pixels."""
        return self.hidden & ~self.faulty

    @cached_property
    def judging(self) -> NDArray[np.bool_]:
        """The bright ones of these (frames, rows, columns): fills of the others differ by less than their noise."""
        return self.sound & self.bright
