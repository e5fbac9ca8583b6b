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
from braggfill.crystal.model.shapes import Amplitude, Intensity, Objects, PerAxis, PerFrame, PerStart, Pixels, Volumes
from braggfill.crystal.model.windows import Window

FLOOR_COUNTS = 0.1
"""Expected counts below this many are taken as this many when an amplitude is scaled to its counts."""
LARGEST_RATIO = 10.0
"""Most that a projection multiplies an amplitude by."""
SPACE = (-3, -2, -1)
"""Axes of frames, rows and columns; before them comes that of the starts."""


@dataclass(frozen=True)
class Instrument:
    """What a scan adds to a coherent pattern, for each of several starts."""

    widths: PerAxis
    """float32 (starts, 3): standard deviations of the Gaussian in voxels."""
    frame_factors: PerFrame
    """float32 (starts, frames)."""
    background: PerStart
    """float32 (starts,): counts a voxel."""
    diffuse: PerStart
    """float32 (starts,): diffuse scattering's counts at the peak."""
    half_widths: PerAxis
    """float32 (starts, 3): of the diffuse scattering at half its height, in voxels."""
    dead_time: PerStart
    """float32 (starts,): share of the light that is lost for each count of it."""
    efficiency: Pixels
    """float32 (starts, rows, columns): of the detector's pixels, about 1; (starts, 1, 1) of an even detector."""


def squared_modulus(amplitude: Amplitude) -> Intensity:
    """|A|², float32."""
    real, imaginary = torch.view_as_real(amplitude).unbind(-1)
    return real.square().addcmul_(imaginary, imaginary)


def expected_counts(crystal: Objects, instrument: Instrument | None, window: Window) -> Volumes:
    """Counts that tapered objects (starts, frames, rows, columns) lead to expect; of full coherence without an instrument."""
    intensity = squared_modulus(torch.fft.fftn(crystal, dim=SPACE)).div_(window.taper)
    return intensity if instrument is None else measured_by(intensity, instrument, window)


def measured_by(intensity: Volumes, instrument: Instrument, window: Window) -> Volumes:
    """What an instrument makes of coherent intensities (starts, frames, rows, columns) in a window."""
    light = blurred(intensity, instrument.widths)
    light += diffuse_light(window, instrument.diffuse, instrument.half_widths)
    light *= instrument.frame_factors[:, :, None, None]
    light *= instrument.efficiency[:, None]
    light += instrument.background[:, None, None, None]
    return light.div_(1 + instrument.dead_time[:, None, None, None] * light)


def project_modulus(amplitude: Objects, level: Level, instrument: Instrument | None = None) -> Objects:
    """Scale amplitudes, in place, by the root of the counts allowed over those expected; phases stay.

    Parameters
    ----------
    amplitude : complex64 tensor (starts, frames, rows, columns)
        Of tapered objects.
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
