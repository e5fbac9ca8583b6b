"""Levels of resolution: the pattern cut to a window about its peak, with what each voxel is to agree with and how surely.

A window that cuts the pattern where it is bright gives its object edges that ring over the whole array, and then no object in
a finite support agrees with it. So objects are smoothed: their intensity is the crystal's times a Gaussian taper that is low at
the border. |FFT(object)|² / taper is compared with the counts, which weigh less where the taper is low.

The whole pattern is not tapered but padded with unknown voxels: an object in a finite support has a transform that goes on
smoothly beyond the scan, and one whose opposite borders had to meet would fit neither. Far from the peak, where gaps are as
well, that decides how right an object can be.

Arrays of a level are in the order of the Fourier transform, the peak at index 0. A window lies inside the scan as far as it
can, so that a peak beside the middle does not bring light of one border to the other.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from braggfill.crystal.model.autocorrelation import FAINT_SHARE, first_support
from braggfill.crystal.model.shapes import Volume, Voxels
from braggfill.crystal.model.windows import Triple, Window, gaussian_taper

BOUND_DEVIATIONS = 2.0
"""Standard deviations that a gap's counts may lie above their prior mean while the object is searched for, and beside it in
retrieval's ``bounded``: of 0.5, 1, 2, 3 and 5 the best there on crystals that no study shows."""
ANSCOMBE = 0.375
"""Anscombe's 3/8: with it the square root of a Poisson count has a variance near 1/4 down to a few counts."""
WORTH_OF_FRINGE = 16
"""Measured voxels that the prior of a whole fringe weighs as much as: voxels of one fringe are wrong together."""
LEAST_TRUST = 0.05
"""Least weight of a voxel of the prior: without any the object follows noise."""
HALF, THREE_QUARTERS, WHOLE = 0.5, 0.75, 1.0
"""Shares of the pattern along each axis that levels hold."""
MOST_OUTSIDE = 0.05
"""Share of the counts outside the central half above which the search begins with three quarters."""
BORDER = 0.05
"""Taper of a coarse level in the middle of each face."""
BEYOND = 1.5
"""Fringes between opposite borders of the whole pattern, on the ring of its level."""
ROOMY = 5.0
"""Most voxels of an object over those of half its autocorrelation's support: strain and soft edges make it up to 4."""


@dataclass(frozen=True)
class CountsWithPrior:
    """A scan with its gaps and what is known of them; arrays are (frames, rows, columns)."""

    counts: NDArray[np.float32]
    """Photon counts where measured."""
    mask: NDArray[np.bool_]
    """True = not measured."""
    prior_mean: NDArray[np.float32]
    """Expected counts in the gaps; NaN where nothing is known."""
    prior_std: NDArray[np.float32]
    """Their standard deviation in counts."""
    peak: Triple
    """Index of the voxel that becomes index 0."""

    oversampling: tuple[float, float, float]
    """Voxels a fringe along each axis."""

    @property
    def trust(self) -> float:
        """Weight of a voxel of the prior over that of a measured one known as well."""
        return float(np.clip(WORTH_OF_FRINGE / np.prod(self.oversampling), LEAST_TRUST, 1))


@dataclass(frozen=True)
class Level(Window):
    """One resolution of a scan; tensors are (frames, rows, columns) in the order of the Fourier transform."""

    target: Volume
    """float32: counts where measured, prior means in the gaps."""
    weight: Volume
    """float32: the taper where measured, times trust and the doubled root's inverse variance in gaps, 0 where none is known."""
    measured: Voxels
    """bool."""
    high: Volume
    """float32: largest counts that an iteration may have; the counts themselves where measured."""

    @cached_property
    def first_support(self) -> Voxels:
        """Half the autocorrelation's support, about the middle of the array."""
        return first_support(self.target * self.taper, FAINT_SHARE)

    @cached_property
    def roomiest(self) -> int:
        """Most voxels that an object's support may have."""
        return int(ROOMY * self.first_support.sum())

    @cached_property
    def low(self) -> Volume:
        """Least counts that an iteration may have: the counts where measured."""
        return torch.where(self.measured, self.target, 0.0)

    def without(self, voxels: Voxels) -> "Level":
        """The level with some voxels left out of what is fitted and iterated; ``target`` keeps their counts."""
        unlimited = torch.where(voxels, torch.inf, self.high)
        return replace(self, weight=self.weight * ~voxels, measured=self.measured & ~voxels, high=unlimited)

    def weighted(self, kappa: float) -> Volume:
        """Weights when counts vary by (κ m)² besides: the doubled square root then varies by 1 / certainty + κ² m."""
        if not kappa:
            return self.weight
        certainty = self.weight / self.taper
        return self.weight / (1 + kappa**2 * self.target * certainty)


