"""The fit of an object, and of all that the instrument does to its light, to the counts by gradient descent.

The loss is Σ w 4 (√(m + 3/8) - √(c + 3/8))², about one for every measured voxel where the model m is right, or near the
solution the Poisson deviance of m + 3/8 and c + 3/8, plus the priors of the frame factors and of the amplitude's roughness
inside. Its gradient is written out: every array is made once.

References
----------
The square root that makes counts vary alike: F. J. Anscombe, Biometrika 35, 246 (1948), https://doi.org/10.1093/biomet/35.3-4.246
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from braggfill.base.randomness import normal_numbers, poisson_counts, seeded
from braggfill.crystal.model.blur import WIDEST, Blur
from braggfill.crystal.model.box import BoxTransform
from braggfill.crystal.model.coherence import Instrument
from braggfill.crystal.model.descent import descend
from braggfill.crystal.model.diffuse import NARROWEST_SHARE, WIDEST_SHARE, Lorentzian
from braggfill.crystal.model.frames import frames_at_once
from braggfill.crystal.model.levels import FAINT_COUNTS, Level
from braggfill.crystal.model.roughness import interior, pairs, roughness, smooth_phase
from braggfill.crystal.model.shapes import Object, Objects, Parameters, PerStart, Pixels, Supports, Volume, Volumes, Voxels
from braggfill.scan.boxes import as_box, bounding_box

FRAME_SPREAD = 0.03
"""Standard deviation of the frames' log factors."""
FIRST_HALF_WIDTH, HALF_WIDTH_SPREAD = 0.25, 0.7
"""Half width of diffuse scattering in lengths of the window, and the standard deviation of its logarithm."""
ROUGHNESS_SCALE = 1e4
"""The weight μ of the roughness is given in this many units of the loss; μ = 0.3: neighbours inside differ by about 2 %."""
WIDTH_SHARE = 0.05
"""Share of the counts that the second derivative of the loss by a log width is taken for."""
DEAD_TIME_SHARE = 0.2
"""The same share for the root of what the dead time loses at the brightest voxel."""
BACKGROUND_SHARE, HALF_WIDTH_SHARE = 0.1, 0.01
"""Shares of the voxels that those by the logs of the background and of diffuse scattering's height and half widths are."""
ENOUGH = 0.05
"""Share of a free parameter's expected loss by which the loss has to fall on, or the fit ends."""
NARROWEST = 0.15
"""Smallest width of the Gaussian in voxels."""


@dataclass(frozen=True)
class Terms:
    """What the loss consists of."""

    kappa: float = 0.0
    """Share of the counts by which a voxel's counts vary beyond counting noise."""
    mu: float = 0.0
    """Weight of the interior's roughness."""
    smooth: bool = False
    """Whether the phase is to be smooth as well as the amplitude."""
    unbiased: bool = False
    """Whether counts are compared by their Poisson deviance instead of their roots: for an object that is nearly right."""


PLAIN = Terms()


@dataclass(frozen=True)
class Fitted:
    """Objects that were fitted, and the instrument that goes with each."""

    crystal: Objects
    """complex64 (starts, frames, rows, columns), zero outside the support."""
    instrument: Instrument
    loss: PerStart
    """(starts,): in units of the misfit's sum."""


