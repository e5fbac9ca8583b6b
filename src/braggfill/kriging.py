"""A fill that knows how the scan's fringes are correlated: the best linear estimate from all measured voxels around a gap.

The Fourier transform of a diffracted intensity is the crystal's autocorrelation, so that fringes repeat with periods the
whole scan shares. Here log(1 + counts) is taken as a smooth envelope plus fringes: a Gaussian random field whose
autocovariance is measured on the scan itself, under counting noise of known variance. Its conditional mean in the gap is
the solution of a linear system over the voxels around, found by conjugate gradients with one pair of FFTs a step. Any
shape of gap is welcome.

References
----------
C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), chapter 2,
https://doi.org/10.7551/mitpress/3206.001.0001
M. R. Hestenes and E. Stiefel, J. Res. Natl. Bur. Stand. 49, 409 (1952), https://doi.org/10.6028/jres.049.044
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from braggfill.gaps import Slab, voxels_to_fill
from braggfill.smoothing import gaussian_blur

ENVELOPE_SIGMA = 4.0
"""Gaussian width of the envelope in voxels: about one fringe."""
NOISE_SIGMA = 1.0
"""Gaussian width in voxels over which the counts are averaged to tell their noise."""
FAINT_COUNTS = 0.02
"""Added to the local mean before its noise is told: an empty neighbourhood is not certain to be empty."""
FAINT_ENVELOPE = 0.005
"""Added to the envelope in counts before the fringes are measured against it."""
BRIGHT_COUNTS = 10.0
"""Local counts from which on a voxel has full weight in the autocovariance."""
REACH = 16
"""Lags beyond this many voxels are taken as uncorrelated."""
CONTEXT = 8
"""How many voxels around a gap are looked at."""
TAPER_SIGMA = 8.0
"""Gaussian width in voxels by which the measured autocovariance is tapered."""
DEPARTURE = 0.3
"""Variance of what does not follow the model, as a share of the fringes' own."""
STEPS = 40
"""Most steps of the conjugate gradients."""
TOLERANCE = 1e-9
"""They stop when the squared residual is this small a share of what it was."""
TYPICAL_WEIGHT = 0.1
"""Statistical weight that the preconditioner takes every voxel to have, as a share of the largest."""


@dataclass(frozen=True)
class Fringes:
    """A scan as an envelope and what rides on it; tensors are float32 (frames, rows, columns)."""

    envelope: Tensor
    """Local mean of log(1 + counts)."""
    scale: Tensor
    """What a fringe of relative height 1 is in log(1 + counts)."""
    contrast: Tensor
    """(log(1 + counts) - envelope) / scale where measured, else zero."""
    noise: Tensor
    """Counting variance of the contrast."""
    measured: Tensor
    """Bool."""
    autocovariance: Tensor
    """Of the contrast at lags -REACH … REACH along each axis, zero lag in the middle."""

    @classmethod
    def of(cls, values: Tensor, measured: Tensor) -> "Fringes":
        """Take a scan apart; ``values`` is log(1 + counts), anything where not ``measured``."""
        values = torch.where(measured, values, 0)
        counts = torch.expm1(values)
        weight = measured.to(values.dtype)
        covered = gaussian_blur(weight, ENVELOPE_SIGMA).clamp(min=1e-6)
        mean, envelope = (gaussian_blur(v, ENVELOPE_SIGMA) / covered for v in (counts, values))
        near = gaussian_blur(counts, NOISE_SIGMA) / gaussian_blur(weight, NOISE_SIGMA).clamp(min=1e-6)
        scale = (mean + FAINT_ENVELOPE) / (1 + mean)
        contrast = (values - envelope) / scale * weight
        bright = weight * mean / (mean + BRIGHT_COUNTS)
        near = near + FAINT_COUNTS
        noise = near / ((1 + near) * scale) ** 2
        return cls(envelope, scale, contrast, noise, measured, autocovariance(contrast, noise, bright))

    def estimate(self, box: tuple[slice, slice, slice]) -> Tensor:
        """Expected log(1 + counts) in a box of the scan, from what is measured in it."""
        measured, contrast, noise = (v[box] for v in (self.measured, self.contrast, self.noise))
        departure = DEPARTURE * self.autocovariance[REACH, REACH, REACH].clamp(min=1e-3)
        return self.envelope[box] + self.scale[box] * conditional_mean(
            self.autocovariance, measured / (noise + departure), contrast
        )


def autocovariance(contrast: Tensor, noise: Tensor, weight: Tensor) -> Tensor:
    """Weighted autocovariance (2 REACH + 1 a side) of a scan's contrast less its counting noise, tapered."""
    padded = padded_lengths(contrast.shape)
    power = torch.fft.rfftn(contrast * weight, padded).abs().square()
    lags = torch.fft.irfftn(power, padded).roll((REACH,) * 3, (0, 1, 2))[(slice(0, 2 * REACH + 1),) * 3].clone()
    lags[REACH, REACH, REACH] -= (weight.square() * noise).sum()
    lag = torch.arange(-REACH, REACH + 1, device=lags.device)
    taper = torch.exp(-0.5 * (lag / TAPER_SIGMA).square())
    return lags / weight.square().sum().clamp(min=1e-6) * taper[:, None, None] * taper[:, None] * taper


