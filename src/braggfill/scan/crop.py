"""Which part of a scan's frames is read: a box about the Bragg peak, which is looked for one frame at a time."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.scan.choice import MaskChoice
from braggfill.scan.counts import as_mask, as_numbers, unmeasured
from braggfill.scan.formats.contents import ChooseBox, is_marked
from braggfill.scan.formats.frames import Box, Frames

STRIP = 128
"""Rows of a frame that are looked at together: what is made of them on the way takes little beside the frame."""
MOST_SEARCHED = 10**12
"""Voxels in which the peak is looked for at most; reading so many takes half an hour."""


def box_chooser(crop: tuple[int, ...] | None, choice: MaskChoice | None = None) -> ChooseBox | None:
    """From frames on disk to the box that was asked for: three sizes about the peak, or first and last + 1 of each axis.

    The peak is looked for where the file's mask says that it was measured, unless the ``choice`` replaces that mask.
    """
    replaced, good1 = choice is not None and choice.mask is not None, choice is not None and choice.mask_convention == "good1"
    if crop is None:
        return None

    def choose(frames: Frames, mask: Any) -> Box:
        if len(frames.shape) != 3:
            raise InputError(f"crop: got data of shape {frames.shape}, expected three dimensions (frames, rows, columns)")
        mask = None if replaced else mask
        spans = _given(crop) if len(crop) == 6 else _about(find_peak(frames, mask, good1), crop, frames.shape)
        if not all(0 <= first < last <= length for (first, last), length in zip(spans, frames.shape, strict=True)):
            told = ", ".join(f"{first} to {last}" for first, last in spans)
            raise InputError(f"crop: got {told}, expected a part of the scan's {' × '.join(map(str, frames.shape))} voxels")
        (f0, f1), (r0, r1), (c0, c1) = spans
        return slice(f0, f1), slice(r0, r1), slice(c0, c1)

    return choose


def _given(crop: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(crop[::2], crop[1::2], strict=True))


def _about(peak: tuple[int, int, int], sizes: tuple[int, ...], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Spans of some sizes about the peak, moved inwards where they would reach beyond the frames."""
    spans = []
    for at, size, length in zip(peak, sizes, shape, strict=True):
        first = min(max(at - size // 2, 0), max(length - size, 0))
        spans.append((first, first + size))
    return spans


def find_peak(frames: Frames, mask: Any = None, good1: bool = False) -> tuple[int, int, int]:
    """Where the Bragg peak is: the brightest of the two by two pixels of a frame of which the faintest is brightest.

    A hot pixel, or two beside each other, is none. One frame is held at a time.

    Parameters
    ----------
    frames : Frames
        (frames, rows, columns), on disk or in memory.
    mask : array or dataset (frames, rows, columns) or (rows, columns), optional
        > 0 = not measured.
    good1 : bool
        > 0 = measured instead.

    Returns
    -------
    (frame, row, column)

    Raises
    ------
    InputError
        If there are no counts, or too many voxels to look through.
    """
    if math.prod(frames.shape) > MOST_SEARCHED:
        raise InputError(
            f"crop: got a scan of {' × '.join(map(str, frames.shape))} voxels, expected at most 1e12 in which to look for the "
            "peak; give first and last + 1 of each axis instead"
        )
    shape = tuple(frames.shape)
    flat = None if mask is None or len(mask.shape) == 3 else as_mask(_bad(mask[()], good1), shape)[0]
    brightest, peak = 0.0, (0, 0, 0)
    for number in range(frames.shape[0]):
        frame = frames[slice(number, number + 1), slice(None), slice(None)][0]
        own = flat if flat is not None else None if mask is None else _bad(mask[number], good1)
        for first in range(0, frame.shape[0], STRIP):
            rows = slice(first, first + STRIP + 1)  # the last begins the next strip
            least, at = _brightest_of_four(frame[rows], None if own is None else own[rows])
            if least > brightest:
                brightest, peak = least, (number, first + at[0], at[1])
    if brightest == 0:
        raise InputError("crop: got a scan without counts, expected a Bragg peak; give first and last + 1 of each axis instead")
    return peak


def _bad(mask: NDArray[Any], good1: bool) -> NDArray[np.bool_]:
    """Which values of a mask (of any shape) say that nothing was measured, bool like them."""
    numbers = as_numbers(mask, "mask")
    return ~(numbers > 0) if good1 else is_marked(numbers)


def _brightest_of_four(frame: NDArray[Any], missing: NDArray[np.bool_] | None) -> tuple[float, tuple[int, int]]:
    """The most counts of the faintest of two by two pixels in rows of a frame, and where the brightest of these four is."""
    bad = unmeasured(frame) if missing is None else unmeasured(frame) | missing
    block = _faintest_of_four(np.where(bad, 0, frame))
    if not block.size:
        return 0.0, (0, 0)
    row, column = (int(i) for i in np.unravel_index(int(block.argmax()), block.shape))
    down, right = np.unravel_index(int(frame[row : row + 2, column : column + 2].argmax()), (2, 2))
    return float(block[row, column]), (row + int(down), column + int(right))


def _faintest_of_four(frame: NDArray[Any]) -> NDArray[Any]:
    """The least of each two by two pixels of a frame (rows, columns)."""
    pairs = np.minimum(frame[:-1], frame[1:])
    least: NDArray[Any] = np.minimum(pairs[:, :-1], pairs[:, 1:])
    return least
