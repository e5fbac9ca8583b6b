"""Copies of gaps: the one way to lay gaps like a scan's own where its counts are known, to learn from or to be judged by.

A copy has the shape of its gap, moved along the gap's normal. It keeps clear of every gap and copy across the same axis and of
the array's border, and lies where most voxels were measured. The places nearest in brightness to the gap's banks come first,
or are drawn with a chance that falls off with the difference::

        border   copy              gap              copy
       |        ######            ######           ######        |   along the normal →
        clearance     ≥ clearance       ≥ clearance
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from braggfill.scan.copy_rules import CopyRules
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import Kind, Slab

BANK = 4
"""Voxels on both sides of a gap that tell how bright it is."""
SMOOTHED = 2.0
"""Width in voxels of the Gaussian that counts are smoothed with before their logarithm is taken."""
LARGE_VOXELS = 2000
"""Gaps with fewer voxels are copied only if there is no larger one."""
BRIGHTNESS_SIGMA, BRIGHTNESS_FLOOR = 0.8, 0.01
"""Chance of a place that is drawn: Gaussian in the logarithm of its counts about the gap's own, and a little anywhere."""
BRIGHTER = 0.7
"""Logarithm of counts over the gap's own above which a place is not drawn: a copy through a peak outweighs all others."""
SCORED_COUNTS, SCORED_BLUR = 0.5, 3.0
"""Voxels are scored where smoothed counts exceed the first; width in voxels of the Gaussian that smooths them."""
FEWEST_VOXELS = 200
"""With fewer voxels of copies, or of a part of them, nothing is told."""
RELAXED = ((8, 0.8), (4, 0.6), (1, 0.4))
"""Clearance and least share that are tried one after the other where a scan must be tested at any cost."""
ENOUGH = 0.5
"""Voxels of copies, as a share of the gaps' own, at which no clearance is relaxed any more."""


@dataclass(frozen=True)
class Copy:
    """A gap laid at another place along its normal."""

    slab: Slab
    first: int
    """First index along the normal."""

    def within(self, volume: NDArray[Kind]) -> NDArray[Kind]:
        """The part of a volume (frames, rows, columns) between its first and last plane, a view (normal, height, width)."""
        return np.moveaxis(volume, self.slab.axis, 0)[self.first : self.first + len(self.slab.target)]


@dataclass(frozen=True)
class Trial:
    """A scan that lacks its gaps and copies of them; what was measured in the copies is known."""

    scan: GappedScan
    scored: NDArray[np.bool_]
    """(frames, rows, columns): voxels of the copies that are filled."""

    @classmethod
    def hiding(cls, scan: GappedScan, copies: NDArray[np.bool_]) -> "Trial":
        """Blank measured voxels ``copies``, bool (frames, rows, columns), beside what a scan already lacks."""
        blank = GappedScan.blanked(scan.counts, scan.mask | copies)
        return cls(blank, copies & blank.wanted)

    @classmethod
    def of(cls, scan: GappedScan, rules: CopyRules | None = None) -> "Trial":
        """Lay copies by some rules; by default those at hand that first give voxels enough, else most of them."""
        trials: list[Trial] = []
        for some in [rules] if rules else [CopyRules(clearance=c, spacing=c, least_share=s) for c, s in RELAXED]:
            trials.append(cls.hiding(scan, laid(scan, lay_copies(scan, some))))
            if np.count_nonzero(trials[-1].scored) >= ENOUGH * np.count_nonzero(scan.wanted):
                break
        return max(trials, key=lambda trial: np.count_nonzero(trial.scored))


def lay_copies(scan: GappedScan, rules: CopyRules, rng: np.random.Generator | None = None) -> Iterator[Copy]:
    """Lay copies of a scan's gaps, the largest gaps first.

    Parameters
    ----------
    scan : GappedScan
        Arrays (frames, rows, columns).
    rules : CopyRules
    rng : numpy Generator, optional
        Draws the places; without one the nearest in brightness are taken.
    """
    taken, light = {axis: scan.mask.copy() for axis in {slab.axis for slab in scan.slabs}}, comparable(scan.counts, rules)
    for slab in large_gaps(scan.slabs)[: rules.largest]:
        for first in choose_places(slab, light, taken[slab.axis], rules, rng):
            copy = Copy(slab, first)
            copy.within(taken[slab.axis])[...] |= slab.target
            yield copy


