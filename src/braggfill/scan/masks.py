"""The mask of a scan, from its file, a file of its own, or the detector's name; and what the data say about it.

Whether a mask marks the bad or the good voxels is never guessed: 1 is bad, unless the user says otherwise.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.scan.choice import MaskChoice, Negatives
from braggfill.scan.counts import INVERTED_SHARE, as_mask, as_numbers, as_volume, measured_values
from braggfill.scan.detectors import closed_detector, detector_mask
from braggfill.scan.files import read_mask
from braggfill.scan.formats.contents import Cut, Scan

BANK = 4
"""Lines on both sides that tell how many counts a line should have had."""
FEWEST_COUNTS = 25.0
"""A line is silent if it should have counted this often and never did: by chance once in e²⁵."""
HOT_COUNTS, HOT_FACTOR = 5.0, 10.0
"""A pixel is hot from so many counts a frame above so many times those of all but one of its neighbours."""


def choose_mask(scan: Scan, choice: MaskChoice, ask: bool = False) -> NDArray[Any] | None:
    """The mask of a scan (frames, rows, columns) or of each frame (rows, columns), > 0 = not measured; None if there is none.

    Raises
    ------
    InputError
        If a file cannot be read, the detector does not fit the scan, or it is to be asked (``ask``) whether a mask is inverted.
    """
    stored = _cut_like(read_mask(choice.mask), scan.cut) if choice.mask else scan.mask
    stored = None if stored is None else as_numbers(stored, "mask")
    own = scan.provenance is not None and not choice.mask
    if ask and stored is not None and choice.mask_convention is None and not own and (question := half_masked(stored)):
        raise InputError(f"mask: {question}")
    if stored is not None and choice.mask_convention == "good1":
        stored = ~(stored > 0)
    if choice.again:
        stored = _with_filled(scan, stored)
    if choice.detector is None:
        if choice.roi is not None:
            raise InputError("roi: got a place in a detector's frame without the detector, expected its name; give --detector")
        return stored
    shape = as_volume(scan.intensity).shape
    _, rows, columns = scan.cut.shape if scan.cut else shape
    if choice.roi is None and closed_detector(choice.detector, (rows, columns)):
        return stored  # its gaps are opened later
    gaps = _cut_like(detector_mask(choice.detector, (rows, columns), choice.roi), scan.cut)
    return gaps if stored is None else as_mask(stored, shape) | gaps


def _cut_like(mask: NDArray[Any], cut: Cut | None) -> NDArray[Any]:
    """A mask, 2-D or 3-D, of all frames on disk cut like the scan; one of another shape as it is."""
    if cut is None or mask.ndim not in (2, 3) or mask.shape != tuple(cut.shape)[-mask.ndim :]:
        return mask
    return mask[cut.box[-mask.ndim :]]


def _with_filled(scan: Scan, stored: NDArray[Any] | None) -> NDArray[np.bool_]:
    """A mask (frames, rows, columns) and what a scan holds estimates of, which are forgotten, or InputError."""
    if scan.filled is None:
        raise InputError(f"again: got {scan.name}, in which nothing is marked as filled, expected a filled scan")
    shape = as_volume(scan.intensity).shape
    forgotten: NDArray[np.bool_] = as_mask(stored, shape) | as_mask(scan.filled, shape, "filled")
    return forgotten


def full_mask(intensity: NDArray[Any], mask: NDArray[Any] | None, negatives: Negatives | None = None) -> NDArray[np.bool_]:
    """What of a scan was not measured, bool, by its mask or by the voxels' values; all arrays are (frames, rows, columns)."""
    return measured_values(intensity, mask, negatives)[1]


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
    summed: NDArray[np.float64] = np.where(missing, 0, np.maximum(intensity, 0)).sum(0, dtype=float)
    return summed


def find_silent_lines(
    intensity: NDArray[Any], mask: NDArray[Any] | None = None, negatives: Negatives | None = None
) -> NDArray[np.bool_]:
    """Rows and columns of a detector that never count although those beside them do.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Photon counts.
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 = not measured.
    negatives : str, optional
        As for ``fill_gaps``.

    Returns
    -------
    bool array (rows, columns)
        True where a line has no counts in any frame, and by its neighbours on both sides should have had at least
        ``FEWEST_COUNTS``. Lines that the mask holds already are not among them.
    """
    missing = full_mask(intensity, mask, negatives)
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


def find_hot_pixels(intensity: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that count far more than those around them in at least half of the frames; a crystal does so only now and then.

    For a person who asks for it, before anything is known of the scan: so it takes none that could be a fringe, by the median
    frame and all but one of the neighbours, and no dead pixel. ``faulty.faulty_pixels``, which every fill by the
    crystal asks for itself, compares the darker half of the frames with the brighter one: it finds fainter pixels (30 counts
    over the scan), only those without a hot neighbour, and dead ones as well.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Photon counts.
    missing : bool array (frames, rows, columns)
        True = not measured.

    Returns
    -------
    bool array (rows, columns)
        True where the median over the frames is above ``HOT_COUNTS`` and ``HOT_FACTOR`` times the second largest of the eight
        around it: a hot pixel may have a hot neighbour, and the middle of a fringe is as bright as its surroundings.
    """
    usual = np.median(np.where(missing, 0, intensity), axis=0)
    height, width = usual.shape
    padded = np.pad(usual, 1)
    around = [padded[r : r + height, c : c + width] for r in range(3) for c in range(3) if (r, c) != (1, 1)]
    second = np.sort(np.stack(around), axis=0)[-2]
    hot: NDArray[np.bool_] = usual > HOT_COUNTS + HOT_FACTOR * second
    return hot


def half_masked(mask: NDArray[Any]) -> str | None:
    """A question if a mask (of any shape) covers so much that it may be inverted."""
    share = 1 - np.count_nonzero(mask <= 0) / max(mask.size, 1)
    if share <= INVERTED_SHARE:
        return None
    return (
        f"got {100 * share:.0f} % of the voxels marked as not measured, expected less than half; is the mask inverted? give "
        "--mask-convention good1 if 1 marks the good voxels in it, bad1 if it is right"
    )
