"""What is done to a scan before it is filled, else done by hand elsewhere: dark, flat field, hot pixels, aliens, bins.

Whatever is done is told in words and recorded. Pixels are marked as not measured, never changed for others; counts stay counts,
or the photons for one unit of what they have become are kept track of.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from braggfill.base.errors import InputError
from braggfill.base.writing import sha256
from braggfill.scan.aliens import find_aliens
from braggfill.scan.choice import Negatives, Preparation
from braggfill.scan.counts import MOST_COUNTS, are_whole, as_mask, measured_values
from braggfill.scan.detectors import Detector
from braggfill.scan.files import read_image, split_address
from braggfill.scan.formats.contents import Cut, Scan, is_marked
from braggfill.scan.gaps import AXIS_NAMES
from braggfill.scan.masks import find_hot_pixels

DARKEST = 1.0
"""Counts a frame without the beam above which a pixel is bad, as cohere takes it."""
LEAST_SHARE, LARGEST_SHARE = 0.2, 5.0
"""Share of the usual counts that a pixel of the flat field must have; one with less or more is no measurement."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scan after what was asked for."""

    scan: Scan
    mask: NDArray[Any] | None
    """(frames, rows, columns) or (rows, columns), > 0 = not measured."""
    counts_per_unit: float | None = None
    """Photons for one unit of the intensity, where it is no longer counts."""
    record: dict[str, Any] = field(default_factory=dict)
    """What was done, JSON-ready."""
    scaled: bool = False
    """Whether the values that a flat field has divided were no whole counts."""

    def marked(self, more: NDArray[np.bool_], **record: Any) -> "Prepared":
        """The same with more as not measured: pixels (rows, columns), or voxels (frames, rows, columns)."""
        shape = self.scan.intensity.shape
        old = np.zeros(shape[1:], bool) if self.mask is None else is_marked(np.asarray(self.mask))
        mask: NDArray[np.bool_] = np.logical_or(old, more)
        return replace(self, mask=mask, record=self.record | record)


def prepare(
    scan: Scan,
    mask: NDArray[Any] | None,
    how: Preparation,
    negatives: Negatives | None = None,
    detector: Detector | None = None,
) -> Prepared:
    """Do to a scan, which was cropped when it was read, what is asked for.

    Parameters
    ----------
    scan : Scan
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 = not measured.
    how : Preparation
    negatives : str, optional
        What negative values are, as for ``fill_gaps``.
    detector : Detector, optional
        One whose files leave out the gaps, which are opened.

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        If a file cannot be read or does not fit the scan's frames.
    """
    made = Prepared(scan, mask, record=_cropped(scan.cut))
    if how.dark:
        made = _darkened(made, how.dark)
    if how.flat:
        made = _flattened(made, how.flat, negatives)
    if how.hot:
        missing = measured_values(made.scan.intensity, made.mask, negatives)[1]
        found = find_hot_pixels(made.scan.intensity, missing)
        made = made.marked(found, hot={"pixels": np.argwhere(found).tolist()})
    if how.aliens:
        made = _without_aliens(made, negatives)
    if detector is not None:
        made = _opened(made, detector)
    return _binned(made, how.bin, negatives) if how.bin else made


def _cropped(cut: Cut | None) -> dict[str, Any]:
    return {} if cut is None else {"crop": [[s.start, s.stop] for s in cut.box], "of": list(cut.shape)}


def _image(address: str, role: str, scan: Scan) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """A file's image (rows, columns), cut like the scan, and what is recorded of it."""
    image, shape = read_image(address, role), scan.intensity.shape[1:]
    if scan.cut is not None and image.shape == scan.cut.shape[1:]:
        image = image[scan.cut.box[1:]]
    if image.shape != shape:
        raise InputError(
            f"{role} {address}: got {' × '.join(map(str, image.shape))} pixels, expected {' × '.join(map(str, shape))} like "
            "the frames of the scan, or like those on disk that it is cropped from"
        )
    path = split_address(address)[0]
    return image.astype(float), {"file": path.name, "sha256": sha256(path)}


