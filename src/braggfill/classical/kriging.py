"""A fill that knows how the scan's fringes are correlated: the best linear estimate from all measured voxels around a gap.

The Fourier transform of a diffracted intensity is the crystal's autocorrelation, so that fringes repeat with periods the
whole scan shares. Here log(1 + counts) is taken as a smooth envelope plus fringes: a Gaussian random field whose
autocovariance is measured on the scan itself, under counting noise of known variance. Its conditional mean in the gap is
the solution of a linear system over the voxels around (``gaussian_field``). Any shape of gap is welcome.

References
----------
C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), chapter 2,
https://doi.org/10.7551/mitpress/3206.001.0001
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.memory import give_back
from braggfill.base.overlaps import overlap_mean
from braggfill.base.smoothing import blur_in_place, gaussian_blur
from braggfill.base.threads import side_by_side
from braggfill.classical.fringe_model import SHIPPED, FringeModel
from braggfill.classical.gaussian_field import Lags, Volume, conditional_mean, padded_lengths
from braggfill.scan.boxes import EVERYWHERE, Box, group_boxes, volume, with_margin
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import voxels_to_fill

NOISE_SIGMA = 1.0
"""Gaussian width in voxels over which the counts are averaged to tell their noise."""
FAINT_COUNTS = 0.02
"""Added to the local mean before its noise is told: an empty neighbourhood is not certain to be empty."""
FAINT_ENVELOPE = 0.005
"""Added to the envelope in counts before the fringes are measured against it."""
NOISE_MARGIN = 6
"""Voxels beyond a box that tell the noise inside: six widths of that Gaussian."""
FRAMES_AT_ONCE, VOXELS_AT_ONCE = 8, 2**18
"""Frames, or voxels where that is more frames, whose autocovariance is summed up together: memory against time."""
MOST_SIDE_BY_SIDE = 2**23
"""Voxels of the largest scan whose boxes are estimated side by side: in a larger one their memory would add up."""
BRIGHT_COUNTS = 10.0
"""Local counts from which on a voxel has full weight in the autocovariance."""


@dataclass(frozen=True)
class Fringes:
    """A scan as an envelope and what rides on it.

    Only two local means are kept of the whole scan; what follows from them is made for the part that is asked for.
    """

    counts: Volume
    """Zero where not measured."""
    measured: Bool[Tensor, "frames rows columns"]
    mean: Volume
    """Local mean of the counts."""
    envelope: Volume
    """Local mean of log(1 + counts)."""
    autocovariance: Lags
    """Of the contrast."""
    model: FringeModel

    @classmethod
    def of(cls, counts: Volume, measured: Bool[Tensor, "frames rows columns"], model: FringeModel = SHIPPED) -> "Fringes":
        """Take a scan apart; ``counts`` are zero where not ``measured``."""
        if bool((measured == measured[:1]).all()):
            measured = measured[:1].clone().expand_as(counts)
        covered = one_of_equal(measured).to(counts.dtype)
        mean, envelope = counts.clone(), counts.log1p()
        for field in (covered, mean, envelope):
            blur_in_place(field, model.envelope_sigma)
        for field in (mean, envelope):
            field.div_(covered.clamp_(min=1e-6))
        scan = cls(counts, measured, mean, envelope, counts.new_zeros(0, 0, 0), model)
        return replace(scan, autocovariance=autocovariance(scan.parts(), counts.shape, model))

    def scale(self, box: Box = EVERYWHERE) -> Volume:
        """What a fringe of relative height 1 is in log(1 + counts)."""
        mean = self.mean[box]
        return (mean + FAINT_ENVELOPE) / (1 + mean)

    def contrast(self, box: Box = EVERYWHERE) -> Volume:
        """(log(1 + counts) - envelope) / scale where measured, else zero."""
        return self.counts[box].log1p().sub_(self.envelope[box]).div_(self.scale(box)).mul_(self.measured[box])

    def noise(self, box: Box = EVERYWHERE) -> Volume:
        """Counting variance of the contrast, from the counts close by."""
        wider, inside = with_margin(box, self.counts.shape, NOISE_MARGIN)
        weight = one_of_equal(self.measured[wider]).to(self.counts.dtype)
        covered = gaussian_blur(weight, NOISE_SIGMA).clamp_(min=1e-6)
        near = gaussian_blur(self.counts[wider], NOISE_SIGMA).div_(covered)[inside].add_(FAINT_COUNTS)
        return near / ((1 + near) * self.scale(box)) ** 2

    def weight(self, box: Box = EVERYWHERE) -> Volume:
        """How much voxels count in the autocovariance: bright ones fully, those not measured not at all."""
        mean = self.mean[box]
        return (mean / (mean + BRIGHT_COUNTS)).mul_(self.measured[box])

    def parts(self) -> "Iterator[Part]":
        """What the autocovariance is summed up from, some frames at a time."""
        some = max(FRAMES_AT_ONCE, VOXELS_AT_ONCE // self.counts[0].numel())
        for first in range(0, len(self.counts), some):
            here, ahead = ((slice(first, first + n), *EVERYWHERE[1:]) for n in (some, some + self.model.reach))
            square = self.weight(here).square_()
            sums = float(square.sum()), float(square.mul_(self.noise(here)).sum())
            yield Part(self.contrast(ahead).mul_(self.weight(ahead)), len(square), *sums)

    def cut_out(self, box: Box) -> "Surroundings":
        """What the estimate of a box is made from."""
        centre = (self.model.reach,) * 3
        departure = self.model.departure * self.autocovariance[centre].clamp(min=1e-3)
        trust = self.measured[box] / (self.noise(box) + departure)
        return Surroundings(trust, self.contrast(box), self.scale(box), self.envelope[box].clone())

    @torch.inference_mode()
    def estimate(self, box: Box) -> Volume:
        """Expected log(1 + counts) in a box of the scan, from what is measured in it."""
        return self.cut_out(box).estimate(self.autocovariance)


def one_of_equal(frames: Bool[Tensor, "frames rows columns"]) -> Bool[Tensor, "some rows columns"]:
    """The first frame alone where all are one in memory, else all."""
    return frames[:1] if frames.stride(0) == 0 else frames


@dataclass(frozen=True)
class Surroundings:
    """A box of a scan taken apart, as in ``Fringes``."""

    trust: Volume
    """Inverse variance of the contrast, zero where not measured."""
    contrast: Volume
    scale: Volume
    envelope: Volume

    @torch.inference_mode()
    def estimate(self, kernel: Lags) -> Volume:
        """Expected log(1 + counts), by the scan's autocovariance."""
        return conditional_mean(kernel, self.trust, self.contrast) * self.scale + self.envelope


