"""The mask of a scan, from its file, a file of its own, or the detector's name; and what the data say about it.

Whether a mask marks the bad or the good voxels is never guessed: 1 is bad, unless the user says otherwise.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from braggfill.base.errors import InputError
from braggfill.scan.counts import as_mask, as_volume, unmeasured
from braggfill.scan.detectors import detector_mask
from braggfill.scan.files import read_mask, read_scan
from braggfill.scan.formats.contents import Scan

Convention = Literal["bad1", "good1"]
BANK = 4
"""Lines on both sides that tell how many counts a line should have had."""
FEWEST_COUNTS = 25.0
"""A line is silent if it should have counted this often and never did: by chance once in e²⁵."""


@dataclass(frozen=True)
class MaskChoice:
    """Where the mask of a scan comes from."""

    mask: str | None = None
    """A file of its own, in place of the scan's."""
    mask_convention: Convention = "bad1"
    """Whether 1 marks the bad or the good voxels, in whichever mask is read."""
    detector: str | None = None
    """Name of a detector whose gaps are added."""
    roi: tuple[int, ...] | None = None
    """Place of the scan in the detector's frame: row, column of its first pixel; or first and last + 1 of both."""


def choose_mask(scan: Scan, choice: MaskChoice) -> np.ndarray | None:
    """The mask of a scan, > 0 = not measured; None if there is none.

    Raises
    ------
    InputError
        If a file cannot be read, or the detector does not fit the scan.
    """
    stored = read_mask(choice.mask) if choice.mask else scan.mask
    if stored is not None and choice.mask_convention == "good1":
        stored = ~(stored > 0)
    if choice.detector is None:
        if choice.roi is not None:
            raise InputError("roi: got a place in a detector's frame without the detector, expected its name; give --detector")
        return stored
    shape = as_volume(scan.intensity).shape
    gaps = detector_mask(choice.detector, (shape[1], shape[2]), choice.roi)
    return gaps if stored is None else as_mask(stored, shape) | gaps


def mask_for(address: str | None, choice: MaskChoice, find: bool = False) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """A mask by itself, to be looked at before it is used.

    Returns
    -------
    mask : bool array (frames, rows, columns), or (rows, columns) of a detector without a scan
        True = not measured, also by the voxels' values.
    counts : array (rows, columns) or None
        The scan's counts, summed over the frames.
    found : bool array (rows, columns)
        Silent lines that the mask does not hold; none unless they are asked for.
    """
    if address is None:
        made = _without_scan(choice)
        return made, None, np.zeros(made.shape[-2:], bool)
    scan = read_scan(address)
    values = as_volume(scan.intensity)
    made = as_mask(choose_mask(scan, choice), values.shape) | unmeasured(values)
    found = find_silent_lines(values, made) if find else np.zeros(values.shape[1:], bool)
    return made, np.where(made, 0, values).sum(0, dtype=float), found


def _without_scan(choice: MaskChoice) -> np.ndarray:
    """A mask file, the gaps of a detector, or both: bool."""
    if choice.mask is not None:
        stored = read_mask(choice.mask)
        blank = Scan(np.zeros((len(stored) if stored.ndim == 3 else 1, *stored.shape[-2:])), stored, choice.mask)
        made = as_mask(choose_mask(blank, replace(choice, mask=None)), blank.intensity.shape)
        return made if stored.ndim == 3 else made[0]
    if choice.detector is not None:
        return detector_mask(choice.detector, None, choice.roi)
    raise InputError("scan: got no scan, no mask and no detector, expected one of them")


def find_silent_lines(intensity: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
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
    values = as_volume(intensity)
    missing = unmeasured(values) | as_mask(mask, values.shape)
    counts = np.where(missing, 0, values).sum(0, dtype=float)
    covered = np.asarray(missing.all(0))
    found = np.zeros(counts.shape, bool)
    for axis in range(2):
        for first, last in _silent_runs(counts.sum(1 - axis), np.asarray(covered.all(1 - axis))):
            np.moveaxis(found, axis, 0)[first:last] = True
    return found & ~covered


def _silent_runs(totals: np.ndarray, masked: np.ndarray) -> list[tuple[int, int]]:
    """First and last + 1 of the runs of lines without counts between lines that count."""
    steps = np.diff(((totals == 0) & ~masked).astype(np.int8), prepend=0, append=0)
    runs = zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)
    return [(a, b) for a, b in runs if min(_beside(totals, masked, a, b)) * (b - a) >= FEWEST_COUNTS]


def _beside(totals: np.ndarray, masked: np.ndarray, first: int, last: int) -> list[float]:
    """Mean counts of the nearest measured lines on each side of a run; zero at the border, where nothing tells of it."""
    known = np.flatnonzero(~masked)
    sides = (known[known < first][-BANK:], known[known >= last][:BANK])
    return [float(totals[side].mean()) if side.size else 0.0 for side in sides]


def half_masked(mask: np.ndarray) -> str | None:
    """A sentence if a mask covers so much that it may be inverted."""
    share = float((mask > 0).mean())
    if share <= 0.5:
        return None
    return f"{100 * share:.0f} % is masked; is the mask inverted? 1 means not measured; else give --mask-convention good1"