def _darkened(made: Prepared, address: str) -> Prepared:
    """Mark pixels that count in the dark."""
    dark, record = _image(address, "dark", made.scan)
    bad = ~(dark <= DARKEST)
    if bad.mean() > 0.5:
        raise InputError(
            f"dark {address}: got more than {DARKEST:g} count a frame in {100 * bad.mean():.0f} % of the pixels, expected "
            "that of a detector that counts photons; subtract such a background before, and give --negatives measured and "
            "--counts-per-unit"
        )
    return made.marked(bad, dark=record | {"marked": int(bad.sum())})


def _flattened(made: Prepared, address: str, negatives: Negatives | None) -> Prepared:
    """Divide every pixel by its share of the counts of an even illumination, and mark those that have next to none of it."""
    flat, record = _image(address, "flat", made.scan)
    usual = float(np.median(flat[flat > 0])) if (flat > 0).any() else 0.0
    if usual == 0 or not np.isfinite(usual):
        raise InputError(f"flat {address}: got no pixel with counts, expected those of an even illumination")
    share = np.nan_to_num(flat / usual, posinf=0.0)
    bad = (share < LEAST_SHARE) | (share > LARGEST_SHARE)
    made = made.marked(bad)
    measured, missing = measured_values(made.scan.intensity, made.mask, negatives)
    divisor = np.where(bad, 1, share).astype(np.float32)
    corrected, hidden = measured / divisor, None if made.scan.hidden is None else made.scan.hidden / divisor
    photons, units = float(np.maximum(measured, 0).sum(dtype=float)), float(np.maximum(corrected, 0).sum(dtype=float))
    corrected[missing] = 0
    scaled = not are_whole(measured)
    scale = photons / units if units else 1.0
    told = {"marked": int(bad.sum()), "shares": [float(share[~bad].min()), float(share[~bad].max())], "counts_per_unit": scale}
    scan = replace(made.scan, intensity=corrected, hidden=hidden)
    return replace(
        made, scan=scan, mask=missing, counts_per_unit=scale, record=made.record | {"flat": record | told}, scaled=scaled
    )


def _without_aliens(made: Prepared, negatives: Negatives | None) -> Prepared:
    """Mark other crystals' light; hot pixels, which are none, are not looked at."""
    measured, missing = measured_values(made.scan.intensity, made.mask, negatives)
    found = find_aliens(measured, missing | find_hot_pixels(measured, missing))
    share = float(measured[found].sum(dtype=float) / max(np.maximum(measured, 0).sum(dtype=float), 1e-9))
    spots = [[[s.start, s.stop] for s in box] for box in find_objects(label(found)[0])]
    told = {"voxels": int(found.sum()), "spots": spots, "share_of_counts": share}
    return made.marked(found, aliens=told) if found.any() else replace(made, record=made.record | {"aliens": told})


def _opened(made: Prepared, detector: Detector) -> Prepared:
    """Move chips apart whose gaps a file leaves out: rows and columns are put in between, and marked as not measured."""
    if made.scan.filled is not None:
        raise InputError(f"detector: got {made.scan.name}, filled without the detector's gaps in it, expected one as measured")
    intensity, mask, hidden = made.scan.intensity, as_mask(made.mask, made.scan.intensity.shape), made.scan.hidden
    record = {}
    for axis, name, spans in ((1, "rows", detector.rows), (2, "columns", detector.columns)):
        start = made.scan.cut.box[axis].start if made.scan.cut else 0
        widths = [last - first for first, last in spans]
        places = [first - sum(widths[:n]) - start for n, (first, _) in enumerate(spans)]
        inside = [(p, w) for p, w in zip(places, widths, strict=True) if 0 < p < intensity.shape[axis]]
        at = np.repeat([p for p, _ in inside], [w for _, w in inside]).astype(int)
        intensity, mask = np.insert(intensity, at, 0, axis), np.insert(mask, at, True, axis)
        hidden = None if hidden is None else np.insert(hidden, at, 0, axis)
        record[name] = [[p, p + w] for p, w in inside]
    scan = replace(made.scan, intensity=intensity, hidden=hidden)
    return replace(made, scan=scan, mask=mask, record=made.record | {"seam": record})


