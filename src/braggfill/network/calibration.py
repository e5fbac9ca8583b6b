"""What a scan says of its own fill: a copy of each of its gaps is hidden, filled, and compared with what was measured there.

By bands of brightness the hidden counts say by what factor the expected ones are too low or too high, and by what factor
their standard deviations are too small or too large for nine of ten counts to lie in their 90 % intervals. Neighbouring
voxels err together, in all bands that a fringe runs through, so it is the scatter between blocks of a gap's plane that tells
how well the factors are known. The logarithm of either is a smooth Gaussian field over that of the brightness, zero before
anything is known: it is shrunk towards zero by how little the bands know, and away from them. That is kriging along one axis.

References
----------
C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), chapter 2,
https://doi.org/10.7551/mitpress/3206.001.0001
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from braggfill.base.metrics import LEAST_MEAN, shares_inside
from braggfill.network.practice import blanked_in_copies
from braggfill.scan.copies import ENOUGH, Copy, laid, lay_copies
from braggfill.scan.copy_rules import CopyRules
from braggfill.scan.gapped import GappedScan

Floats = NDArray[np.float64]
Fill = Callable[[GappedScan], tuple[Floats, Floats]]
"""From a scan to the expected counts of its wanted voxels and their standard deviations, (voxels,) each."""
RULES = tuple(CopyRules(1, 4, clearance=c, least_share=s, alike_in="counts") for c, s in ((8, 0.8), (4, 0.6)))
"""How the copies are laid: by the first rules that give voxels enough, else by the last."""
BLOCK = 24
"""Extent in the plane of the blocks that err by themselves, in voxels."""
BAND = 0.5 * np.log(10)
"""Width of a band of brightness in natural logarithms of counts: two bands a decade."""
FEWEST_BLOCKS, FEWEST_COUNTS, FEWEST_VOXELS = 4, 20, 100
"""Blocks, hidden counts and voxels with fewer of which a band says nothing."""
MOST_VOXELS = 400
"""Voxels of a band whose intervals are looked at: more would cost time and, as neighbours err together, tell little."""
LARGEST = 1e30
"""Counts of an estimate, or of its standard deviation, with which nothing is told: the fill itself will be refused."""
LEVEL = 0.9
"""Share of the counts that must lie in their intervals of that probability."""
LOG_WIDENINGS = np.linspace(-1.2, 1.2, 9)
"""Logarithms of the factors on the standard deviation that are tried."""
LEAST_SLOPE = 0.02
"""Gain in coverage for a unit of that logarithm below which the intervals are ruled by counting noise, and tell nothing."""
ALIKE = 1.5
"""Logarithm of the brightness over which factors are alike: two thirds of a decade. It and the next three were chosen on
crystals of the training split (docs/model.md)."""
USUAL_FACTOR, USUAL_WIDENING = 0.05, 0.3
"""Standard deviation, before anything is known, of the logarithms of the factors on mean and standard deviation."""
DARK_FACTOR, DARK_COUNTS, DARK_EDGE = 0.5, 0.1, 0.5
"""The first of these where fewer counts than that are expected, for there the background rules, which is the same all over a
scan; and the width of the change from one to the other in the logarithm of the counts."""
ELSEWHERE = 0.15
"""Standard deviation of what differs between a band of the copies and the same of the gaps, beside all that is alike."""


@dataclass(frozen=True)
class Curve:
    """The logarithm of a factor over that of the expected counts, between some places; zero without any."""

    log_counts: tuple[float, ...] = ()
    log_factor: tuple[float, ...] = ()

    def at(self, mean: Floats) -> Floats:
        """The factor at some expected counts, both (voxels,)."""
        if not self.log_factor:
            return np.ones_like(mean)
        factor: Floats = np.exp(np.interp(np.log(np.maximum(mean, LEAST_MEAN)), self.log_counts, self.log_factor))
        return factor


@dataclass(frozen=True)
class Band:
    """What one band of brightness says of a factor."""

    log_counts: float
    logarithm: float
    """Of the factor."""
    residuals: Floats
    """(blocks,): the share of each block in the logarithm's error."""
    variance: float
    """Of what counting alone would scatter it by."""