class Likelihood:
    """The loss of objects inside their supports against one level of a scan, and its gradient.

    Parameters are (starts, parameters): real and imaginary parts of the objects in a box that holds all supports, log widths,
    log frame factors, log background, log height and half widths of diffuse scattering, root of the share that dead time takes
    at the brightest voxel; each is scaled so that its second derivative is about one. The objects' phases may not differ
    roughly from those of the ``smooth`` ones.
    """

    def __init__(
        self,
        level: Level,
        support: Supports,
        terms: Terms,
        efficiency: Pixels | None = None,
        smooth: Objects | None = None,
    ) -> None:
        self.level, self.mu = level, terms.mu
        self.compare = poisson if terms.unbiased else anscombe
        self.efficiency = level.target.new_ones(len(support), 1, 1) if efficiency is None else efficiency
        self.weight = level.weighted(terms.kappa)
        self.blur = Blur(level.target)
        self.root = (level.target + FAINT_COUNTS).sqrt_()
        self.box = as_box(bounding_box(support.any(0)))
        self.support = support[(slice(None), *self.box)]
        self.transform = BoxTransform(self.support.shape[1:], level.target)
        self.neighbours = pairs(interior(self.support))
        self.phase = None if smooth is None else smooth_phase(smooth[(slice(None), *self.box)] * self.support)
        total = float((self.weight * level.target).sum())
        self.brightest = float(level.target.max())
        voxels = self.support.flatten(1).sum(1)
        self.free = 2 * voxels
        self.modulus = (total / level.target.numel() / voxels).sqrt()[:, None, None, None]
        self.lengths = level.target.new_tensor(level.shape)
        self.unit = (4 * total / voxels).double()
        self.scales = self._scales(total, voxels)

    def _scales(self, total: float, voxels: PerStart) -> Parameters:
        """Second derivatives' inverse roots (starts, 3 + frames + 2 + 3 + 1) of the instrument's parameters."""
        by_frame = (self.weight * self.level.target).sum((1, 2)) + 1 / FRAME_SPREAD**2
        by_width = by_frame.new_full((3,), WIDTH_SHARE * total)
        by_background = by_frame.new_full((2,), BACKGROUND_SHARE * self.level.target.numel())
        by_half_width = by_frame.new_full((3,), HALF_WIDTH_SHARE * self.level.target.numel())
        by_dead_time = by_frame.new_full((1,), DEAD_TIME_SHARE * total)
        curvatures = torch.cat((by_width, by_frame, by_background, by_half_width, by_dead_time))
        return (self.unit[:, None].float() / curvatures).sqrt()

    def pack(self, crystal: Objects, instrument: Instrument) -> Parameters:
        """Parameters (starts, parameters) of objects on the level's grid and their instrument."""
        inside = (crystal[(slice(None), *self.box)] * self.support / self.modulus).contiguous()
        heights = torch.stack((instrument.background, instrument.diffuse), 1)
        logs = torch.cat((instrument.widths, instrument.frame_factors, heights, instrument.half_widths), 1).log()
        lost = (instrument.dead_time * self.brightest).sqrt()[:, None]
        return torch.cat((torch.view_as_real(inside).flatten(1), torch.cat((logs, lost), 1) / self.scales), 1)

    def unpack(self, parameters: Parameters) -> tuple[Objects, Instrument]:
        """Objects in the box, and the instrument, of parameters."""
        frames = self.level.shape[0]
        voxels = 2 * self.support[0].numel()
        parts = parameters[:, :voxels].unflatten(1, (*self.support.shape[1:], 2)).contiguous()
        crystal = torch.view_as_complex(parts) * (self.support * self.modulus)
        logs, lost = (parameters[:, voxels:] * self.scales).split((frames + 8, 1), 1)
        widths, factors, heights, half_widths = logs.exp().split((3, frames, 2, 3), 1)
        background, diffuse = heights.unbind(1)
        dead_time = lost[:, 0].square() / self.brightest
        widths = widths.clamp(NARROWEST, WIDEST)
        half_widths = half_widths.clamp(NARROWEST_SHARE * self.lengths, WIDEST_SHARE * self.lengths)
        return crystal, Instrument(widths, factors, background, diffuse, half_widths, dead_time, self.efficiency)

    def __call__(self, parameters: Parameters) -> tuple[PerStart, Parameters]:
        """Losses (starts,) and gradients (starts, parameters), both over the second derivative by an object's voxel."""
        crystal, instrument = self.unpack(parameters)
        compared = [self._compare(one, instrument, start) for start, one in enumerate(crystal)]
        loss, by_crystal, by_instrument = (torch.stack(parts) for parts in zip(*compared, strict=True))
        rough, by_roughness = roughness(crystal, self.support, self.neighbours, self.phase)
        strength = self.mu * ROUGHNESS_SCALE
        logs = instrument.frame_factors.log() / FRAME_SPREAD
        breadths = (instrument.half_widths / self.lengths / FIRST_HALF_WIDTH).log() / HALF_WIDTH_SPREAD
        by_instrument[:, 3:-6] += 2 * logs / FRAME_SPREAD
        by_instrument[:, -4:-1] += 2 * breadths / HALF_WIDTH_SPREAD
        by_instrument[:, -1] *= parameters[:, -1].sign()
        loss = loss + strength * rough.double() + logs.square().sum(1) + breadths.square().sum(1)
        by_crystal = (by_crystal + strength * by_roughness) * (self.support * self.modulus)
        gradient = torch.cat((torch.view_as_real(by_crystal).flatten(1), by_instrument * self.scales), 1)
        return loss / self.unit, gradient / self.unit[:, None].float()

    def _compare(self, crystal: Object, instrument: Instrument, start: int) -> tuple[Tensor, Object, Tensor]:
        """Loss of a start, its gradient by the object in the box, and by the instrument (3 + frames + 6,)."""
        transform, blur = self.transform, self.blur
        transform.begin(crystal)
        blur.begin(instrument.widths[start])
        for frames in frames_at_once(self.root):
            blur.planes(frames, self._untapered(transform.forth(frames), frames))
        blur.by_row.close()
        loss, by_rest = self._deviance(instrument, start)
        blur.by_light.close()
        for frames in frames_at_once(self.root):
            transform.back(frames, self._untapered(blur.back(frames), frames))
        return loss, transform.end(), torch.cat((blur.by_widths, by_rest))

    def _untapered(self, light: Volume, frames: slice) -> Volume:
        """Some frames' intensity, or the gradient by it, as it is without the taper."""
        return light / self.level.taper[frames] if self.level.tapered else light

    def _deviance(self, instrument: Instrument, start: int) -> tuple[Tensor, Tensor]:
        """Loss of what was blurred, and its gradient by the instrument but for its blur (frames + 6,).

        That by the light is left with the blur, for the way back.
        """
        background, dead_time, diffuse = (v[start] for v in (instrument.background, instrument.dead_time, instrument.diffuse))
        efficiency, halo = instrument.efficiency[start], Lorentzian(self.level, instrument.half_widths[start])
        losses, by_frame, by_background, by_dead_time, by_diffuse = [], [], [], [], []
        for frames in frames_at_once(self.root):
            factor = instrument.frame_factors[start, frames, None, None] * efficiency
            around = halo.light(frames)
            some = self.blur.light(frames).add_(diffuse * around)
            light = (some * factor).add_(background)
            kept = (light * dead_time).add_(1).reciprocal_()
            counts = light.mul_(kept)
            loss, by_counts = self.compare(counts, self.root[frames], self.weight[frames])
            losses.append(loss)
            by_dead_time.append((counts.square_().mul_(by_counts)).sum())
            by_counts.mul_(kept.square_())
            by_background.append(by_counts.sum())
            by_counts.mul_(factor)
            by_frame.append((some * by_counts).sum((1, 2)))
            torch.mul(by_counts, 4, out=self.blur.by_light.inside[frames])
            by_diffuse.append((by_counts * around).sum())
            halo.learn(around, by_counts)
        slope = -2 * (dead_time / self.brightest).sqrt()
        heights = torch.stack(by_background).sum() * background, torch.stack(by_diffuse).sum() * diffuse
        lost = torch.stack(by_dead_time).sum() * slope
        rest = torch.cat((*by_frame, torch.stack(heights), halo.by_half_widths() * diffuse, lost[None]))
        return 4 * torch.stack(losses).sum(), 4 * rest


