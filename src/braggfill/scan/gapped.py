"""A scan with gaps: what a fill sees, and the same arrays wherever a scan is filled, practised on or judged."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from braggfill.scan.gaps import MAX_WIDTH, Slab, find_slabs, voxels_to_fill


@dataclass(frozen=True, eq=False)
class GappedScan:
    """Photon counts, and what of them is not known; all arrays are (frames, rows, columns)."""

    counts: NDArray[np.float32]
    """Zero where not measured."""
    mask: NDArray[np.bool_]
    """True = not measured."""
    slabs: list[Slab]
    """What of it is to be filled."""
    guess: NDArray[np.float32] | None = None
    """First guess of log(1 + counts), NaN where there is none; None until one was made."""

    @classmethod
    def blanked(cls, counts: NDArray[np.float32], mask: NDArray[np.bool_], widest: int = MAX_WIDTH) -> "GappedScan":
        """Forget the counts that a mask says were not measured, both (frames, rows, columns), and find what can be filled.

        Counts below zero, where a background was subtracted, are taken for zero.
        """
        return cls(np.where(mask | (counts < 0), 0, counts).astype(np.float32, copy=False), mask, find_slabs(mask, widest))

    @cached_property
    def wanted(self) -> NDArray[np.bool_]:
        """The voxels that are filled, bool (frames, rows, columns)."""
        return voxels_to_fill(self.slabs, self.mask.shape)

    def laid_out(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Values (voxels,) of what is filled as an array (frames, rows, columns) that is NaN elsewhere."""
        volume = np.full(self.mask.shape, np.nan, np.float32)
        volume[self.wanted] = values
        return volume

    @property
    def first_guess(self) -> NDArray[np.float32]:
        """The guess (frames, rows, columns) of a scan that must have one."""
        if self.guess is None:
            raise ValueError("scan: got no first guess; expected one, as kriging makes it")
        return self.guess

    @property
    def sha256(self) -> str:
        """SHA-256 of counts and mask, as 64 hexadecimal digits."""
        return sha256_of(self.counts, self.mask)

    def seen_across(self, widest: int = MAX_WIDTH) -> "GappedScan":
        """The same scan with those gaps alone that a method sees across, ``widest`` between two banks."""
        return replace(self, slabs=find_slabs(self.mask, widest))

    def with_guess(self, guess: NDArray[np.float32]) -> "GappedScan":
        """The same scan with a first guess (frames, rows, columns)."""
        return replace(self, guess=guess)


def sha256_of(counts: NDArray[np.float32], mask: NDArray[np.bool_]) -> str:
    """SHA-256 of counts and mask, both (frames, rows, columns), as 64 hexadecimal digits."""
    return hashlib.sha256(counts.tobytes() + mask.tobytes()).hexdigest()