def _binned(made: Prepared, bins: tuple[int, ...], negatives: Negatives | None) -> Prepared:
    """Sum voxels; what does not fill a bin at the ends is left out, a bin that lacks a voxel is not measured.

    Standard deviations of estimates are summed as well, for those of neighbours are wrong together: at most it is so much.
    """
    shape = made.scan.intensity.shape
    if any(b > n for b, n in zip(bins, shape, strict=True)):
        raise InputError(f"bin: got {list(bins)}, expected bins no larger than the scan's {' × '.join(map(str, shape))} voxels")
    measured, missing = measured_values(made.scan.intensity, made.mask, negatives)
    summed = _in_bins(measured, bins).sum((1, 3, 5), dtype=float)
    lost: NDArray[np.bool_] = np.any(_in_bins(missing, bins), axis=(1, 3, 5))
    filled = None if made.scan.filled is None else np.any(_in_bins(is_marked(made.scan.filled), bins), axis=(1, 3, 5))
    hidden = made.scan.hidden
    if hidden is not None:
        hidden = np.where(lost, _in_bins(measured + hidden, bins).sum((1, 3, 5), dtype=float), 0)
    whole = made.scan.intensity.dtype.kind in "iub" and summed.max() <= MOST_COUNTS
    intensity = summed.astype(np.int64 if whole else np.float32)
    std = None if made.scan.std is None else _in_bins(made.scan.std, bins).sum((1, 3, 5)).astype(np.float32)
    changed = {"intensity": intensity, "filled": filled, "std": std, "hidden": hidden}
    scan = replace(made.scan, geometry=_of_larger_pixels(made.scan, bins), **changed)
    return replace(made, scan=scan, mask=lost, record=made.record | {"bin": list(bins)})


def _in_bins(array: NDArray[Any], bins: tuple[int, ...]) -> NDArray[Any]:
    """A view (frames, bin, rows, bin, columns, bin) of an array (frames, rows, columns)."""
    numbers = [n // b for n, b in zip(array.shape, bins, strict=True)]
    kept = array[tuple(slice(0, n * b) for n, b in zip(numbers, bins, strict=True))]
    return kept.reshape([size for pair in zip(numbers, bins, strict=True) for size in pair])


def _of_larger_pixels(scan: Scan, bins: tuple[int, ...]) -> Any:
    size = scan.geometry.pixel_size_m
    return replace(scan.geometry, pixel_size_m=size and (size[0] * bins[1], size[1] * bins[2]))


def in_words(record: dict[str, Any]) -> list[str]:
    """What was done to a scan, a sentence a step."""
    told = []
    if "crop" in record:
        spans = ", ".join(f"{name}s {first}–{last - 1}" for name, (first, last) in zip(AXIS_NAMES, record["crop"], strict=True))
        told.append(f"cropped to {spans} of {' × '.join(map(str, record['of']))}")
    if "dark" in record:
        told.append(f"{record['dark']['marked']} pixels that count in the dark are marked as not measured")
    if "flat" in record:
        flat = record["flat"]
        shares = " to ".join(f"{share:.2f}" for share in flat["shares"])
        told.append(f"divided by the flat field, {shares} of the usual; {flat['marked']} pixels outside are marked as missing")
        told.append(f"{flat['counts_per_unit']:.4g} photons are one unit of what came of it")
    if "hot" in record:
        told.append(f"{len(record['hot']['pixels'])} hot pixels are marked as not measured")
    if "aliens" in record:
        told.append(_aliens_in_words(record["aliens"]))
    if "seam" in record:
        told.append("the gaps that the file leaves out are opened and marked as not measured")
    if "bin" in record:
        told.append(f"{' × '.join(map(str, record['bin']))} voxels are summed into one")
    return told


def _aliens_in_words(found: dict[str, Any]) -> str:
    if not found["spots"]:
        return "no light of another crystal was found"
    held = f"{found['voxels']:,} voxels, {100 * found['share_of_counts']:.2g} % of the counts"
    return f"{len(found['spots'])} spots of another crystal's light ({held}) are marked as not measured"