def choose_places(
    slab: Slab,
    light: NDArray[np.float32],
    taken: NDArray[np.bool_],
    rules: CopyRules,
    rng: np.random.Generator | None = None,
) -> list[int]:
    """First indices along its normal of copies of a gap.

    ``taken`` was not measured, or is a copy; it and the ``comparable`` light are both (frames, rows, columns).
    """
    firsts, brighter = possible_places(slab, light, taken, rules)
    left = np.ones(len(firsts), bool) if rng is None else brighter < BRIGHTER
    chance = np.exp(-0.5 * (brighter / BRIGHTNESS_SIGMA) ** 2) + BRIGHTNESS_FLOOR
    places: list[int] = []
    while len(places) < rules.number and left.any():
        share = np.where(left, chance, 0)
        nearest = np.where(left, np.abs(brighter), np.inf).argmin()
        places.append(int(firsts[nearest if rng is None else rng.choice(len(firsts), p=share / share.sum())]))
        left &= np.abs(firsts - places[-1]) >= len(slab.target) + rules.spacing
    return places


def possible_places(
    slab: Slab, light: NDArray[np.float32], taken: NDArray[np.bool_], rules: CopyRules
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First indices (places,) that the rules allow, and how much brighter it is there than at the gap's banks (places,).

    Brightness is a logarithm of counts in the gap's part of the planes; the ``comparable`` light and ``taken`` are both
    (frames, rows, columns).
    """
    width, in_plane = len(slab.target), np.any(slab.target, axis=0)
    free = 1 - np.moveaxis(taken, slab.axis, 0)[:, in_plane].mean(1)
    n, clearance = len(free), rules.clearance
    crowded = free < rules.least_share
    firsts = [f for f in range(clearance, n - width - clearance) if not crowded[f - clearance : f + width + clearance].any()]
    brightness = _brightness(np.moveaxis(light, slab.axis, 0), in_plane, free, rules)
    banks = np.r_[max(slab.first - BANK, 0) : slab.first, slab.last + 1 : min(slab.last + 1 + BANK, n)]
    wanted = brightness(banks)
    return np.array(firsts, np.int64), np.array([brightness(slice(f, f + width)) - wanted for f in firsts], float)


def comparable(counts: NDArray[np.float32], rules: CopyRules) -> NDArray[np.float32]:
    """What of a scan's counts is compared to find places that are alike by the rules, both (frames, rows, columns)."""
    if rules.alike_in == "counts":
        return counts
    smooth: NDArray[np.float32] = gaussian_filter(counts, SMOOTHED)
    return np.log1p(smooth, out=smooth)


def _brightness(
    light: NDArray[np.float32], in_plane: NDArray[np.bool_], free: NDArray[np.float64], rules: CopyRules
) -> Callable[[slice | NDArray[np.int64]], float]:
    """From planes along the normal to how bright a gap's part of them is; as if all of it were measured, for counts."""
    if rules.alike_in == "counts":
        total = light[:, in_plane].sum(1, dtype=float) / np.maximum(free, rules.least_share)
        return lambda planes: float(np.log1p(total[planes].mean()))
    mean = light[:, in_plane].mean(1)
    return lambda planes: float(mean[planes].mean())


def laid(scan: GappedScan, copies: Iterator[Copy]) -> NDArray[np.bool_]:
    """Measured voxels (frames, rows, columns) in some copies."""
    where = np.zeros_like(scan.mask)
    for copy in copies:
        copy.within(where)[...] |= copy.slab.target
    return where & ~scan.mask


def large_gaps(slabs: list[Slab]) -> list[Slab]:
    """Those of a detector's gaps, the largest first; all where there are only small ones."""
    ordered = sorted(slabs, key=lambda s: -np.count_nonzero(s.target))
    return [s for s in ordered if np.count_nonzero(s.target) >= LARGE_VOXELS] or ordered


def bright(counts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a scan (frames, rows, columns) is bright enough to be scored: elsewhere every fill is right."""
    smooth: NDArray[np.float32] = gaussian_filter(counts.astype(np.float32, copy=False), SCORED_BLUR)
    return smooth > SCORED_COUNTS