def curve(bands: list[Band], usual: float, dark: float) -> Curve:
    """The conditional mean of the logarithm of a factor, given what bands say of it; zero without any.

    Before they say so its standard deviation is ``usual``, ``dark`` where hardly anything is expected.
    """
    if not bands:
        return Curve()
    at, told = (np.array([getattr(band, name) for band in bands]) for name in ("log_counts", "logarithm"))
    residuals = np.array([band.residuals for band in bands])
    errors = residuals @ residuals.T + np.diag([band.variance + ELSEWHERE**2 for band in bands])
    places = np.arange(at[0] - 4 * ALIKE, at[-1] + 4 * ALIKE, BAND)

    between, beside = (
        spread(x, usual, dark)[:, None] * spread(at, usual, dark) * np.exp(-0.5 * ((x[:, None] - at) / ALIKE) ** 2)
        for x in (at, places)
    )
    found = beside @ np.linalg.solve(between + errors, told)
    return Curve(tuple(places.round(3).tolist()), tuple(found.round(4).tolist()))


def spread(log_counts: Floats, usual: float, dark: float) -> Floats:
    """Standard deviation of the logarithm of a factor before anything is known, by the brightness; both (places,)."""
    darkness: Floats = scipy.special.expit((np.log(DARK_COUNTS) - log_counts) / DARK_EDGE)
    return usual + (dark - usual) * darkness


@dataclass(frozen=True)
class Calibration:
    """Factors on expected counts and their standard deviations, and what they were learned from; JSON-ready by ``asdict``."""

    voxels: int = 0
    """Hidden voxels; 0: the scan has no room for a copy of its gaps that holds counts."""
    hidden_counts: float = 0.0
    """What was measured in them."""
    filled_counts: float = 0.0
    """What was expected there, before the factors."""
    mean: Curve = Curve()
    std: Curve = Curve()

    @property
    def in_words(self) -> str:
        """The range of the factors, for a user; empty where nothing is known."""
        logarithms = [curve.log_factor for curve in (self.mean, self.std) if curve.log_factor]
        ranges = [f"{np.exp(min(some)):.2f} to {np.exp(max(some)):.2f}" for some in logarithms]
        if len(ranges) < 2:
            return ""
        return f"calibrated by {self.voxels:,} hidden voxels: estimates × {ranges[0]}, standard deviations × {ranges[1]}"

    def applied(self, mean: Floats, std: Floats) -> tuple[Floats, Floats]:
        """Expected counts and their standard deviations by the factors, all (voxels,); the second follows the first."""
        factor = self.mean.at(mean)
        return mean * factor, std * factor * self.std.at(mean)


