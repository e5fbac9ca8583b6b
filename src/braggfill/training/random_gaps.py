"""Where detectors do not measure: random masks of whole scans, with every kind of gap that users meet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braggfill.base.ranges import check_ranges, log_uniform, require_positive
from braggfill.scan.gaps import MAX_WIDTH, MAX_WIDTH_ONE_BANK


@dataclass(frozen=True)
class GapRanges:
    """How often each kind of gap is laid on a scan, and how large it is, in voxels."""

    width: tuple[int, int] = (1, MAX_WIDTH)
    """Width of stripes and arms, each drawn by itself."""
    stripes: tuple[int, int] = (2, 3)
    """Parallel stripes a scan."""
    spacing: int = 20
    """Least number of measured voxels between them."""
    peak_distance: tuple[float, float] = (2.0, 40.0)
    """Distance of the first stripe from the Bragg peak, log-uniform; the others lie anywhere."""
    frame_share: float = 0.2
    """Scans whose stripes are missing frames; the others miss detector rows or columns."""
    cross_share: float = 0.35
    """Scans with an arm at right angles to the stripes."""
    partial_share: float = 0.25
    """Stripes that span only part of the plane."""
    border_share: float = 0.15
    """Scans that also miss voxels along a border."""
    alien_share: float = 0.25
    """Scans with boxes cut out, as where an alien was removed."""
    aliens: tuple[int, int] = (1, 6)
    alien_extent: tuple[int, int] = (1, 12)
    bad_pixel_share: float = 0.25
    """Scans with pixels that are missing in every frame."""
    bad_pixels: tuple[int, int] = (1, 40)
    bad_voxel_share: float = 0.1
    """Scans with single voxels missing."""
    bad_voxels: tuple[float, float] = (1e-4, 1e-2)
    """Their share of the scan, log-uniform."""

    def __post_init__(self) -> None:
        none_or_some = dict.fromkeys(("stripes", "aliens", "bad_pixels"), (0, 10_000))
        limits = {"width": (1, MAX_WIDTH), "bad_voxels": (0, 0.5), **none_or_some}
        check_ranges(self, ("width", "peak_distance", "alien_extent", "bad_voxels"), limits)
        require_positive(self, "spacing")


def random_mask(
    rng: np.random.Generator, shape: tuple[int, int, int], peak: tuple[float, ...], ranges: GapRanges
) -> NDArray[np.bool_]:
    """Draw a mask of a scan: bool (frames, rows, columns), True = not measured; ``peak`` is the Bragg peak in voxels."""
    mask = np.zeros(shape, bool)
    axis = 0 if rng.random() < ranges.frame_share else int(rng.integers(1, 3))
    free = np.ones(shape[axis], bool)
    for number in range(rng.integers(ranges.stripes[0], ranges.stripes[1] + 1)):
        add_stripe(rng, mask, axis, peak[axis] if number == 0 else None, free, ranges)
    if rng.random() < ranges.cross_share:
        other = int(rng.choice([a for a in range(3) if a != axis]))
        add_stripe(rng, mask, other, peak[other], np.ones(shape[other], bool), ranges)
    if rng.random() < ranges.border_share:
        side, width = int(rng.integers(3)), int(rng.integers(1, MAX_WIDTH_ONE_BANK + 1))
        np.moveaxis(mask, side, 0)[slice(width) if rng.random() < 0.5 else slice(-width, None)] = True
    if rng.random() < ranges.alien_share:
        for _ in range(rng.integers(ranges.aliens[0], ranges.aliens[1] + 1)):
            mask[tuple(_span(rng, n, *ranges.alien_extent) for n in shape)] = True
    if rng.random() < ranges.bad_pixel_share:
        pixels = int(rng.integers(ranges.bad_pixels[0], ranges.bad_pixels[1] + 1))
        mask[:, rng.integers(shape[1], size=pixels), rng.integers(shape[2], size=pixels)] = True
    if rng.random() < ranges.bad_voxel_share:
        mask |= rng.random(shape) < log_uniform(rng, ranges.bad_voxels)
    return mask


def add_stripe(
    rng: np.random.Generator,
    mask: NDArray[np.bool_],
    axis: int,
    peak: float | None,
    free: NDArray[np.bool_],
    ranges: GapRanges,
) -> None:
    """Mask a stripe (frames, rows, columns), near the peak or where its axis is ``free`` (length,), and claim what is near."""
    width, n = int(rng.integers(ranges.width[0], ranges.width[1] + 1)), mask.shape[axis]
    if peak is None:
        first = int(rng.integers(n))
    else:
        distance = log_uniform(rng, ranges.peak_distance)
        first = round(peak + distance if rng.random() < 0.5 else peak - distance - width)
    claimed = slice(max(first - ranges.spacing, 0), first + width + ranges.spacing)
    if first < 1 or first + width >= n or not free[first : first + width].all():
        return
    free[claimed] = False
    where = [slice(0, m) for m in mask.shape]
    where[axis] = slice(first, first + width)
    if rng.random() < ranges.partial_share:
        for other in {0, 1, 2} - {axis}:
            where[other] = _span(rng, mask.shape[other], 1, mask.shape[other])
    mask[tuple(where)] = True


def _span(rng: np.random.Generator, length: int, shortest: int, longest: int) -> slice:
    """Draw a slice of random width that lies inside ``length``."""
    width = int(rng.integers(shortest, min(longest, length) + 1))
    start = int(rng.integers(0, length - width + 1))
    return slice(start, start + width)
