"""Classical fills: each takes log(1 + counts), looks at a narrow band around every gap and continues what is measured there.

A fill is a function (values, mask, slabs) to values, both float32 arrays (frames, rows, columns), mask True = not
measured. Measured voxels come back as they were, voxels that no slab holds are zero. Where arms cross, the arms' predictions
are averaged. The parts of scipy and scikit-image are named where they are used, which load them only then: it takes a second.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy
import skimage
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.overlaps import Part, overlap_mean
from braggfill.scan.boxes import Box, with_margin
from braggfill.scan.gaps import Slab, number_voxels, voxels_to_fill

BAND_MARGIN = 8
"""Voxels around a gap that a fill looks at; also the radius of inverse distance, as in PyNX's ``mask_interp=8,2``."""
MOST_SOLVED = 1000
"""Slices of different holes for which the biharmonic equation is solved: some five seconds of one core."""
BANK_POINTS = 3
"""Measured voxels on each bank through which the cubic spline goes."""

Volume = NDArray[np.float32]
"""log(1 + counts) (frames, rows, columns)."""
Mask = NDArray[np.bool_]
"""(frames, rows, columns), True = not measured."""
Band = NDArray[np.floating[Any]]
BandFill = Callable[[Volume, Mask, Slab, Box], Band]
"""(values, mask, slab, slab's place in the band) to filled values, all of the band around one slab; NaN where unknown."""


def nearest(values: Volume, mask: Mask, slabs: list[Slab]) -> Volume:
    """Value of the nearest measured voxel."""

    def fill(band: Volume, missing: Mask, slab: Slab, place: Box) -> Band:
        if missing.all():
            return np.full_like(band, np.nan)
        at = scipy.ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        nearest_values: Band = band[tuple(at)]
        return nearest_values

    return _fill_bands(values, mask, slabs, fill)


def linear(values: Volume, mask: Mask, slabs: list[Slab]) -> Volume:
    """Straight line between the banks, along the gap's normal; from the filled arms where arms cross."""

    def fill(band: Volume, missing: Mask, slab: Slab, place: Box) -> Band:
        return linear_along(band, missing, slab.axis)

    return _fill_bands(values, mask, slabs, fill)


def cubic(values: Volume, mask: Mask, slabs: list[Slab]) -> Volume:
    """Cubic spline through three voxels on each bank, along the gap's normal; a line without them stays straight."""
    whole = linear(values, mask, slabs)
    unknown = mask & ~voxels_to_fill(slabs, mask.shape)

    def fill(band: Volume, missing: Mask, slab: Slab, place: Box) -> Band:
        lines, blank = np.moveaxis(band, slab.axis, 0).copy(), np.moveaxis(missing, slab.axis, 0)
        inside = np.arange(len(lines))[place[slab.axis]]
        before, after = np.arange(inside[0])[-BANK_POINTS:], np.arange(inside[-1] + 1, len(lines))[:BANK_POINTS]
        if before.size and after.size:
            banks = np.concatenate([before, after])
            splined = np.clip(scipy.interpolate.CubicSpline(banks, lines[banks])(inside), 0, band.max())
            lines[inside] = np.where(blank[banks].any(0), lines[inside], splined)
        return np.moveaxis(lines, 0, slab.axis)

    return np.where(mask, _fill_bands(whole, unknown, slabs, fill), values)


def idw(values: Volume, mask: Mask, slabs: list[Slab]) -> Volume:
    """Mean of the measured voxels within ±8, weighted by the inverse square of their distance."""
    offsets = np.arange(-BAND_MARGIN, BAND_MARGIN + 1)
    squared = sum(o.astype(np.float32) ** 2 for o in np.meshgrid(offsets, offsets, offsets, indexing="ij", sparse=True))
    kernel = np.where(squared > 0, 1 / np.maximum(squared, 1), 0).astype(np.float32)

    def fill(band: Volume, missing: Mask, slab: Slab, place: Box) -> Band:
        weight = scipy.signal.fftconvolve((~missing).astype(np.float32), kernel, "same")
        total = scipy.signal.fftconvolve(np.where(missing, 0, band), kernel, "same")
        return np.where(weight > kernel.min() / 2, np.maximum(total, 0) / np.maximum(weight, 1e-9), np.nan)

    return _fill_bands(values, mask, slabs, fill)


