"""Practice on the scan at hand: gaps like its own are laid where its counts are known, most to learn from, some held out.

The copies of a gap have its width and direction and lie more often where the scan is as bright as beside the gap itself. What
is held out is blanked before anything else is done: no portion to learn from shows it, no first guess is made from it.
The same holds for the real gaps. ::

    counts, mask ──► held-out copies ──► blanked ──► copies to learn from (several layouts) ──► kriging ──► practice scans
                          └──────────────────────────────────────────────► kriging ──► held-out portions
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, label
from scipy.special import xlogy

from braggfill.gaps import Slab, find_slabs, voxels_to_fill
from braggfill.interpolate import linear
from braggfill.kriging import SHIPPED, FringeModel, smoothed
from braggfill.metrics import LEAST_MEAN, expected_deviance, skill
from braggfill.patches import GuessedScan, Predictor
from braggfill.stream import PracticeScan
from braggfill.unet import slide

LAYOUTS, COPIES, HELD_OUT_COPIES = 3, 3, 2
"""Layouts of copies to learn from; copies of every large gap in a layout, and held out."""
LARGEST_GAPS = 4
"""So many of the largest gaps are copied."""
CLEARANCE = 8
"""Measured voxels kept between a copy and the real gap, and at the array's border."""
SPACING = 12
"""Measured voxels kept between the copies of one layout."""
BANK = 4
"""Voxels on both sides of a gap that tell how bright it is."""
BRIGHTNESS_SIGMA, BRIGHTNESS_FLOOR = 0.8, 0.01
"""Chance of a place: Gaussian in the logarithm of its total counts about the gap's own, and a little anywhere."""
BRIGHTER = 0.7
"""Logarithm of total counts over the gap's own above which a place is not taken: a copy through a peak outweighs all others."""
LEAST_SHARE = 0.4
"""Share of every plane of a copy that must be there to learn from: half of it may be held out."""
BRIGHT_COUNTS, SCORED_COUNTS = 0.2, 0.5
"""Copies reach as far in the plane as smoothed counts exceed the first; voxels are scored where they exceed the second."""
BLOCK = 24
"""Extent in the plane of the blocks of which every second one is held out, and that count as independent."""
FEWEST_VOXELS = 2000
"""With fewer voxels of counts to learn from or to be judged on, nothing is learned."""


@dataclass(frozen=True)
class HeldOut:
    """Copies of the gaps that nothing is learned from."""

    scans: tuple[GuessedScan, ...]
    """The scan without them, with first guesses by one or several models of the fringes, whose fills are averaged."""
    slabs: list[Slab]
    at: np.ndarray
    """Bool (voxels of the slabs,): those that are scored, in the order of ``voxels_to_fill``."""
    counts: np.ndarray
    """float32 (scored voxels,): what was measured there."""
    linear: np.ndarray
    """float64 (scored voxels,): what a straight line says."""
    block: np.ndarray
    """int (scored voxels,): the block each voxel lies in."""

    def judge(self, predictor: Predictor) -> "Verdict":
        """Fill the held-out copies and compare with what was measured."""
        fills = [slide(scan, self.slabs, predictor)[0, self.at] for scan in self.scans]
        mean = np.maximum(np.mean(fills, axis=0), LEAST_MEAN)
        losses = 2 * (xlogy(self.counts, self.counts / mean) - (self.counts - mean))
        removed = skill(mean, self.linear, self.counts, expected_deviance(mean))
        return Verdict(np.bincount(self.block, losses) / len(losses), removed)


@dataclass(frozen=True)
class Verdict:
    """How right a network is in the held-out copies."""

    losses: np.ndarray
    """(blocks,): Poisson deviance of a block's counts, over the number of all voxels."""
    skill: float
    """Share of the linear fill's excess deviance that is removed."""

    @property
    def loss(self) -> float:
        """Mean Poisson deviance."""
        return float(self.losses.sum())

    def sureness_over(self, other: "Verdict") -> float:
        """The gain over another verdict in standard errors, which the scatter between the blocks tells."""
        gains = other.losses - self.losses
        error = np.sqrt(len(gains)) * gains.std(ddof=1) if len(gains) > 1 else np.inf
        return float(gains.sum() / max(error, 1e-12))


def choose_held_out(rng: np.random.Generator, counts: np.ndarray, mask: np.ndarray, slabs: list[Slab]) -> np.ndarray:
    """Voxels to hold out, bool (frames, rows, columns): every second block of a few copies of the gaps."""
    return copies_of(rng, np.where(mask, 0, counts), mask, slabs, HELD_OUT_COPIES, BLOCK)


def practice_scans(
    rng: np.random.Generator,
    counts: np.ndarray,
    mask: np.ndarray,
    slabs: list[Slab],
    device: torch.device | str = "cpu",
    fringes: Sequence[FringeModel] = (SHIPPED,),
) -> list[PracticeScan]:
    """The scan with several layouts of copies of its gaps, each with its first guess.

    Parameters
    ----------
    rng : numpy Generator
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured or held out: what the counts say there has no effect.
    slabs : list of Slab
        The real gaps.
    device : torch device
        Where kriging is computed.
    fringes : sequence of FringeModel
        Constants of kriging, by turns.

    Returns
    -------
    list of PracticeScan
        Empty where the scan has no room for copies of its gaps that hold counts.
    """
    counts = np.where(mask, 0, counts)
    scans = []
    for number in range(LAYOUTS):
        copies = copies_of(rng, counts, mask, slabs, COPIES)
        both, practised, guess = guessed(counts, mask, copies, device, fringes[number % len(fringes)])
        if practised:
            scans.append(PracticeScan.of(counts, counts, both, copies, practised, guess))
    return scans


