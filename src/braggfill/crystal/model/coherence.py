"""Partial coherence and the instrument: what becomes of |FFT(object)|² before it is counted.

Light = frame factor × pixel efficiency × (|FFT(object)|² ⊗ Gaussian of three widths + diffuse scattering) + flat background;
expected counts = light / (1 + dead time × light), as a detector without paralysis has them. The Gaussian is the Fourier
transform of the degree of coherence.

References
----------
J. N. Clark, X. Huang, R. Harder, I. K. Robinson, Nat. Commun. 3, 993 (2012), https://doi.org/10.1038/ncomms1994
"""

from dataclasses import dataclass

import torch

from braggfill.crystal.model.blur import blurred
from braggfill.crystal.model.diffuse import diffuse_light
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.shapes import Number, Object, PerAxis, PerFrame, Pixels, Volume
from braggfill.crystal.model.windows import Window

FLOOR_COUNTS = 0.1
"""Expected counts below this many are taken as this many when an amplitude is scaled to its counts."""
LARGEST_RATIO = 10.0
"""Most that a projection multiplies an amplitude by."""


@dataclass(frozen=True)
class Instrument:
    """What a scan adds to a coherent pattern; tensors are float32."""

    widths: PerAxis
    """(3,): standard deviations of the Gaussian in voxels."""
    frame_factors: PerFrame
    """(frames,)"""
    background: Number
    """Counts a voxel."""
    diffuse: Number
    """Diffuse scattering's counts at the peak."""
    half_widths: PerAxis
    """(3,): of the diffuse scattering at half its height, in voxels."""
    dead_time: Number
    """Share of the light that is lost for each count of it."""
    efficiency: Pixels
    """(rows, columns): of the detector's pixels, about 1; (1, 1) of an even detector."""


def squared_modulus(amplitude: Object) -> Volume:
    """|A|², float32 (frames, rows, columns)."""
    real, imaginary = torch.view_as_real(amplitude).unbind(-1)
    return real.square().addcmul_(imaginary, imaginary)


def expected_counts(crystal: Object, instrument: Instrument | None, window: Window) -> Volume:
    """Counts that a tapered object (frames, rows, columns) leads to expect; of full coherence without an instrument."""
    intensity = squared_modulus(torch.fft.fftn(crystal)).div_(window.taper)
    return intensity if instrument is None else measured_by(intensity, instrument, window)


def measured_by(intensity: Volume, instrument: Instrument, window: Window) -> Volume:
    """What an instrument makes of a coherent intensity (frames, rows, columns) in a window; what that held is lost."""
    light = blurred(intensity, instrument.widths)
    light += diffuse_light(window, instrument.diffuse, instrument.half_widths)
    light *= instrument.frame_factors[:, None, None]
    light *= instrument.efficiency
    light += instrument.background
    return light.div_(1 + instrument.dead_time * light)


def project_modulus(amplitude: Object, level: Level, instrument: Instrument | None = None) -> Object:
    """Scale an amplitude, in place, by the root of the counts allowed over those expected; phases stay.

    Parameters
    ----------
    amplitude : complex64 tensor (frames, rows, columns)
        Of a tapered object.
    level : Level
        With the interval of the counts; its ends coincide where a voxel was measured.
    instrument : Instrument, optional
        What blurs the intensity; without one this is the usual modulus projection.
    """
    expected = squared_modulus(amplitude).div_(level.taper)
    if instrument is not None:
        expected = measured_by(expected, instrument, level)
    expected.clamp_(min=FLOOR_COUNTS)
    ratio = torch.clamp(expected, level.low, level.high).div_(expected).sqrt_().clamp_(max=LARGEST_RATIO)
    return amplitude.mul_(ratio)
