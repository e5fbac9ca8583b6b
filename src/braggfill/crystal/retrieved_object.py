"""The object behind a fill, for whoever wants to look at it; nothing that searched for it has to be loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from braggfill.crystal.search.kept import Kept


@dataclass(frozen=True)
class RetrievedObject:
    """An object that explains a scan; arrays are (frames, rows, columns), cut to its box.

    The squared modulus of its transform in an array of ``ring`` voxels is the pattern of fully coherent light.
    """

    crystal: NDArray[np.complex64]
    """Zero outside the support."""
    support: NDArray[np.bool_]
    ring: tuple[int, ...]
    """Shape of that array, which is somewhat larger than the scan."""

    @classmethod
    def of(cls, kept: "Kept") -> "RetrievedObject":
        """That of a kept state."""
        return cls(kept.cut.crystal.cpu().numpy(), kept.cut.support.cpu().numpy(), kept.shape)
