"""The mask of a scan, from its file, a file of its own, or the detector's name; and what the data say about it.

Whether a mask marks the bad or the good voxels is never guessed: 1 is bad, unless the user says otherwise.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.scan.choice import MaskChoice
from braggfill.scan.counts import as_mask, as_numbers, as_volume, unmeasured
from braggfill.scan.detectors import detector_mask
from braggfill.scan.files import read_mask
from braggfill.scan.formats.contents import Scan

BANK = 4
"""Lines on both sides that tell how many counts a line should have had."""
FEWEST_COUNTS = 25.0
"""A line is silent if it should have counted this often and never did: by chance once in e²⁵."""


def choose_mask(scan: Scan, choice: MaskChoice) -> NDArray[Any] | None:
    """The mask of a scan (frames, rows, columns) or of each frame (rows, columns), > 0 = not measured; None if there is none.

    Raises
    ------
    InputError
        If a file cannot be read, or the detector does not fit the scan.
    """
    stored = read_mask(choice.mask) if choice.mask else scan.mask
    if stored is not None and choice.mask_convention == "good1":
        stored = ~(as_numbers(stored, "mask") > 0)
    if choice.detector is None:
        if choice.roi is not None:
            raise InputError("roi: got a place in a detector's frame without the detector, expected its name; give --detector")
        return stored
    shape = as_volume(scan.intensity).shape
    gaps = detector_mask(choice.detector, (shape[1], shape[2]), choice.roi)
    return gaps if stored is None else as_mask(stored, shape) | gaps


def full_mask(intensity: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[np.bool_]:
    """What of a scan was not measured, bool, by its mask or by the voxels' values; all arrays are (frames, rows, columns)."""
    values = as_volume(intensity)
    missing: NDArray[np.bool_] = as_mask(mask, values.shape) | unmeasured(values)
    return missing


def mask_without_scan(choice: MaskChoice) -> NDArray[np.bool_]:
    """A mask file, the gaps of a detector, or both: (frames, rows, columns), or (rows, columns) where no frame is named."""
    if choice.mask is not None:
        stored = read_mask(choice.mask)
        blank = Scan(np.zeros((len(stored) if stored.ndim == 3 else 1, *stored.shape[-2:])), stored, choice.mask)
        made = as_mask(choose_mask(blank, replace(choice, mask=None)), blank.intensity.shape)
        return made if stored.ndim == 3 else made[0]
    if choice.detector is not None:
        return detector_mask(choice.detector, None, choice.roi)
    raise InputError("scan: got no scan, no mask and no detector, expected one of them")


def summed_counts(intensity: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measured counts summed over the frames (rows, columns), from intensity and missing, both (frames, rows, columns)."""
    summed: NDArray[np.float64] = np.where(missing, 0, intensity).sum(0, dtype=float)
    return summed


def find_silent_lines(intensity: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    """Rows and columns of a detector that never count although those beside them do.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Photon counts.
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 = not measured.

    Returns
    -------
    bool array (rows, columns)
        True where a line has no counts in any frame, and by its neighbours on both sides should have had at least
        ``FEWEST_COUNTS``. Lines that the mask holds already are not among them.
    """
    missing = full_mask(intensity, mask)
    counts = summed_counts(intensity, missing)
    covered = np.all(missing, axis=0)
    found: NDArray[np.bool_] = np.zeros(counts.shape, bool)
    for axis in range(2):
        for first, last in _silent_runs(counts.sum(1 - axis), np.all(covered, axis=1 - axis)):
            np.moveaxis(found, axis, 0)[first:last] = True
    found[covered] = False
    return found


def _silent_runs(totals: NDArray[np.float64], masked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last + 1 of the runs of lines without counts between lines that count."""
    steps = np.diff(((totals == 0) & ~masked).astype(np.int8), prepend=0, append=0)
    runs = zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)
    return [(a, b) for a, b in runs if min(_beside(totals, masked, a, b)) * (b - a) >= FEWEST_COUNTS]


def _beside(totals: NDArray[np.float64], masked: NDArray[np.bool_], first: int, last: int) -> list[float]:
    """Mean counts of the nearest measured lines on each side of a run; zero at the border, where nothing tells of it."""
    known = np.flatnonzero(~masked)
    sides = (known[known < first][-BANK:], known[known >= last][:BANK])
    return [float(totals[side].mean()) if side.size else 0.0 for side in sides]


def half_masked(mask: NDArray[Any]) -> str | None:
    """A sentence if a mask (of any shape) covers so much that it may be inverted."""
    share = float((mask > 0).mean())
    if share <= 0.5:
        return None
    return f"{100 * share:.0f} % is masked; is the mask inverted? 1 means not measured; else give --mask-convention good1"