def held_out_portions(
    counts: np.ndarray,
    mask: np.ndarray,
    hidden: np.ndarray,
    device: torch.device | str = "cpu",
    fringes: FringeModel = SHIPPED,
) -> HeldOut:
    """The scan without the voxels held out, and what was measured there."""
    counts = np.where(mask, 0, counts)
    both, slabs, guess = guessed(counts, mask, hidden, device, fringes)
    blank, wanted = np.where(both, 0, counts), voxels_to_fill(slabs, mask.shape)
    at = (hidden & (gaussian_filter(counts, 3) > SCORED_COUNTS))[wanted]
    straight = np.expm1(linear(np.log1p(blank), both, slabs)[wanted][at].astype(float))
    _, block = np.unique(label(hidden)[0][wanted][at], return_inverse=True)  # blocks of a chequerboard touch at edges only
    return HeldOut((GuessedScan(blank, both, guess),), slabs, at, counts[wanted][at], straight, block)


def guessed(
    counts: np.ndarray, mask: np.ndarray, copies: np.ndarray, device: torch.device | str, fringes: FringeModel
) -> tuple[np.ndarray, list[Slab], np.ndarray]:
    """The mask with copies in it, the slabs that hold copies, and kriging's first guess in and around these."""
    both = mask | copies
    slabs = [s for s in find_slabs(both) if (np.moveaxis(copies, s.axis, 0)[s.first : s.last + 1] & s.target).any()]
    return both, slabs, smoothed(np.where(both, 0, counts), both, slabs, device, fringes)


def copies_of(
    rng: np.random.Generator, counts: np.ndarray, mask: np.ndarray, slabs: list[Slab], number: int, block: int | None = None
) -> np.ndarray:
    """Measured voxels, bool (frames, rows, columns), of some copies of each large gap, as far as it is bright.

    With ``block`` only the black squares, of this extent, of a chequerboard in the gap's plane.
    """
    copies, bright = np.zeros_like(mask), gaussian_filter(counts, 2) > BRIGHT_COUNTS
    for slab in sorted(slabs, key=lambda s: -np.count_nonzero(s.target))[:LARGEST_GAPS]:
        view, lit = (np.moveaxis(v, slab.axis, 0) for v in (copies, bright))
        board = slab.target if block is None else slab.target & chequerboard(slab.target.shape[1:], block)
        for first in draw_places(rng, slab, counts, mask, number):
            here = slice(first, first + len(slab.target))
            view[here] |= board & bounding_box(np.any(lit[here], axis=0))
    return copies & ~mask


def chequerboard(shape: tuple[int, ...], block: int) -> np.ndarray:
    """Bool (height, width), True in the black squares."""
    return np.add.outer(*(np.arange(n) // block for n in shape)) % 2 == 0


def bounding_box(lit: np.ndarray) -> np.ndarray:
    """The smallest rectangle, bool (height, width), that holds all True places."""
    rows, columns = (np.flatnonzero(lit.any(axis)) for axis in (1, 0))
    box = np.zeros_like(lit)
    if len(rows):
        box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def draw_places(rng: np.random.Generator, slab: Slab, counts: np.ndarray, mask: np.ndarray, number: int) -> list[int]:
    """First indices along its normal of at most ``number`` copies of a slab, apart and clear of it."""
    width, in_plane = len(slab.target), slab.target.any(0)
    free = 1 - np.moveaxis(mask, slab.axis, 0)[:, in_plane].mean(1)
    total = np.moveaxis(counts, slab.axis, 0)[:, in_plane].sum(1, dtype=float)
    total /= np.maximum(free, LEAST_SHARE)
    around = np.r_[max(slab.first - BANK, 0) : slab.first, slab.last + 1 : min(slab.last + 1 + BANK, len(total))]
    wanted = np.log1p(total[around].mean())
    clear = (
        range(CLEARANCE, slab.first - width - CLEARANCE + 1),
        range(slab.last + 1 + CLEARANCE, len(total) - width - CLEARANCE),
    )
    allowed = np.array([f for side in clear for f in side if free[f : f + width].min() >= LEAST_SHARE], int)
    off = np.array([np.log1p(total[f : f + width].mean()) - wanted for f in allowed])
    chance = np.where(off < BRIGHTER, np.exp(-0.5 * (off / BRIGHTNESS_SIGMA) ** 2) + BRIGHTNESS_FLOOR, 0)
    places: list[int] = []
    while len(places) < number and chance.any():
        places.append(int(rng.choice(allowed, p=chance / chance.sum())))
        chance[np.abs(allowed - places[-1]) < width + SPACING] = 0
    return places
