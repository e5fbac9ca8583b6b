"""Blocks of measured voxels that are kept from the search, and judge what it finds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braggfill.crystal.model.outliers import faulty_pixels
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
    def of(cls, counts: NDArray[np.float32], mask: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> "Blocks":
        """Of a scan's counts and mask (True = not measured), and what is hidden of it, all (frames, rows, columns)."""
        return cls(hidden, faulty_pixels(counts, mask), bright(counts))

    @property
    def sound(self) -> NDArray[np.bool_]:
        """Hidden voxels (frames, rows, columns) of sound pixels."""
        return self.hidden & ~self.faulty

    @property
    def judging(self) -> NDArray[np.bool_]:
        """The bright ones of these (frames, rows, columns): fills of the others differ by less than their noise."""
        return self.sound & self.bright
