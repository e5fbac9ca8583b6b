"""The fit of an object, and of all that the instrument does to its light, to the counts by gradient descent.

The loss is Σ w 4 (√(m + 3/8) - √(c + 3/8))², about one for every measured voxel where the model m is right, or near the
solution the Poisson deviance of m + 3/8 and c + 3/8, plus the priors of the frame factors, of the half widths of diffuse
scattering and of the amplitude's roughness inside. Its gradient is written out: every array is made once.

References
----------
The square root that makes counts vary alike: F. J. Anscombe, Biometrika 35, 246 (1948), https://doi.org/10.1093/biomet/35.3-4.246
"""

from dataclasses import dataclass

import torch

from braggfill.crystal.model.blur import WIDEST, Blur
from braggfill.crystal.model.box import BoxTransform
from braggfill.crystal.model.coherence import Instrument
from braggfill.crystal.model.descent import descend
from braggfill.crystal.model.diffuse import NARROWEST_SHARE, WIDEST_SHARE, Lorentzian
from braggfill.crystal.model.frames import frames_at_once
from braggfill.crystal.model.levels import ANSCOMBE, Level
from braggfill.crystal.model.roughness import interior, pairs, roughness, smooth_phase
from braggfill.crystal.model.shapes import Number, Object, Parameters, Pixels, Volume, Voxels
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
    """An object that was fitted, and its instrument."""

    crystal: Object
    """complex64 (frames, rows, columns), zero outside the support."""
    instrument: Instrument
    loss: Number
    """In units of the misfit's sum."""


class Likelihood:
    """The loss of an object inside its support against one level of a scan, and its gradient.

    Parameters (parameters,) are real and imaginary parts of the object in a box that holds the support, then log widths, log
    frame factors, log background, log height and half widths of diffuse scattering, root of the share that dead time takes at
    the brightest voxel; each is scaled so that its second derivative is about one. The object's phase may not differ roughly
    from that of the ``smooth`` one.
    """

    def __init__(
        self,
        level: Level,
        support: Voxels,
        terms: Terms,
        efficiency: Pixels | None = None,
        smooth: Object | None = None,
    ) -> None:
        self.level, self.mu = level, terms.mu
        self.compare = poisson if terms.unbiased else anscombe
        self.efficiency = level.target.new_ones(1, 1) if efficiency is None else efficiency
        self.weight = level.weighted(terms.kappa)
        self.blur = Blur(level.target)
        self.root = (level.target + ANSCOMBE).sqrt_()
        self.box = as_box(bounding_box(support))
        self.support = support[self.box]
        self.transform = BoxTransform(self.support.shape, level.target)
        self.neighbours = pairs(interior(self.support))
        self.phase = None if smooth is None else smooth_phase(smooth[self.box] * self.support)
        self.sizes = 3, level.shape[0], 2, 3, 1
        self.brightest = float(level.target.max())
        self.lengths = level.target.new_tensor(level.shape)
        total, voxels = float((self.weight * level.target).sum()), self.support.sum()
        self.free = 2 * voxels
        self.modulus = (total / level.target.numel() / voxels).sqrt()
        self.unit = (4 * total / voxels).double()
        self.scales = (self.unit.float() / self._curvatures(total)).sqrt()

    def _curvatures(self, total: float) -> Parameters:
        """Second derivatives of the loss by the instrument's parameters; ``total`` are the counts as they are weighed."""
        by_frame = (self.weight * self.level.target).sum((1, 2)) + 1 / FRAME_SPREAD**2
        by_width = by_frame.new_full((3,), WIDTH_SHARE * total)
        by_height = by_frame.new_full((2,), BACKGROUND_SHARE * self.level.target.numel())
        by_half_width = by_frame.new_full((3,), HALF_WIDTH_SHARE * self.level.target.numel())
        by_dead_time = by_frame.new_full((1,), DEAD_TIME_SHARE * total)
        return torch.cat((by_width, by_frame, by_height, by_half_width, by_dead_time))

    def pack(self, crystal: Object, instrument: Instrument) -> Parameters:
        """Parameters of an object on the level's grid and its instrument."""
        inside = (crystal[self.box] * self.support / self.modulus).contiguous()
        heights = torch.stack((instrument.background, instrument.diffuse))
        logs = torch.cat((instrument.widths, instrument.frame_factors, heights, instrument.half_widths)).log()
        lost = (instrument.dead_time * self.brightest).sqrt()
        return torch.cat((torch.view_as_real(inside).flatten(), torch.cat((logs, lost[None])) / self.scales))

    def unpack(self, parameters: Parameters) -> tuple[Object, Instrument]:
        """The object in the box, and the instrument, of parameters."""
        voxels = 2 * self.support.numel()
        parts = parameters[:voxels].unflatten(0, (*self.support.shape, 2)).contiguous()
        crystal = torch.view_as_complex(parts) * (self.support * self.modulus)
        *logs, lost = (parameters[voxels:] * self.scales).split(self.sizes)
        widths, factors, heights, half_widths = (log.exp() for log in logs)
        background, diffuse = heights
        dead_time = lost[0].square() / self.brightest
        widths = widths.clamp(NARROWEST, WIDEST)
        half_widths = half_widths.clamp(NARROWEST_SHARE * self.lengths, WIDEST_SHARE * self.lengths)
        return crystal, Instrument(widths, factors, background, diffuse, half_widths, dead_time, self.efficiency)

    def __call__(self, parameters: Parameters) -> tuple[Number, Parameters]:
        """Loss and gradient (parameters,), both over the second derivative by an object's voxel."""
        crystal, instrument = self.unpack(parameters)
        loss, by_crystal, by_instrument = self._compare(crystal, instrument)
        rough, by_roughness = roughness(crystal, self.support, self.neighbours, self.phase)
        strength = self.mu * ROUGHNESS_SCALE
        logs = instrument.frame_factors.log() / FRAME_SPREAD
        breadths = (instrument.half_widths / self.lengths / FIRST_HALF_WIDTH).log() / HALF_WIDTH_SPREAD
        _, by_factors, _, by_half_widths, by_lost = by_instrument.split(self.sizes)  # views, by which it is changed
        by_factors += 2 * logs / FRAME_SPREAD
        by_half_widths += 2 * breadths / HALF_WIDTH_SPREAD
        by_lost *= parameters[-1].sign()
        loss = loss + strength * rough.double() + logs.square().sum() + breadths.square().sum()
        by_crystal = (by_crystal + strength * by_roughness) * (self.support * self.modulus)
        gradient = torch.cat((torch.view_as_real(by_crystal).flatten(), by_instrument * self.scales))
        return loss / self.unit, gradient / self.unit.float()

    def _compare(self, crystal: Object, instrument: Instrument) -> tuple[Number, Object, Parameters]:
        """Loss, its gradient by the object in the box, and by the instrument's parameters but for the sign of the last."""
        transform, blur = self.transform, self.blur
        transform.begin(crystal)
        blur.begin(instrument.widths)
        for frames in frames_at_once(self.root):
            blur.planes(frames, self._untapered(transform.forth(frames), frames))
        blur.by_row.close()
        loss, by_rest = self._after_the_blur(instrument)
        blur.by_light.close()
        for frames in frames_at_once(self.root):
            transform.back(frames, self._untapered(blur.back(frames), frames))
        return loss, transform.end(), torch.cat((blur.by_widths, by_rest))

    def _untapered(self, light: Volume, frames: slice) -> Volume:
        """Some frames' intensity, or the gradient by it, as it is without the taper."""
        return light / self.level.taper[frames] if self.level.tapered else light

    def _after_the_blur(self, instrument: Instrument) -> tuple[Number, Parameters]:
        """Loss of what was blurred, and its gradient by the instrument's parameters but for the widths of its blur.

        That by the light is left with the blur, for the way back.
        """
        dead_time, halo = instrument.dead_time, Lorentzian(self.level, instrument.half_widths)
        losses, by_frame, by_background, by_dead_time, by_diffuse = [], [], [], [], []
        for frames in frames_at_once(self.root):
            factor = instrument.frame_factors[frames, None, None] * instrument.efficiency
            around = halo.light(frames)
            some = self.blur.light(frames).add_(instrument.diffuse * around)
            light = (some * factor).add_(instrument.background)
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
        sums = (torch.stack(parts).sum() for parts in (by_background, by_diffuse, by_dead_time))
        scales = instrument.background, instrument.diffuse, slope
        *by_heights, by_lost = (total * scale for total, scale in zip(sums, scales, strict=True))
        by_half_widths = halo.by_half_widths() * instrument.diffuse
        rest = torch.cat((*by_frame, torch.stack(by_heights), by_half_widths, by_lost[None]))
        return 4 * torch.stack(losses).sum(dtype=torch.float64), 4 * rest