def padded_lengths(shape: torch.Size) -> list[int]:
    """Lengths of transforms in which lags up to REACH do not wrap round, quick to transform."""
    return [next_fast_len(max(n + REACH, 2 * REACH + 1), real=True) for n in shape]


def conditional_mean(kernel: Tensor, weight: Tensor, data: Tensor) -> Tensor:
    """Expectation f of a Gaussian field, given its data: (S⁻¹ + W) f = W data, with S the field's autocovariance.

    Conjugate gradients, preconditioned by the solution z = (S⁻¹ + τ)⁻¹ r for one weight τ everywhere, which is a product in
    Fourier space. S⁻¹ itself never appears: (S⁻¹ + W) z = r + (W - τ) z.

    Parameters
    ----------
    kernel : float32 tensor (2 REACH + 1 along each axis)
        Autocovariance, zero lag in the middle; the field is uncorrelated beyond and nothing wraps round the borders.
    weight, data : float32 tensors (frames, rows, columns)
        Inverse variance of the data's noise, zero where there are none.

    Returns
    -------
    float32 tensor (frames, rows, columns)
    """
    padded, inside = padded_lengths(data.shape), tuple(slice(0, n) for n in data.shape)
    spread = kernel.new_zeros(padded)
    spread[(slice(0, 2 * REACH + 1),) * 3] = kernel
    spectrum = torch.fft.rfftn(spread.roll((-REACH,) * 3, (0, 1, 2))).real.clamp(min=0)
    typical = TYPICAL_WEIGHT * weight.max()
    solve, beyond = spectrum / (1 + typical * spectrum), -typical.expand(padded).clone()
    beyond[inside] += weight
    residual, field = kernel.new_zeros(padded), kernel.new_zeros(padded)
    residual[inside] = weight * data
    direction, image, square, goal = field.clone(), field.clone(), torch.inf, 0.0
    for _ in range(STEPS):
        step = torch.fft.irfftn(torch.fft.rfftn(residual).mul_(solve), padded)
        previous, square = square, float(torch.dot(residual.view(-1), step.view(-1)))
        goal = goal or TOLERANCE * square
        if square <= goal:
            break
        direction.mul_(square / previous).add_(step)
        image.mul_(square / previous).add_(residual).addcmul_(beyond, step)
        length = square / float(torch.dot(direction.view(-1), image.view(-1)))
        field.add_(direction, alpha=length)
        residual.sub_(image, alpha=length)
    return field[inside]


Box = tuple[slice, slice, slice]


def group_boxes(slabs: list[Slab], shape: tuple[int, ...]) -> list[tuple[Box, list[Slab]]]:
    """Boxes with CONTEXT voxels around the slabs in them; slabs share a box where that is no larger than theirs together."""
    groups: list[tuple[Box, list[Slab]]] = []
    for slab in slabs:
        frames, rows, columns = slab.bounds
        box, members = (frames, rows, columns), [slab]
        box = _widened(box, shape)
        for other in list(groups):
            together = _union(box, other[0])
            if _volume(together) <= _volume(box) + _volume(other[0]):
                groups.remove(other)
                box, members = together, other[1] + members
        groups.append((box, members))
    return groups


def _widened(box: Box, shape: tuple[int, ...]) -> Box:
    frames, rows, columns = (
        slice(max(s.start - CONTEXT, 0), min(s.stop + CONTEXT, n)) for s, n in zip(box, shape, strict=True)
    )
    return frames, rows, columns


def _union(one: Box, other: Box) -> Box:
    frames, rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return frames, rows, columns


def _volume(box: Box) -> int:
    return math.prod(s.stop - s.start for s in box)


@torch.inference_mode()
def smoothed(values: np.ndarray, mask: np.ndarray, slabs: list[Slab], device: str | torch.device = "cpu") -> np.ndarray:
    """Best linear estimate of every voxel in and around the slabs: gaps are filled, what is measured is freed of noise.

    Parameters
    ----------
    values, mask : arrays (frames, rows, columns)
        log(1 + counts), float32; mask True = not measured.
    slabs : list of Slab
    device : torch device
        Where to compute.

    Returns
    -------
    float32 array (frames, rows, columns)
        log(1 + expected counts), NaN where nothing was estimated. Where arms cross, their estimates are averaged.
    """
    fringes = Fringes.of(torch.from_numpy(values).to(device), torch.from_numpy(~mask).to(device))
    total, count = np.zeros(mask.shape, np.float32), np.zeros(mask.shape, np.float32)
    for box, members in group_boxes(slabs, mask.shape):
        use = (voxels_to_fill(members, mask.shape) | ~mask)[box]
        total[box] += np.where(use, fringes.estimate(box).clamp(min=0).cpu().numpy(), 0)
        count[box] += use
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def kriging(values: np.ndarray, mask: np.ndarray, slabs: list[Slab]) -> np.ndarray:
    """Fill every slab with the best linear estimate; parameters as for ``smoothed``.

    Returns
    -------
    float32 array (frames, rows, columns)
        Measured voxels as they were, voxels that no slab holds are zero.
    """
    return np.where(mask, np.nan_to_num(smoothed(values, mask, slabs)), values)
