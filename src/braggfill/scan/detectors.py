"""Which pixels a detector lacks: the gaps between its chips and modules, in the full frame and in a crop of it.

Beamlines also mask the enlarged pixels at the edges of the chips, which count for more than one; so does this table. What
is not in it is looked up in pyFAI, which counts only the pixels that are not there. Defects of a single instrument belong in
a mask of its own. Rows and columns are counted from zero, ends are excluded.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.limits import check_whole_numbers
from braggfill.base.paths import as_name

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Detector:
    """A detector's frame and what is missing in it."""

    shape: tuple[int, int]
    """Rows, columns."""
    rows: Spans = ()
    """First and last + 1 of the rows that are missing."""
    columns: Spans = ()
    aliases: tuple[str, ...] = ()
    """Other names at beamlines, as in cdiutils."""
    closed: bool = False
    """Whether files hold its frames without the gaps, chip beside chip."""

    @property
    def shape_without_gaps(self) -> tuple[int, int]:
        """Rows, columns of its frames in files that leave the gaps out."""
        height, width = self.shape
        return height - sum(b - a for a, b in self.rows), width - sum(b - a for a, b in self.columns)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Bool (rows, columns): True = not measured."""
        missing = np.zeros(self.shape, bool)
        for first, last in self.rows:
            missing[first:last] = True
        for first, last in self.columns:
            missing[:, first:last] = True
        return missing


DETECTORS = {
    "maxipix": Detector((516, 516), ((255, 261),), ((255, 261),), ("mpx4inr", "mpx1x4", "mpxgaas", "maxipix2x2")),
    "merlin": Detector((515, 515), ((255, 260),), ((255, 260),), ("merlinquad",)),
    "merlin_sixs": Detector((512, 512), ((254, 257),), ((254, 257),)),
    "34idctim2": Detector((517, 516), ((256, 261),), ((256, 260),), ("timepixquad",), closed=True),
    "34idctim1": Detector((256, 256), aliases=("timepix",)),
    "eiger500k": Detector((512, 1028), aliases=("e500k", "e2500")),
    "eiger2m": Detector(
        (2164, 1030),
        ((255, 259), (511, 552), (804, 809), (1061, 1102), (1355, 1359), (1611, 1652), (1905, 1909)),
        ((255, 259), (513, 517), (771, 775)),
        ("e2m",),
    ),
    "eiger4m": Detector((2167, 2070), ((513, 552), (1064, 1103), (1615, 1654)), ((1029, 1041),), ("e4m",)),
    "eiger9m": Detector(
        (3262, 3108),
        ((512, 550), (1062, 1100), (1612, 1650), (2162, 2200), (2712, 2750)),
        ((513, 515), (1028, 1040), (1553, 1555), (2068, 2080), (2593, 2595)),
        ("e9m", "eiger"),
    ),
}

VARIANTS = {
    "merlin": "merlin_sixs",
    "merlin_sixs": "merlin",
    "eiger500k": "eiger_500k",
    "eiger1m": "eiger2_1m",
    "eiger4m": "eiger2_4m",
    "eiger9m": "eiger_9m",
    "eiger16m": "eiger2_16m",
}
"""Detectors of one name whose frames differ from make to make: the shape of a whole frame tells which it is. What is no key of
the table is pyFAI's."""


def detector_mask(name: str, shape: tuple[int, int] | None = None, roi: tuple[int, ...] | None = None) -> NDArray[np.bool_]:
    """Mask of a detector's gaps.

    Parameters
    ----------
    name : str
        A key of ``DETECTORS``, one of its aliases, or a name that pyFAI knows; upper and lower case, ``-`` and ``_`` are alike.
        Of a detector with several kinds of frames (``merlin``) it is that of the shape given.
    shape : (rows, columns), optional
        Of the crop; by default to the end of the frame, or what the region says.
    roi : (row, column) or (first row, last row + 1, first column, last column + 1), optional
        Place of the crop in the full frame; by default the whole frame.

    Returns
    -------
    bool array (rows, columns)
        True = not measured.

    Raises
    ------
    InputError
        If no such detector is known, or the crop does not lie in its frame.
    """
    for given, what in ((shape, "shape"), (roi, "roi")):
        check_whole_numbers(what, given, "roi")
    if shape is not None and len(shape) != 2:
        raise InputError(f"shape: got {shape}, expected two lengths (rows, columns); give data.shape[1:] of a scan")
    full = _full_mask(as_name(name, "detector"), None if roi else shape)
    rows, columns = _crop(name, full.shape, None if shape is None else tuple(shape), roi)
    return full[rows, columns]