def anscombe(counts: Volume, root: Volume, weight: Volume) -> tuple[Number, Volume]:
    """A quarter of the loss of expected counts (frames, rows, columns) by the difference of roots, and of its gradient.

    It is quadratic in the amplitude, and forgiving far from the solution; but the mean root of counts lies below the root of
    their mean, so that what is fitted is a quarter of a count too low, or a third in voxels of less than one.
    """
    expected = (counts + ANSCOMBE).sqrt_()
    excess = expected - root
    by_counts = excess * weight
    loss = excess.mul_(by_counts).sum()
    return loss, by_counts.div_(expected)


def poisson(counts: Volume, root: Volume, weight: Volume) -> tuple[Number, Volume]:
    """The same by the Poisson deviance of counts and expectation, 3/8 added to both; the gradient is (frames, rows, columns).

    It is without bias however faint a voxel is.
    """
    expected, target = counts + ANSCOMBE, root.square()
    ratio = target / expected
    by_counts = (1 - ratio).mul_(weight).mul_(0.5)
    loss = expected.sub_(target).addcmul_(target, ratio.log_()).mul_(weight).sum()
    return loss / 2, by_counts


def fit(
    level: Level,
    crystal: Object,
    support: Voxels,
    instrument: Instrument,
    evaluations: int,
    terms: Terms = PLAIN,
) -> Fitted:
    """Fit an object inside its support, and its instrument, to a level.

    Parameters
    ----------
    level : Level
    crystal : complex64 tensor (frames, rows, columns)
        What to begin with.
    support : bool tensor (frames, rows, columns)
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
    whole[likelihood.box] = inside
    return Fitted(whole, found, loss * likelihood.unit)
