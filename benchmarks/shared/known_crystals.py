"""Crystals whose object, amplitude and phase are known, for the studies of phase retrieval, in the Fourier transform's frame.

The three axes are orthogonal, the peak is in the middle of the array, and the same oversampling holds along each axis.
"""

from dataclasses import dataclass

import numpy as np
import torch

from braggfill.base.fourier import box_to_reciprocal
from braggfill.base.smoothing import gaussian_blur
from braggfill.simulation.crystal import FILLED_SHARE_OF_BOX, Crystal, box_round, continuum_object
from braggfill.simulation.degrade import replaced_phase
from braggfill.simulation.measurement import counting_noise
from braggfill.simulation.particle import ParticleRanges, random_body
from braggfill.simulation.strained import dislocated

EDGE_VOXELS = 0.5
"""Width of a crystal's soft edge in voxels of the object."""
SMOOTH_PHASE_RAD, SMOOTH_CORRELATION = 2.5, 0.3
"""Peak to valley of a smooth phase, and its correlation length as a share of the box."""
METAL = "Au"


@dataclass(frozen=True)
class Known:
    """A measurement of a known crystal; arrays are (frames, rows, columns)."""

    amplitude: np.ndarray
    """complex64: square roots of what coherent light would count, with their phases; the peak in the middle."""
    counts: np.ndarray
    """float32."""

    @property
    def crystal(self) -> np.ndarray:
        """The object, complex64, about the middle of the array, its pattern's middle at frequency zero."""
        return object_of(self.amplitude)

    @property
    def peak(self) -> tuple[int, ...]:
        """Index of the brightest voxel, which retrieval brings to frequency zero."""
        return tuple(int(i) for i in np.unravel_index(int(self.counts.argmax()), self.counts.shape))


def object_of(amplitude: np.ndarray, peak: tuple[int, ...] | None = None) -> np.ndarray:
    """The object about the middle of the array whose amplitude is given, frequency zero at ``peak``, else in the middle."""
    centre = peak or tuple(n // 2 for n in amplitude.shape)
    spectrum = torch.from_numpy(np.roll(amplitude, [-c for c in centre], (0, 1, 2)).astype(np.complex64))
    return torch.fft.fftshift(torch.fft.ifftn(spectrum)).numpy()


def measure(
    kind: str,
    seed: int,
    shape: tuple[int, int, int],
    oversampling: float,
    peak_counts: float,
    noise: bool = True,
    blur: float = 0.0,
) -> Known:
    """Measure a faceted crystal without strain (``perfect``), with ``smooth`` strain, or with a screw ``dislocation``.

    ``blur`` is the width in voxels of the Gaussian that partially coherent light folds the pattern with, along every axis.
    """
    rng = np.random.default_rng(seed)
    body = random_body(rng, ParticleRanges(metals=(METAL,), shapes=("winterbottom", "wulff")))
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    size = max(48, int(np.ceil(max(shape) / oversampling / FILLED_SHARE_OF_BOX)) + 1)
    crystal = Crystal(body, None, (1, -1, 1))
    box = box_round(crystal, turned, size)
    drawn = continuum_object(crystal, box, EDGE_VOXELS * size * FILLED_SHARE_OF_BOX * oversampling / max(shape))
    if kind == "smooth":
        drawn = replaced_phase(rng, drawn, SMOOTH_PHASE_RAD, SMOOTH_CORRELATION * size)
    if kind == "dislocation":
        drawn = drawn * torch.from_numpy(dislocated(crystal.particle, box, crystal.g_inv_angstrom))
    step = 2 * np.pi / (oversampling * FILLED_SHARE_OF_BOX * size)
    frames, rows, columns = (step * (torch.arange(n, dtype=torch.float64) - n // 2) for n in shape)
    amplitude = box_to_reciprocal(drawn, (frames, rows, columns))
    amplitude *= peak_counts**0.5 / amplitude.abs().amax()
    expected = amplitude.abs().square()
    expected = gaussian_blur(expected, blur) if blur else expected
    counts = counting_noise(rng, expected) if noise else expected
    return Known(amplitude.numpy(), counts.numpy())


def cross(shape: tuple[int, int, int], width: int, distance: int) -> np.ndarray:
    """A mask (rows, columns), True = not measured: ``distance`` measured voxels after the peak's row, and before its column."""
    rows, columns = shape[1:]
    mask = np.zeros((rows, columns), bool)
    mask[rows // 2 + 1 + distance : rows // 2 + 1 + distance + width] = True
    mask[:, columns // 2 - distance - width : columns // 2 - distance] = True
    return mask
