"""Practice on the scan at hand: gaps like its own are laid where its counts are known, most to learn from, some held out.

The copies of a gap have its width and direction and lie more often where the scan is as bright as beside the gap itself. What
is held out is blanked before anything else is done: no portion to learn from shows it, no first guess is made from it.
The same holds for the real gaps. ::

    scan ──► held-out copies ──► blanked ──► copies to learn from (several layouts) ──► kriging ──► practice scans
                          └──────────────────────────────────────────────► kriging ──► held-out portions
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label
from scipy.special import xlogy

from braggfill.base.metrics import LEAST_MEAN, expected_deviance, skill
from braggfill.classical.fringe_model import SHIPPED, FringeModel
from braggfill.classical.interpolate import linear
from braggfill.classical.kriging import smoothed
from braggfill.network.config import PracticeConfig
from braggfill.network.portions import Predictor
from braggfill.network.practice_scan import PracticeScan
from braggfill.network.sliding import slide
from braggfill.scan.boxes import bounding_box
from braggfill.scan.copies import SMOOTHED, bright, lay_copies
from braggfill.scan.copy_rules import CopyRules
from braggfill.scan.gapped import GappedScan


@dataclass(frozen=True)
class HeldOut:
    """Copies of the gaps that nothing is learned from."""

    scans: tuple[GappedScan, ...]
    """The scan without them, with first guesses by one or several models of the fringes, whose fills are averaged."""
    at: NDArray[np.bool_]
    """(wanted voxels,): those that are scored."""
    counts: NDArray[np.float32]
    """(scored voxels,): what was measured there."""
    linear: NDArray[np.float64]
    """(scored voxels,): what a straight line says."""
    block: NDArray[np.int64]
    """(scored voxels,): the block each voxel lies in."""

    def judge(self, predictor: Predictor) -> "HeldOutScore":
        """Fill the held-out copies and compare with what was measured."""
        fills = [slide(scan, predictor)[0, self.at] for scan in self.scans]
        mean = np.maximum(np.mean(fills, axis=0), LEAST_MEAN)
        losses = 2 * (xlogy(self.counts, self.counts / mean) - (self.counts - mean))
        removed = skill(mean, self.linear, self.counts, expected_deviance(mean))
        return HeldOutScore(np.bincount(self.block, losses) / len(losses), removed)


@dataclass(frozen=True)
class HeldOutScore:
    """How right a network is in the held-out copies."""

    losses: NDArray[np.float64]
    """(blocks,): Poisson deviance of a block's counts, over the number of all voxels."""
    skill: float
    """Share of the linear fill's excess deviance that is removed."""

    @property
    def loss(self) -> float:
        """Mean Poisson deviance."""
        return float(self.losses.sum())

    def sureness_over(self, other: "HeldOutScore") -> float:
        """The gain over another score in standard errors, which the scatter between the blocks tells."""
        gains = other.losses - self.losses
        error = np.sqrt(len(gains)) * gains.std(ddof=1) if len(gains) > 1 else np.inf
        return float(gains.sum() / max(error, 1e-12))


def choose_held_out(rng: np.random.Generator, scan: GappedScan, config: PracticeConfig) -> NDArray[np.bool_]:
    """Voxels to hold out (frames, rows, columns): every second block of a few copies of the gaps."""
    return bright_copies(rng, scan, config.held_out, config.bright_counts, config.block)


def practice_scans(
    rng: np.random.Generator,
    scan: GappedScan,
    config: PracticeConfig,
    device: torch.device | str = "cpu",
    fringes: Sequence[FringeModel] = (SHIPPED,),
) -> list[PracticeScan]:
    """The scan with several layouts of copies of its gaps, each with its first guess.

    Parameters
    ----------
    rng : numpy Generator
    scan : GappedScan
        What is held out lies in its mask; ``slabs`` are the real gaps.
    config : PracticeConfig
    device : torch device
        Where kriging is computed.
    fringes : sequence of FringeModel
        Constants of kriging, by turns.

    Returns
    -------
    list of PracticeScan
        Empty where the scan has no room for copies of its gaps that hold counts.
    """
    scans = []
    for number in range(config.layouts):
        copies = bright_copies(rng, scan, config.copies, config.bright_counts)
        practised = blanked_with_guess(scan, copies, device, fringes[number % len(fringes)])
        if practised.slabs:
            scans.append(PracticeScan.of(practised, scan.counts, scan.counts, copies))
    return scans


def held_out_portions(
    scan: GappedScan,
    hidden: NDArray[np.bool_],
    config: PracticeConfig,
    device: torch.device | str = "cpu",
    fringes: FringeModel = SHIPPED,
) -> HeldOut:
    """The scan without the voxels held out, bool (frames, rows, columns), and what was measured there."""
    blank = blanked_with_guess(scan, hidden, device, fringes)
    at = (hidden & bright(scan.counts))[blank.wanted]
    straight = np.expm1(linear(np.log1p(blank.counts), blank.mask, blank.slabs)[blank.wanted][at].astype(float))
    _, block = np.unique(label(hidden)[0][blank.wanted][at], return_inverse=True)  # a chequerboard's blocks touch at edges only
    return HeldOut((blank,), at, scan.counts[blank.wanted][at], straight, block)


def blanked_with_guess(
    scan: GappedScan, copies: NDArray[np.bool_], device: torch.device | str, fringes: FringeModel
) -> GappedScan:
    """The scan without the voxels of copies (frames, rows, columns), which alone are filled; with kriging's first guess."""
    practised = blanked_in_copies(scan, copies)
    return practised.with_guess(smoothed(practised, device, fringes))


def blanked_in_copies(scan: GappedScan, copies: NDArray[np.bool_]) -> GappedScan:
    """The scan without the voxels of copies (frames, rows, columns), which alone are filled."""
    blank = GappedScan.blanked(scan.counts, scan.mask | copies)
    slabs = [s for s in blank.slabs if (s.within(copies) & s.target).any()]
    return replace(blank, slabs=slabs)


def bright_copies(
    rng: np.random.Generator, scan: GappedScan, rules: CopyRules, bright_counts: float, block: int | None = None
) -> NDArray[np.bool_]:
    """Measured voxels (frames, rows, columns) of some copies of each large gap, as far as it is bright.

    With ``block`` only the black squares, of this extent, of a chequerboard in the gap's plane.
    """
    copies, counted = np.zeros_like(scan.mask), gaussian_filter(scan.counts, SMOOTHED) > bright_counts
    for copy in lay_copies(scan, rules, rng):
        target, lit = copy.slab.target, np.any(copy.within(counted), axis=0)
        if lit.any():
            part = (slice(None), *bounding_box(lit))
            board = target if block is None else target & chequerboard(target.shape[1:], block)
            copy.within(copies)[part] |= board[part]
    return copies & ~scan.mask


def chequerboard(shape: tuple[int, ...], block: int) -> NDArray[np.bool_]:
    """Bool (height, width), True in the black squares."""
    squares = np.add.outer(*(np.arange(n) // block for n in shape))
    return np.asarray(squares % 2 == 0)