def biharmonic(values: Volume, mask: Mask, slabs: list[Slab]) -> Volume:
    """Biharmonic equation solved slice by slice in planes that contain the gap's normal (scikit-image).

    Raises
    ------
    InputError
        If the gaps are so many and so scattered that it would take minutes.
    """
    solved = 0

    def fill(band: Volume, missing: Mask, slab: Slab, place: Box) -> Band:
        stack = 0 if slab.axis != 0 else 2
        filled = np.moveaxis(np.full_like(band, np.nan), stack, -1)
        slices, holes = np.moveaxis(band, stack, -1), np.moveaxis(missing, stack, -1)
        patterns, group = np.unique(holes.reshape(-1, holes.shape[-1]), axis=1, return_inverse=True)
        nonlocal solved
        solved += patterns.shape[1]
        if solved > MOST_SOLVED:
            raise InputError(
                f"mask: got scattered gaps that take more than {MOST_SOLVED} solutions of the biharmonic equation, expected "
                "fewer; choose another method"
            )
        for number in range(patterns.shape[1]):
            hole = patterns[:, number].reshape(holes.shape[:2])
            if not hole.all():
                same = group.ravel() == number
                filled[..., same] = (
                    skimage.restoration.inpaint_biharmonic(slices[..., same], hole, channel_axis=-1)
                    if hole.any()
                    else slices[..., same]
                )
        return np.moveaxis(filled, -1, stack)

    return _fill_bands(values, mask, slabs, fill)


def _fill_bands(values: Volume, mask: Mask, slabs: list[Slab], fill: BandFill) -> Volume:
    """Fill every slab within its own band; average where slabs overlap; bridge from the filled where that left holes."""
    wanted = voxels_to_fill(slabs, mask.shape)
    number = number_voxels(wanted)

    def parts() -> Iterator[Part]:
        for slab in slabs:
            bounds = slab.bounds
            band, place = with_margin(bounds, mask.shape, BAND_MARGIN)
            filled = np.moveaxis(fill(values[band], mask[band], slab, place)[place], slab.axis, 0)
            in_plane = tuple(s for a, s in enumerate(bounds) if a != slab.axis)
            use = slab.target[:, *in_plane] & np.isfinite(filled)
            yield (np.moveaxis(number[bounds], slab.axis, 0)[use],), filled[use], True

    mean = overlap_mean(parts(), (int(wanted.sum()),))
    result = np.where(mask, 0, values).astype(np.float32)
    known = np.isfinite(mean)
    result[wanted] = np.nan_to_num(mean)
    if not known.all():
        holes = np.zeros_like(mask)
        holes[wanted] = ~known
        result = _bridge(result, holes, mask & ~wanted, {slab.axis for slab in slabs})
    return result


def _bridge(
    values: NDArray[np.float32], holes: NDArray[np.bool_], unknown: NDArray[np.bool_], normals: set[int]
) -> NDArray[np.float32]:
    """Fill what no bank reached, such as the middle of a cross: along the normals from voxels filled before, else nearest."""
    (box,) = scipy.ndimage.find_objects(holes.astype(np.int8))
    band, _ = with_margin(box, values.shape, BAND_MARGIN)
    near, missing = values[band], (holes | unknown)[band]
    fills = [linear_along(near, missing, axis) for axis in sorted(normals)]
    known = sum(np.isfinite(f).astype(np.float32) for f in fills)
    mean = sum(np.nan_to_num(f) for f in fills) / np.maximum(known, 1)
    if (missing & (known == 0)).any() and not missing.all():
        at = scipy.ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        mean = np.where(known == 0, near[tuple(at)], mean)
    bridged = values.copy()
    bridged[band] = np.where(holes[band], mean, near)
    return bridged


def linear_along(values: NDArray[np.float32], missing: NDArray[np.bool_], axis: int) -> NDArray[np.float32]:
    """Interpolate along one axis; a line with one bank takes its value, a line with none is NaN where it is missing.

    Values and missing (True = not measured) are arrays of one shape, of any dimension; so is what is returned.

    ``network.gapnet.log_linear_along_normal`` does the same with tensors, inside the network and on its device: running
    maxima along an axis are the core of both and are spelled differently in numpy and torch, which this module does without.
    """
    v, m = np.moveaxis(values, axis, -1), np.moveaxis(missing, axis, -1)
    n = v.shape[-1]
    position = np.arange(n, dtype=np.int32)
    before = np.maximum.accumulate(np.where(m, -1, position), -1)
    after = np.minimum.accumulate(np.where(m, n, position)[..., ::-1], -1)[..., ::-1]
    from_before = np.take_along_axis(v, np.maximum(before, 0), -1)
    from_after = np.take_along_axis(v, np.minimum(after, n - 1), -1)
    share = np.where(before < 0, 1.0, np.where(after >= n, 0.0, (position - before) / np.maximum(after - before, 1)))
    filled = from_before + share * (from_after - from_before)
    filled = np.where(m, np.where((before < 0) & (after >= n), np.nan, filled), v)
    return np.moveaxis(filled, -1, axis)
