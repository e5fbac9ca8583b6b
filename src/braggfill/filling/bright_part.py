"""The part of a large scan that its crystal is looked for in: what is brightest, as many voxels as time and memory allow.

What lies farther out is too faint to say much of the crystal, and the network fills it as well.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from braggfill.filling.terms import Estimate
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import WIDEST_MODULE_GAP

SHORTEST = 32
"""Voxels along an axis that a part keeps at least."""
Part = tuple[slice, slice, slice]
"""Of frames, rows and columns."""


def bright_part(counts: NDArray[np.float32], mask: NDArray[np.bool_], most: int) -> Part:
    """The scan less its darkest faces, one after the other, until it has few enough voxels.

    Parameters
    ----------
    counts : float32 array (frames, rows, columns)
    mask : bool array (frames, rows, columns)
        True = not measured.
    most : int
        Voxels that the part may have; it has more where every axis is at its shortest.
    """
    part = [slice(0, n) for n in counts.shape]
    while np.prod([s.stop - s.start for s in part]) > most:
        faces = [(axis, end) for axis, s in enumerate(part) if s.stop - s.start > SHORTEST for end in (s.start, s.stop - 1)]
        if not faces:
            break
        axis, end = min(faces, key=lambda face: _brightness(counts, mask, part, *face))
        s = part[axis]
        part[axis] = slice(s.start + 1, s.stop) if end == s.start else slice(s.start, s.stop - 1)
    f, r, c = part
    return f, r, c


def _brightness(counts: NDArray[np.float32], mask: NDArray[np.bool_], part: list[slice], axis: int, end: int) -> float:
    """Mean measured count of a part's face at one ``end`` of an axis, or where that lies in a gap of the first beyond it."""
    s = part[axis]
    for at in range(s.start, s.stop) if end == s.start else reversed(range(s.start, s.stop)):
        face = tuple(at if a == axis else other for a, other in enumerate(part))
        measured = ~mask[face]
        if measured.any():
            return float(counts[face][measured].mean())
    return 0.0


def filled_in_part(
    scan: GappedScan,
    part: Part,
    inside: Callable[[GappedScan], Estimate],
    outside: Callable[[GappedScan], Estimate],
) -> Estimate:
    """One estimate in a part of a scan, where a crystal is behind it, and another elsewhere.

    Parameters
    ----------
    scan : GappedScan
    part : Part
    inside, outside : callables
        From a scan to its estimate: of the part, and of the whole.
    """
    cut = GappedScan.blanked(scan.counts[part], scan.mask[part], WIDEST_MODULE_GAP)
    ours, other = inside(cut), outside(scan)
    shape = " × ".join(f"{s.stop - s.start}" for s in part)
    record = {**ours.record, **other.record, "part": [[s.start, s.stop] for s in part]}
    if ours.crystal is None:
        return other.told(f"{ours.sentence}; looked at were {shape} voxels about the peak", record)
    mean, std = (scan.laid_out(values) for values in (other.mean, other.std))
    known = np.isfinite(ours.mean)
    where = np.zeros_like(scan.mask)
    where[part][cut.wanted] = known
    mean[where], std[where] = ours.mean[known], ours.std[known]
    both = replace(
        ours,
        mean=mean[scan.wanted].astype(float),
        std=std[scan.wanted].astype(float),
        weights_sha256=ours.weights_sha256 or other.weights_sha256,
        sentence=other.sentence,
    )
    return both.told(f"{ours.sentence}; looked for in {shape} voxels about the peak, the network fills elsewhere", record)