@dataclass(frozen=True)
class HiddenFill:
    """Hidden voxels and their fill; arrays are (voxels,)."""

    mean: Floats
    std: Floats
    counts: Floats
    block: NDArray[np.intp]
    """Which block of which copy a voxel lies in, from 0."""
    blocks: int
    """How many there are."""

    def bands(self) -> Iterator[tuple[float, "HiddenFill"]]:
        """Mean logarithm of the expected counts, and the voxels, of each band of brightness that may say something."""
        logarithm = np.log(np.maximum(self.mean, LEAST_MEAN))
        number = np.floor(logarithm / BAND).astype(int)
        for band in np.unique(number):
            at = np.flatnonzero(number == band)
            some = self.part(at)
            if at.size >= FEWEST_VOXELS and some.counts.sum() >= FEWEST_COUNTS and len(np.unique(some.block)) >= FEWEST_BLOCKS:
                yield float(logarithm[at].mean()), some

    def part(self, at: NDArray[np.intp]) -> "HiddenFill":
        """Some of the voxels, by their indices (some,)."""
        return replace(self, mean=self.mean[at], std=self.std[at], counts=self.counts[at], block=self.block[at])

    def thinned(self) -> "HiddenFill":
        """As many voxels as are looked at, evenly through the brightness."""
        step = -(-len(self.mean) // MOST_VOXELS)
        return self.part(np.argsort(self.mean)[::step])

    def by_block(self, errors: Floats) -> Floats:
        """Errors (voxels,), which add up to none, summed in each block; a little enlarged, as they are from their own mean."""
        some = len(np.unique(self.block))
        enlarged: Floats = np.bincount(self.block, errors, self.blocks) * np.sqrt(some / max(some - 1, 1))
        return enlarged


def calibrate(scan: GappedScan, fill: Fill) -> Calibration:
    """Hide a copy of each of the largest gaps, fill it, and tell the factors that the hidden counts ask for."""
    copies = choose_copies(scan)
    blank = blanked_in_copies(scan, laid(scan, iter(copies)))
    at = blank.wanted & ~scan.mask
    counts = scan.counts[at].astype(float)
    if counts.sum() < FEWEST_COUNTS * FEWEST_BLOCKS:
        return Calibration()
    wanted = at[blank.wanted]
    mean, std = (values[wanted] for values in fill(blank))
    if not ((mean < LARGEST).all() and (std < LARGEST).all()):
        return Calibration()
    numbers, block = np.unique(blocks(copies, scan.mask.shape)[at], return_inverse=True)
    return told(HiddenFill(mean, std, counts, block, len(numbers)))


def told(hidden: HiddenFill) -> Calibration:
    """The factors that hidden voxels and their fill ask for."""
    mean, std, counts = hidden.mean, hidden.std, hidden.counts
    factor = curve([log_factor(place, some) for place, some in hidden.bands()], USUAL_FACTOR, DARK_FACTOR)
    right = replace(hidden, mean=mean * factor.at(mean), std=std * factor.at(mean))
    widenings = (log_widening(place, some.thinned()) for place, some in right.bands())
    widening = curve([band for band in widenings if band], USUAL_WIDENING, USUAL_WIDENING)
    return Calibration(len(counts), float(counts.sum()), float(mean.sum()), factor, widening)


def choose_copies(scan: GappedScan) -> list[Copy]:
    """Where copies of the gaps are hidden: as bright in counts as beside the gaps."""
    copies: list[Copy] = []
    for rules in RULES:
        copies = list(lay_copies(scan, rules))
        if np.count_nonzero(laid(scan, iter(copies))) >= ENOUGH * np.count_nonzero(scan.wanted):
            break
    return copies


def blocks(copies: list[Copy], shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """A number for each block of each copy's plane, about its middle, at the block's place (frames, rows, columns)."""
    number, start = np.zeros(shape, np.uint16), 0
    for copy in copies:
        plane = copy.slab.target.shape[1:]
        i, j = (np.floor((np.arange(n) - (n - 1) / 2) / BLOCK).astype(int) for n in plane)
        across = j[-1] - j[0] + 1
        squares = start + (i[:, None] - i[0]) * across + j - j[0]
        start = int(squares.max()) + 1
        np.copyto(copy.within(number), squares.astype(np.uint16), where=copy.slab.target)
    return number


def log_factor(log_counts: float, some: HiddenFill) -> Band:
    """Logarithm of hidden over expected counts."""
    expected, counts = some.mean.sum(), some.counts.sum()
    errors = some.by_block((some.counts - some.mean * counts / expected) / counts)
    return Band(log_counts, float(np.log(counts / expected)), errors, 1 / float(counts))


def log_widening(log_counts: float, some: HiddenFill) -> Band | None:
    """Logarithm of the factor on the standard deviation with which intervals hold what they should.

    None where counting noise rules the intervals.
    """
    inside = np.array([shares_inside(some.mean, some.std * np.exp(w), some.counts, LEVEL) for w in LOG_WIDENINGS])
    held = np.maximum.accumulate(inside.mean(1)) + 1e-9 * np.arange(len(LOG_WIDENINGS))
    found = float(np.interp(LEVEL, held, LOG_WIDENINGS))
    nearest = int(np.abs(LOG_WIDENINGS - found).argmin())
    slope = float(np.gradient(held, LOG_WIDENINGS)[nearest])
    if slope < LEAST_SLOPE:
        return None
    voxels = len(some.mean)
    errors = some.by_block((inside[nearest] - inside[nearest].mean()) / (voxels * slope))
    return Band(log_counts, found, errors, LEVEL * (1 - LEVEL) / (voxels * slope**2))
