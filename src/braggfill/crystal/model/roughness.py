"""A crystal is smooth inside: how rough an object is where its edges have no say.

An object on which retrieval got stuck has the right shape and phase and carries stripes in its amplitude; the sum over
neighbours inside of (|x| - |x'|)², x over its root mean square, tells it from the true one. Once the object is known but for
noise, its phase is asked to be smooth as well: |x u* - x' u'*|², u the phase of the object smoothed, so that neither strain nor
a ramp counts as rough. What fringes far from the peak then are made of is the surface.
"""

import torch

from braggfill.base.smoothing import gaussian_blur
from braggfill.crystal.model.shapes import Number, Object, Volume, Voxels

DEEPEST = 4
"""Most voxels that the support is eroded by."""
LEAST_SHARE = 0.25
"""Least share of the support that is left."""
TINY = 1e-12
"""Added to a modulus before it divides."""
SMOOTH_OVER = 1.5
"""Width in voxels of the Gaussian that a phase is smoothed with."""


def eroded(support: Voxels) -> Voxels:
    """A support (frames, rows, columns) less every voxel with a neighbour along an axis outside."""
    inner = support.clone()
    for window in neighbours(support):
        inner &= window
    return inner


def dilated(support: Voxels) -> Voxels:
    """A support (frames, rows, columns) and every voxel with a neighbour along an axis inside."""
    outer = support.clone()
    for window in neighbours(support):
        outer |= window
    return outer


def neighbours(support: Voxels) -> list[Voxels]:
    """For each of the six directions whether the next voxel is inside; beyond the array none is."""
    padded = torch.nn.functional.pad(support, (1, 1, 1, 1, 1, 1))
    centres = {axis: (1, n) for axis, n in enumerate(support.shape)}
    windows = []
    for axis in centres:
        for start in (0, 2):
            window = padded
            for other, (centre, length) in centres.items():
                window = window.narrow(other, start if other == axis else centre, length)
            windows.append(window)
    return windows


def interior(support: Voxels) -> Voxels:
    """A support eroded by up to ``DEEPEST`` voxels, as long as ``LEAST_SHARE`` of it is left."""
    inside = support
    for _ in range(DEEPEST):
        inner = eroded(inside)
        if inner.sum() < LEAST_SHARE * support.sum():
            break
        inside = inner
    return inside


def pairs(inside: Voxels) -> list[Volume]:
    """For each axis where both of two neighbours are inside, float32, one voxel shorter along it."""
    return [(inside.narrow(axis, 1, n - 1) & inside.narrow(axis, 0, n - 1)).float() for axis, n in enumerate(inside.shape)]


def smooth_phase(crystal: Object) -> Object:
    """Phase factors of an object (frames, rows, columns) that was smoothed."""
    parts = (gaussian_blur(part.contiguous(), SMOOTH_OVER) for part in (crystal.real, crystal.imag))
    smooth: Object = torch.complex(*parts)
    return smooth / (smooth.abs() + TINY)


def roughness(crystal: Object, support: Voxels, inside: list[Volume], phase: Object | None = None) -> tuple[Number, Object]:
    """Roughness of an object and its gradient.

    Parameters
    ----------
    crystal : complex64 tensor (frames, rows, columns)
        Zero outside the support.
    support : bool tensor (frames, rows, columns)
    inside : list of tensors
        From ``pairs``.
    phase : complex64 tensor (frames, rows, columns), optional
        Phase factors from which the object's own may not differ roughly; without them the amplitude alone is asked.

    Returns
    -------
    roughness : float32 tensor ()
    gradient : complex64 tensor like the object
        Derivatives by the real and the imaginary parts.
    """
    modulus = crystal.abs()
    square = modulus.square().sum() / support.sum()
    compared = modulus if phase is None else crystal * phase.conj()
    slope = torch.zeros_like(compared)
    total = torch.zeros_like(square)
    for axis, both in enumerate(inside):
        n = compared.shape[axis]
        step = (compared.narrow(axis, 1, n - 1) - compared.narrow(axis, 0, n - 1)) * both
        total += step.abs().square().sum()
        slope.narrow(axis, 1, n - 1).add_(step)
        slope.narrow(axis, 0, n - 1).sub_(step)
    by_scale = total / (square * support.sum())
    by_crystal = slope * (crystal / (modulus + TINY) if phase is None else phase)
    return total / square, (by_crystal - crystal * by_scale) * (2 / square)