def _full_mask(name: str, shape: tuple[int, int] | None) -> NDArray[np.bool_]:
    """The mask of a detector, or of the variant of it that has the shape of the scan."""
    key = _key_of(name)
    mask = _mask_of(key)
    variant = VARIANTS.get(key, VARIANTS.get(_plain(name)))
    if variant is None or shape in (None, mask.shape):
        return mask
    with suppress(InputError):  # without pyFAI there are fewer kinds
        other = _mask_of(variant)
        return other if other.shape == shape else mask
    return mask


def _key_of(name: str) -> str:
    """The table's key for a name, or the name itself."""
    wanted = _plain(name)
    return next((key for key, d in DETECTORS.items() if wanted in {_plain(n) for n in (key, *d.aliases)}), name)


def closed_detector(name: str | None, shape: tuple[int, ...]) -> Detector | None:
    """The detector of a name if frames of some shape (rows, columns) are its own without the gaps, else None."""
    detector = DETECTORS.get(_key_of(name)) if name else None
    return detector if detector and detector.closed and detector.shape_without_gaps == shape else None


def _mask_of(name: str) -> NDArray[np.bool_]:
    """The mask of the table's detector, else of pyFAI's."""
    return DETECTORS[name].mask if name in DETECTORS else _pyfai_mask(name)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _pyfai_mask(name: str) -> NDArray[np.bool_]:
    """What pyFAI says, or InputError."""
    try:
        from pyFAI.detectors import ALL_DETECTORS
    except ImportError as error:
        raise InputError(
            f"detector: got '{name}', expected one of {', '.join(DETECTORS)}, or one that pyFAI knows; install it with: "
            "pip install 'braggfill[detectors]'"
        ) from error
    by_name = {_plain(n): kind for n, kind in ALL_DETECTORS.items()}
    if _plain(name) not in by_name:
        known = list(dict.fromkeys([*DETECTORS, *ALL_DETECTORS]))
        near = ", ".join(get_close_matches(name.lower(), known, 3, 0.0))
        raise InputError(f"detector: got '{name}', which is not known; expected one such as {near}")
    detector = by_name[_plain(name)]()
    mask = detector.calc_mask()
    return np.zeros(detector.max_shape, bool) if mask is None else mask > 0


def _crop(name: str, frame: tuple[int, ...], shape: tuple[int, ...] | None, roi: tuple[int, ...] | None) -> tuple[slice, slice]:
    """The crop's rows and columns in the frame, or InputError."""
    (top, bottom), (left, right) = spans = _spans(name, frame, shape, roi)
    if shape is not None and (bottom - top, right - left) != shape:
        raise InputError(f"roi: got {roi}, which is not {shape[0]} × {shape[1]} pixels like the scan, expected one that is")
    if not all(0 <= first < last <= size for (first, last), size in zip(spans, frame, strict=True)):
        raise InputError(
            f"roi: got rows {top} to {bottom} and columns {left} to {right}, expected a crop inside the "
            f"{frame[0]} × {frame[1]} pixels of '{name}'"
        )
    return slice(top, bottom), slice(left, right)


def _spans(
    name: str, frame: tuple[int, ...], shape: tuple[int, ...] | None, roi: tuple[int, ...] | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last + 1 of the crop's rows and of its columns, as far as they are told, or InputError."""
    match roi:
        case None if shape in (None, frame):
            return (0, frame[0]), (0, frame[1])
        case (row, column):
            height, width = shape or (frame[0] - row, frame[1] - column)
            return (row, row + height), (column, column + width)
        case (top, bottom, left, right):
            return (top, bottom), (left, right)
        case None:
            others = [f"'{key}'" for key, d in DETECTORS.items() if d.shape == shape and key not in VARIANTS]
            near = f", or another detector, such as {' or '.join(others)} with such frames" if others else ""
            raise InputError(
                f"roi: got none with {' × '.join(map(str, shape or ()))} pixels of '{name}', whose frame has {frame[0]} × "
                f"{frame[1]}; expected the crop's place in the full frame{near}; give --roi ROW,COLUMN of its first pixel"
            )
        case _:
            raise InputError(f"roi: got {len(roi)} numbers, expected ROW,COLUMN or the first and last + 1 of both")