def anscombe(counts: Volume, root: Volume, weight: Volume) -> tuple[Tensor, Volume]:
    """A quarter of the loss of expected counts (frames, rows, columns) by the difference of roots, and of its gradient.

    It is quadratic in the amplitude, and forgiving far from the solution; but the mean root of counts lies below the root of
    their mean, so that what is fitted is a quarter of a count too low, or a third in voxels of less than one.
    """
    expected = (counts + FAINT_COUNTS).sqrt_()
    excess = expected - root
    by_counts = excess * weight
    loss = excess.mul_(by_counts).sum(dtype=torch.float64)
    return loss, by_counts.div_(expected)


def poisson(counts: Volume, root: Volume, weight: Volume) -> tuple[Tensor, Volume]:
    """The same by the Poisson deviance of counts and expectation, 3/8 added to both; the gradient is (frames, rows, columns).

    It is without bias however faint a voxel is.
    """
    expected, target = counts + FAINT_COUNTS, root.square()
    ratio = target / expected
    by_counts = (1 - ratio).mul_(weight).mul_(0.5)
    loss = expected.sub_(target).addcmul_(target, ratio.log_()).mul_(weight).sum(dtype=torch.float64)
    return loss / 2, by_counts


def fit(
    level: Level,
    crystal: Objects,
    support: Supports,
    instrument: Instrument,
    evaluations: int,
    terms: Terms = PLAIN,
) -> Fitted:
    """Fit objects inside their supports, and their instrument, to a level.

    Parameters
    ----------
    level : Level
    crystal : complex64 tensor (starts, frames, rows, columns)
        What to begin with.
    support : bool tensor (starts, frames, rows, columns)
    instrument : Instrument
    evaluations : int
        Of the loss and its gradient, at most.
    terms : Terms, optional
        Of the loss.

    Returns
    -------
    Fitted
    """
    likelihood = Likelihood(level, support, terms, instrument.efficiency, crystal if terms.smooth else None)
    enough = ENOUGH * likelihood.free / likelihood.unit
    parameters, loss = descend(likelihood, likelihood.pack(crystal, instrument), evaluations, enough)
    inside, found = likelihood.unpack(parameters)
    whole = torch.zeros_like(crystal)
    whole[(slice(None), *likelihood.box)] = inside
    return Fitted(whole, found, loss * likelihood.unit)


