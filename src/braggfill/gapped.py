"""A scan with gaps, and what several ways of filling it need to know about it, worked out once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from braggfill.gaps import Slab, voxels_to_fill


@dataclass(frozen=True)
class GappedScan:
    """What a fill sees: photon counts and what of them is not known."""

    counts: np.ndarray
    """float32 (frames, rows, columns), zero where not measured."""
    mask: np.ndarray
    """Bool (frames, rows, columns): True = not measured."""
    slabs: list[Slab]
    """What of it is to be filled."""
    device: str = "cpu"
    """Where kriging computes."""

    @cached_property
    def guess(self) -> np.ndarray:
        """Kriging's log(1 + expected counts), float32 (frames, rows, columns); NaN where nothing was estimated."""
        from braggfill.kriging import smoothed
        from braggfill.model import find_device

        return smoothed(self.counts, self.mask, self.slabs, find_device(self.device))

    @cached_property
    def wanted(self) -> np.ndarray:
        """Bool (frames, rows, columns): the voxels that are filled."""
        return voxels_to_fill(self.slabs, self.mask.shape)
