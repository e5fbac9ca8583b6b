"""What tells a real crystal from an ideal one: round edges, uneven modulus, other phases (S2.2).

References
----------
Supplement of M. Masto et al., J. Appl. Cryst. 57, 966 (2024), https://arxiv.org/abs/2403.08596
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex64
from torch import Tensor

from braggfill.base.ranges import check_ranges, log_uniform
from braggfill.base.smoothing import correlated_field, gaussian_blur
from braggfill.simulation.realism import SUPPORT_SHARE

Object = Complex64[Tensor, "x y z"]
VANISHING = 1e-20
"""Modulus so small that its phase does not matter."""


@dataclass(frozen=True)
class ObjectRanges:
    """Ranges of the changes to an object; lengths are shares of its box, phases in radians."""

    smoothing: tuple[float, float] = (0.004, 0.014)
    """Gaussian blur of the modulus, which rounds edges and corners."""
    modulus_noise: tuple[float, float] = (0.0, 0.15)
    """Standard deviation of the correlated noise on the modulus."""
    modulus_correlation: tuple[float, float] = (0.02, 0.25)
    phase_share: float = 0.5
    """Objects whose phase is replaced by a correlated profile."""
    phase_range_rad: tuple[float, float] = (0.05, 3 * np.pi)
    """Peak to valley of that profile, log-uniform."""
    phase_correlation: tuple[float, float] = (0.08, 0.4)

    def __post_init__(self) -> None:
        shares = dict.fromkeys(("smoothing", "modulus_noise", "phase_correlation", "modulus_correlation"), (0, 1))
        check_ranges(self, ("phase_range_rad", "phase_correlation", "modulus_correlation"), shares)


def smooth_modulus(crystal: Object, sigma: float) -> Object:
    """Blur the modulus of an object by ``sigma`` voxels, its phase left alone, and cut it off outside the support."""
    modulus = crystal.abs()
    smooth = gaussian_blur(modulus, sigma)
    return crystal * (torch.where(smooth > SUPPORT_SHARE * smooth.amax(), smooth, 0.0) / modulus.clamp(min=VANISHING))


def uneven_modulus(rng: np.random.Generator, crystal: Object, noise: float, correlation: float) -> Object:
    """Multiply an object by 1 plus correlated noise of a standard deviation; it is never turned below zero."""
    field = correlated_field(rng, tuple(crystal.shape), correlation, crystal.device)
    return crystal * (1 + noise * field).clamp(min=0)


def replaced_phase(rng: np.random.Generator, crystal: Object, range_rad: float, correlation: float) -> Object:
    """Give an object a correlated phase whose range inside the crystal, peak to valley, is ``range_rad``."""
    modulus = crystal.abs()
    field = correlated_field(rng, tuple(crystal.shape), correlation, crystal.device)
    inside = field[modulus > 0.5 * modulus.max()]
    return torch.polar(modulus, field * (range_rad / (inside.max() - inside.min())))


def degraded_object(rng: np.random.Generator, crystal: Object, ranges: ObjectRanges | None = None) -> Object:
    """Draw all changes of S2.2 and make them.

    Parameters
    ----------
    rng : numpy Generator
    crystal : complex64 tensor
        Object in its box.
    ranges : ObjectRanges, optional
    """
    ranges, size = ranges or ObjectRanges(), crystal.shape[0]
    crystal = smooth_modulus(crystal, size * rng.uniform(*ranges.smoothing))
    if rng.random() < ranges.phase_share:
        range_rad = log_uniform(rng, ranges.phase_range_rad)
        crystal = replaced_phase(rng, crystal, range_rad, size * rng.uniform(*ranges.phase_correlation))
    noise = rng.uniform(*ranges.modulus_noise)
    return uneven_modulus(rng, crystal, noise, size * rng.uniform(*ranges.modulus_correlation))