def misfit(level: Level, expected: Volumes, kappa: float = 0.0) -> PerStart:
    """Mean of w 4 (√(m + 3/8) - √(c + 3/8))² over the measured voxels, for each start's expected counts m."""
    return mean_square(expected, level.target, level.weighted(kappa), level.measured)


def noise_misfit(level: Level, expected: Volumes, kappa: float = 0.0, varied: float = 0.0, seed: int = 0) -> PerStart:
    """The misfit (starts,) that the model's own counts would have with Poisson noise, and if they varied by a share besides."""
    generator = seeded(seed)
    light = expected
    if varied:
        spread = normal_numbers(expected.shape, generator, expected.device)
        light = expected * spread.mul_(varied).add_(1).clamp_(min=0)
    drawn = poisson_counts(light, generator)
    return mean_square(expected, drawn, level.weighted(kappa), level.measured)


def mean_square(expected: Volumes, counts: Volumes, weight: Volume, where: Voxels) -> PerStart:
    """Weighted mean square of the doubled roots' difference over some voxels, (starts,)."""
    return square_errors(expected, counts, weight).mul_(where).flatten(1).sum(1) / where.sum()


def square_errors(expected: Volumes, counts: Volumes, weight: Volume) -> Volumes:
    """Weighted squares of the doubled roots' difference."""
    difference = (expected + FAINT_COUNTS).sqrt_().sub_((counts + FAINT_COUNTS).sqrt_())
    return difference.square_().mul_(weight).mul_(4)