def even_fast_length(length: float) -> int:
    """The next even size, at least ``length``, that transforms quickly."""
    return 2 * int(next_fast_len(int(np.ceil(length / 2))))


def window(scan: CountsWithPrior, share: float, beyond: float = BEYOND) -> tuple[list[int], list[int]]:
    """First voxels, and lengths, of the central ``share`` of a scan along each axis, and fringes ``beyond`` all of it."""
    further = [beyond * fringe if share == WHOLE else 0.0 for fringe in scan.oversampling]
    lengths = [even_fast_length(share * n + f) for n, f in zip(scan.counts.shape, further, strict=True)]
    starts = [
        min(max(p - n // 2, 0), size - n) if n <= size else (size - n) // 2
        for p, n, size in zip(scan.peak, lengths, scan.counts.shape, strict=True)
    ]
    return starts, lengths


def level_of(
    scan: CountsWithPrior, share: float, border: float = 1.0, device: torch.device | str = "cpu", beyond: float = BEYOND
) -> Level:
    """Cut the central ``share`` of a scan along each axis.

    Parameters
    ----------
    scan : CountsWithPrior
    share : float
        1 for the whole scan, which is padded with unknown voxels.
    border : float
        The taper in the middle of each face; 1 leaves the object as it is.
    device : torch device
    beyond : float
        Fringes of unknown voxels between opposite borders of the whole scan.

    Returns
    -------
    Level
    """
    starts, lengths = window(scan, share, beyond)

    def cut(array: np.ndarray, unknown: float) -> torch.Tensor:
        inside = array[tuple(slice(max(s, 0), max(s, 0) + n) for s, n in zip(starts, lengths, strict=True))]
        padding = [(max(-s, 0), n - m - max(-s, 0)) for s, n, m in zip(starts, lengths, inside.shape, strict=True)]
        padded = np.pad(inside, padding, constant_values=unknown)
        return torch.from_numpy(np.roll(padded, [s - p for s, p in zip(starts, scan.peak, strict=True)], (0, 1, 2))).to(device)

    known = scan.mask & np.isfinite(scan.prior_mean)
    mean = np.where(known, scan.prior_mean, 0).astype(np.float32)
    std = np.where(known, scan.prior_std, 1).astype(np.float32)
    certainty = np.where(known, scan.trust * np.minimum((mean + ANSCOMBE) / np.maximum(std, 1e-6) ** 2, 1), 0)
    most = np.where(known, mean + BOUND_DEVIATIONS * std, np.inf)
    f, r, c = (s - p for s, p in zip(starts, scan.peak, strict=True))
    taper = gaussian_taper((f, r, c), lengths, border).to(device)
    return Level(
        (f, r, c),
        taper,
        cut(np.where(scan.mask, mean, scan.counts).astype(np.float32), 0),
        cut(np.where(scan.mask, certainty, 1).astype(np.float32), 0) * taper,
        cut(~scan.mask, 0),
        cut(np.where(scan.mask, most, scan.counts).astype(np.float32), np.inf),
    )


def counts_outside(scan: CountsWithPrior, share: float) -> float:
    """Share of a scan's measured counts that lie outside its central ``share`` along each axis."""
    measured = np.where(scan.mask, 0, scan.counts)
    inside = measured[tuple(slice(s, s + n) for s, n in zip(*window(scan, share), strict=True))]
    return 1 - float(inside.sum(dtype=np.float64) / measured.sum(dtype=np.float64))


def shares_of(scan: CountsWithPrior) -> list[float]:
    """Shares of a scan that its levels hold, coarse to fine; three quarters come first where too much lies outside the half."""
    first = HALF if counts_outside(scan, HALF) < MOST_OUTSIDE else THREE_QUARTERS
    return [share for share in (HALF, THREE_QUARTERS, WHOLE) if share >= first]


def tapered_level(scan: CountsWithPrior, share: float, device: torch.device | str = "cpu") -> Level:
    """A level of a search, tapered where it is cut out of the scan."""
    return level_of(scan, share, 1.0 if share == WHOLE else BORDER, device)