@dataclass(frozen=True)
class Part:
    """Some frames of a scan as the autocovariance needs them."""

    weighted: Volume
    """Contrast times weight: these frames and those within reach after them."""
    frames: int
    """How many of them are these frames."""
    weights: float
    """Sum of the squared weights of these frames."""
    noise: float
    """Sum of the squared weights times the counting variance."""


def autocovariance(parts: Iterable[Part], shape: torch.Size, model: FringeModel = SHIPPED) -> Lags:
    """Weighted autocovariance of a scan's contrast less its counting noise, tapered.

    Every frame, transformed along rows and columns, is correlated with itself and the frames within reach after it; the lags
    before are the same, mirrored.
    """
    reach, total, weights, noise = model.reach, torch.zeros(0), 0.0, 0.0
    padded = padded_lengths(shape[1:], reach)
    for part in parts:
        spectra = torch.fft.rfft2(part.weighted, padded)
        these = spectra[: part.frames]
        total = total if total.numel() else spectra.new_zeros(reach + 1, *spectra.shape[1:])
        for lag in range(min(reach + 1, len(spectra))):
            ahead = spectra[lag : lag + part.frames]
            total[lag] += (these[: len(ahead)].conj() * ahead).sum(0)
        weights, noise = weights + part.weights, noise + part.noise
    span = slice(0, 2 * reach + 1)
    lags = torch.fft.irfft2(total, padded).roll((reach, reach), (1, 2))[:, span, span].clone()
    lags[0, reach, reach] -= noise
    distance = torch.arange(-reach, reach + 1, device=lags.device)
    taper = torch.exp(-0.5 * (distance / model.taper_sigma).square())
    both = torch.cat([lags[1:].flip(0, 1, 2), lags])
    return both / max(weights, 1e-6) * taper[:, None, None] * taper[:, None] * taper


@torch.inference_mode()
def smoothed(
    scan: GappedScan, device: str | torch.device = "cpu", model: FringeModel = SHIPPED
) -> Float32[NDArray[np.float32], "frames rows columns"]:
    """Best linear estimate of every voxel in and around the gaps: these are filled, what is measured is freed of noise.

    Parameters
    ----------
    scan : GappedScan
    device : torch device
        Where to compute.
    model : FringeModel
        How the scan is taken apart.

    Returns
    -------
    float32 array
        log(1 + expected counts), NaN where nothing was estimated. Where arms cross, their estimates are averaged.
    """
    mask = scan.mask
    give_back()
    fringes = Fringes.of(torch.from_numpy(scan.counts).to(device), torch.from_numpy(~mask).to(device), model)
    kernel, groups = fringes.autocovariance, group_boxes(scan.slabs, mask.shape, model.context)
    works = [partial(fringes.estimate, box) for box, _ in groups]
    if 4 * sum(volume(box) for box, _ in groups) <= mask.size:  # else the scan takes less memory than all its boxes
        works = [partial(fringes.cut_out(box).estimate, kernel) for box, _ in groups]
        del fringes
    give_back()
    small = mask.size <= MOST_SIDE_BY_SIDE and torch.device(device).type == "cpu"
    estimates = side_by_side(works) if small else [given_back(work) for work in works]
    parts = (
        (box, estimate.clamp_(min=0).cpu().numpy(), (voxels_to_fill(members, mask.shape) | ~mask)[box])
        for (box, members), estimate in zip(groups, estimates, strict=True)
    )
    return overlap_mean(parts, mask.shape, np.float32, len(groups))


def given_back(work: Callable[[], Volume]) -> Volume:
    """The result of some work, without the memory that it took."""
    result = work()
    give_back()
    return result


def guessed(scan: GappedScan, device: str | torch.device = "cpu") -> GappedScan:
    """The scan with kriging's first guess, which is made unless it has one."""
    return scan if scan.guess is not None else scan.with_guess(smoothed(scan, device))


def kriging(scan: GappedScan, device: str | torch.device = "cpu") -> Float32[NDArray[np.float32], "frames rows columns"]:
    """Fill the gaps with the best linear estimate of log(1 + counts), computed on a torch device.

    Returns
    -------
    float32 array
        log(1 + counts) where measured, zero where nothing was estimated.
    """
    return np.where(scan.mask, np.nan_to_num(guessed(scan, device).first_guess), np.log1p(scan.counts))
