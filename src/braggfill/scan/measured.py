"""Measured scans of many counts, to learn from and to judge by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.paths import PathLike
from braggfill.scan.counts import measured_values, scale_of
from braggfill.scan.files import read_scan
from braggfill.scan.gapped import sha256_of

THINNEST = 0.1
"""Largest share of a measured scan's photons that is kept."""


@dataclass(frozen=True)
class MeasuredScan:
    """A measured scan of so many counts that a tenth of them is as good as noise-free; arrays are (frames, rows, columns)."""

    name: str
    counts: NDArray[np.float32]
    """Whole numbers, zero where not measured."""
    mask: NDArray[np.bool_]
    """True = not measured."""

    @property
    def sha256(self) -> str:
        """SHA-256 of counts and mask, as 64 hexadecimal digits."""
        return sha256_of(self.counts, self.mask)

    def thinned(self, rng: np.random.Generator, peak_counts: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Expected and drawn counts (frames, rows, columns) as if measured with a lower dose.

        Every photon is kept with one probability, such that the brightest voxel expects ``peak_counts``, or a tenth of its own.
        """
        share = min(THINNEST, peak_counts / self.counts.max())
        drawn = rng.binomial(self.counts.astype(np.int64), share)
        return (self.counts * share).astype(np.float32), drawn.astype(np.float32)


def read_measured(address: PathLike) -> MeasuredScan:
    """Read a scan of whole counts to train on; what is masked or marked in it as not measured stays so."""
    scan = read_scan(address)
    if scan.filled is not None:
        raise InputError(f"measured {address}: got a scan that is filled already, expected one as it was measured")
    counts, mask = measured_values(scan.intensity, scan.mask)
    scale_of(counts, None)
    if counts.max() < 1:
        raise InputError(f"measured {address}: got a scan without counts, expected a Bragg peak")
    return MeasuredScan(scan.name, counts, mask)
