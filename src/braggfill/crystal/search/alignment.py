"""What phase retrieval cannot tell apart, taken off: shift, twin, and constant phase; then objects are compared and averaged.

An object moved, or inverted and conjugated (its twin), or turned by a constant phase, scatters the same intensities.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.registration import phase_cross_correlation

from braggfill.base.frequencies import low_frequencies

Object = NDArray[np.complexfloating[Any, Any]]
"""What scatters, (frames, rows, columns): its modulus is electron density, its phase tells of the lattice's displacement."""
UPSAMPLING = 30
"""Shifts are found to this fraction of a voxel of the block of low frequencies."""
LARGEST_BLOCK = 96
"""Low frequencies from which a shift is found, voxels an axis: enough for any array."""


def correlation(one: Object, other: Object) -> float:
    """Modulus of the normalised inner product of two objects, 0 to 1."""
    scale = np.linalg.norm(one) * np.linalg.norm(other)
    return float(np.abs(np.vdot(one, other)) / scale) if scale > 0 else 0.0


def twin(crystal: Object) -> Object:
    """The object inverted through the middle voxel and conjugated."""
    return np.roll(crystal[::-1, ::-1, ::-1].conj(), [1 - n % 2 for n in crystal.shape], (0, 1, 2))


def shifted(crystal: Object, shift: tuple[float, float, float]) -> Object:
    """An object moved by parts of a voxel, as its Fourier series has it between them."""
    spectrum = torch.fft.fftn(torch.from_numpy(np.ascontiguousarray(crystal)))
    for axis, (s, n) in enumerate(zip(shift, crystal.shape, strict=True)):
        ramp = torch.exp(-2j * torch.pi * s * torch.fft.fftfreq(n, dtype=torch.float64)).to(spectrum.dtype)
        spectrum *= ramp.view([-1 if a == axis else 1 for a in range(3)])
    moved: Object = torch.fft.ifftn(spectrum).numpy()
    return moved


def align(reference: Object, crystal: Object) -> tuple[Object, float]:
    """Move an object, invert it if its twin fits better, and turn its phase, so that it lies on another.

    Parameters
    ----------
    reference, crystal : complex arrays

    Returns
    -------
    aligned : complex array
    correlation : float
        With the reference, 0 to 1.

    References
    ----------
    M. Guizar-Sicairos, S. T. Thurman, J. R. Fienup, Opt. Lett. 33, 156 (2008), https://doi.org/10.1364/OL.33.000156
    """
    candidates = [shifted(c, _shift(reference, c)) for c in (crystal, twin(crystal))]
    best = max(candidates, key=lambda c: correlation(reference, c))
    turn = np.vdot(best, reference)
    return best * np.exp(1j * np.angle(turn)).astype(best.dtype), correlation(reference, best)


def _shift(reference: Object, crystal: Object) -> tuple[float, float, float]:
    """The shift that lays an object on a reference, from their low frequencies."""
    lengths = [min(n, LARGEST_BLOCK) for n in reference.shape]
    blocks = [
        low_frequencies(torch.fft.fftn(torch.from_numpy(np.ascontiguousarray(c))).numpy(), lengths)
        for c in (reference, crystal)
    ]
    found, _, _ = phase_cross_correlation(*blocks, space="fourier", upsample_factor=UPSAMPLING, normalization=None)  # type: ignore[no-untyped-call,unused-ignore]
    f, r, c = (float(s) * n / m for s, n, m in zip(found, reference.shape, lengths, strict=True))
    return f, r, c


def in_common(crystals: list[Object]) -> tuple[Object, NDArray[np.floating[Any]]]:
    """What objects (frames, rows, columns) have in common once they lie on the first, and the shares of their modes."""
    first, *others = crystals
    return average_modes([first, *(align(first, other)[0] for other in others)])


def average_modes(crystals: list[Object]) -> tuple[Object, NDArray[np.floating[Any]]]:
    """What aligned objects have in common, as the first of their orthogonal modes.

    Parameters
    ----------
    crystals : list of complex arrays
        Aligned to the first.

    Returns
    -------
    mode : complex array (frames, rows, columns)
        The combination that explains most of all of them, in phase with the first and of their mean strength.
    shares : array (crystals,)
        Share of the energy in each mode: the first is 1 if all are alike.
    """
    overlaps = np.array([[np.vdot(a, b) for b in crystals] for a in crystals])
    energies, weights = np.linalg.eigh(overlaps)
    first = weights[:, -1] * np.exp(-1j * np.angle(weights[0, -1])) / np.sqrt(len(crystals))
    mode = np.sum([w.astype(c.dtype) * c for w, c in zip(first, crystals, strict=True)], axis=0)
    return mode, energies[::-1].clip(0) / energies.clip(0).sum()
