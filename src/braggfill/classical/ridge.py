"""A fill that learns from the scan itself: ridge regression in log(1 + counts) from both banks of a gap to its voxels.

The same gap is imagined everywhere else in the scan where nothing is missing; what lies on its banks there is regressed on
what lies inside. The solution is closed, takes seconds and knows the scan's own fringes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.ndimage import binary_dilation, uniform_filter

from braggfill.base.overlaps import overlap_mean
from braggfill.classical.interpolate import linear
from braggfill.scan.gaps import Slab, number_voxels, voxels_to_fill

CONTEXTS = (14, 10, 7, 4)
"""Voxels of each bank along the normal; the first that the scan has room for beside the gap."""
RADIUS = 2
"""Radius in the gap's plane of the lines that are looked at."""
SAMPLES = 20_000
"""Places in the scan from which the regression is fitted."""
FEWEST_SAMPLES = 2_000
"""With fewer places than this the regression is not fitted and the linear fill stays."""
PENALTY = 1e-2
"""Ridge penalty per sample, in squared log units."""


@dataclass(frozen=True)
class Neighbourhood:
    """What the regression looks at: lines in the plane, voxels of the banks along the normal, relative to the gap's first."""

    lines: tuple[tuple[int, int], ...]
    along: NDArray[np.int64]
    width: int

    @classmethod
    def across(cls, width: int, before: int, after: int) -> "Neighbourhood":
        """Banks of ``before`` and ``after`` voxels around a gap ``width`` wide."""
        span = range(-RADIUS, RADIUS + 1)
        lines = tuple((i, k) for i in span for k in span if i * i + k * k <= RADIUS**2 + 1)
        return cls(lines, np.concatenate([np.arange(-before, 0), np.arange(width, width + after)]), width)

    def features(self, values: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Bank voxels (places, lines · along + 1) around places (places, 3) of a volume (normal, height, width), and a one."""
        along = places[:, :1] + self.along
        columns = [values[along, places[:, 1:2] + i, places[:, 2:] + k] for i, k in self.lines]
        return np.concatenate([*columns, np.ones((len(places), 1), values.dtype)], 1)

    def targets(self, values: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Voxels inside the imagined gap (places, width) at places (places, 3) of a volume (normal, height, width)."""
        inside: NDArray[np.float32] = values[places[:, :1] + np.arange(self.width), places[:, 1:2], places[:, 2:]]
        return inside


def ridge(values: NDArray[np.float32], mask: NDArray[np.bool_], slabs: list[Slab]) -> NDArray[np.float32]:
    """Fill every slab by regression on the rest of the scan.

    Parameters
    ----------
    values, mask : arrays (frames, rows, columns)
        log(1 + counts), float32; mask True = not measured.
    slabs : list of Slab

    Returns
    -------
    float32 array (frames, rows, columns)
        The linear fill where no regression can be fitted (too few free places) or a bank has holes that nothing fills.
    """
    start = linear(values, mask, slabs)
    wanted = voxels_to_fill(slabs, mask.shape)
    number = number_voxels(wanted)
    predicted = predictions(start, mask, slabs)
    parts = (((slab.within(number)[inside],), inner, True) for slab, inside, inner in predicted)
    mean = overlap_mean(parts, (int(wanted.sum()),))
    filled = start.copy()
    filled[wanted] = np.where(np.isnan(mean), start[wanted], mean)
    return filled


def predictions(
    start: NDArray[np.float32], mask: NDArray[np.bool_], slabs: list[Slab]
) -> Iterator[tuple[Slab, NDArray[np.bool_], NDArray[np.float32]]]:
    """For each slab and each extent of its banks: the part of its target that is predicted (bool), and the predictions there.

    ``start`` is log(1 + counts) with the gaps filled linearly, ``mask`` True = not measured, both (frames, rows, columns).
    """
    unknown = mask & ~voxels_to_fill(slabs, mask.shape)
    fitted: dict[tuple[int, int, int, int], NDArray[np.float64] | None] = {}
    for slab in slabs:
        volume = np.moveaxis(start, slab.axis, 0)
        missing, holes = (np.moveaxis(v, slab.axis, 0) for v in (mask, unknown))
        todo = np.any(slab.target, axis=0)
        for context in CONTEXTS:
            banks = min(context, slab.first), min(context, len(volume) - slab.last - 1)
            hood = Neighbourhood.across(slab.last - slab.first + 1, *banks)
            places = todo & ~near_holes(holes, slab.first, hood)
            if not places.any():
                continue
            key = (slab.axis, hood.width, *banks)
            if key not in fitted:
                fitted[key] = fit(volume, missing, hood)
            solution = fitted[key]
            if solution is None:
                continue
            predicted = predict(volume, slab.first, places, hood, solution)
            inside = slab.target & places
            yield slab, inside, predicted[inside]
            todo &= ~places


def fit(volume: NDArray[np.float32], missing: NDArray[np.bool_], hood: Neighbourhood) -> NDArray[np.float64] | None:
    """Regression coefficients (features, width) from places where banks and gap are measured; None if there are too few.

    Volume and missing are (normal, height, width), the gap's normal in front, as in all functions below.
    """
    places = places_to_learn_from(volume, missing, hood)
    if len(places) < FEWEST_SAMPLES:
        return None
    x, y = hood.features(volume, places).astype(float), hood.targets(volume, places).astype(float)
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += len(x) * PENALTY
    solution: NDArray[np.float64] = solve(gram, x.T @ y, assume_a="pos")
    return solution


def places_to_learn_from(volume: NDArray[np.float32], missing: NDArray[np.bool_], hood: Neighbourhood) -> NDArray[np.int64]:
    """Some free places (n, 3), more of them where it is bright, always the same for the same scan.

    Volume and missing are both (normal, height, width).
    """
    rng = np.random.default_rng(0)
    places = free_places(rng, missing, hood)
    if not len(places):
        return places
    bright = uniform_filter(np.expm1(volume), (len(hood.along) + hood.width, 2 * RADIUS + 1, 2 * RADIUS + 1))
    chance = np.log1p(bright[places[:, 0] + hood.width // 2, places[:, 1], places[:, 2]]) + 1e-3
    return places[rng.choice(len(places), min(SAMPLES, len(places)), replace=False, p=chance / chance.sum())]


def free_places(
    rng: np.random.Generator, missing: NDArray[np.bool_], hood: Neighbourhood, tries: int = 200_000
) -> NDArray[np.int64]:
    """Places (n, 3) at which banks and imagined gap lie inside the array and touch nothing missing, all or some at random.

    ``missing`` is (normal, height, width).
    """
    low = np.array([max(-hood.along.min(initial=0), 0), RADIUS, RADIUS])
    high = np.array(missing.shape) - [max(hood.along.max(initial=0), hood.width - 1), RADIUS, RADIUS]
    if (high <= low).any():
        return np.empty((0, 3), np.int64)
    every = int(np.prod(high - low))
    if every <= tries:
        places = low + np.stack(np.unravel_index(np.arange(every), high - low), 1)
    else:
        places = rng.integers(low, high, (tries, 3))
    footprint = np.ones((1, 2 * RADIUS + 1, 2 * RADIUS + 1), bool)
    blocked = np.cumsum(binary_dilation(missing, footprint), 0, dtype=np.int32)
    top = places[:, 0] + max(hood.along.max(initial=0), hood.width - 1)
    bottom = places[:, 0] + min(hood.along.min(initial=0), 0) - 1
    below = np.where(bottom >= 0, blocked[np.maximum(bottom, 0), places[:, 1], places[:, 2]], 0)
    free: NDArray[np.int64] = places[blocked[top, places[:, 1], places[:, 2]] == below]
    return free


def near_holes(holes: NDArray[np.bool_], first: int, hood: Neighbourhood) -> NDArray[np.bool_]:
    """Places (height, width) near which, across a gap at ``first``, are holes (normal, height, width) that nothing fills."""
    on_banks = np.asarray(holes[first + hood.along].any(0))
    near: NDArray[np.bool_] = binary_dilation(on_banks, np.ones((2 * RADIUS + 1,) * 2, bool)) if on_banks.any() else on_banks
    return near


def predict(
    volume: NDArray[np.float32], first: int, places: NDArray[np.bool_], hood: Neighbourhood, solution: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Predicted log(1 + counts) (gap's width, height, width) at the marked places (height, width), never below zero.

    From a volume (normal, height, width), by the coefficients (features, gap's width) of ``fit``.
    """
    padded = np.pad(volume, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="edge")
    plane = np.nonzero(places)
    corners = np.stack([np.full(len(plane[0]), first), plane[0] + RADIUS, plane[1] + RADIUS], 1)
    some = np.array_split(corners, -(-len(corners) // SAMPLES))
    inside = np.concatenate([hood.features(padded, p) @ solution for p in some])
    predicted = np.zeros((hood.width, *places.shape), np.float32)
    predicted[:, plane[0], plane[1]] = np.maximum(inside, 0).T
    return predicted
