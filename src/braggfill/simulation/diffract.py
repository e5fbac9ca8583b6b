"""From a crystal to its diffraction pattern around one Bragg peak: the kinematic sum on the detector's grid."""

from itertools import product
from typing import Any

import finufft
import gemmi
import numpy as np
import torch
from jaxtyping import Complex, Complex64, Complex128, Float32, Inexact
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.errors import InputError
from braggfill.base.fourier import box_to_reciprocal, reciprocal_to_box
from braggfill.simulation.crystal import FILLED_SHARE_OF_BOX, Crystal, CrystalBox
from braggfill.simulation.geometry import Grid, reciprocal_vector

PRECISION = 1e-8
"""Relative error that is asked of the non-uniform transform."""


def amplitude(
    crystal: Crystal, grid: Grid, energy_kev: float | None = None
) -> Complex128[NDArray[np.complex128], "frames rows columns"]:
    """Scattered amplitude A(q) = f Σ exp(-i[G.u + q.(R + u)]) of the atoms around a Bragg peak.

    Parameters
    ----------
    crystal : Crystal
        Ideal positions R, displacements u, reflection G.
    grid : Grid
        Where to evaluate it, orthogonal or not.
    energy_kev : float, optional
        Photon energy, for the dispersion corrections f' and f''; None leaves them out.

    Returns
    -------
    complex128 array
        In electrons.

    Raises
    ------
    InputError
        If another Bragg peak lies within the grid.

    References
    ----------
    A. H. Barnett et al., SIAM J. Sci. Comput. 41, C479 (2019), https://doi.org/10.1137/18M120885X;
    form factors from International Tables for Crystallography C, table 6.1.1.4, and D. T. Cromer and D. A. Liberman,
    Acta Cryst. A37, 267 (1981), https://doi.org/10.1107/S0567739481000600
    """
    refuse_neighbouring_peak(crystal, grid)
    ideal = crystal.particle.positions
    moved = ideal if crystal.displacement_angstrom is None else ideal + crystal.displacement_angstrom
    phase = (moved - ideal) @ crystal.g_inv_angstrom
    per_voxel = moved @ grid.steps_inv_angstrom.T  # radians that an atom's phase turns by from voxel to voxel
    offset = np.array([n // 2 for n in grid.shape]) - np.array(grid.peak)
    strengths = np.exp(-1j * (phase + per_voxel @ offset))
    turns = np.ascontiguousarray(((per_voxel + np.pi) % (2 * np.pi) - np.pi).T)
    total: NDArray[np.complex128] = finufft.nufft3d1(
        *turns, strengths, grid.shape, eps=PRECISION, isign=-1, nthreads=torch.get_num_threads()
    )
    return total * form_factor(crystal, grid, energy_kev)


def form_factor(
    crystal: Crystal, grid: Grid, energy_kev: float | None = None
) -> Inexact[NDArray[np.inexact[Any]], "frames rows columns"]:
    """Atomic form factor in electrons at every voxel of a grid, real unless an energy is given."""
    element = gemmi.Element(crystal.particle.metal)
    terms = element.it92
    axes = [
        (np.arange(n) - p)[:, None] * step for n, p, step in zip(grid.shape, grid.peak, grid.steps_inv_angstrom, strict=True)
    ]
    q = crystal.g_inv_angstrom + axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None]
    stol2 = np.sum(q**2, axis=-1) / (4 * np.pi) ** 2  # (sin θ / λ)²
    factor: NDArray[np.float64] = terms.c + sum(a * np.exp(-b * stol2) for a, b in zip(terms.a, terms.b, strict=True))
    if energy_kev is None:
        return factor
    real, imaginary = gemmi.cromer_liberman(element.atomic_number, 1000 * energy_kev)
    dispersed: NDArray[np.inexact[Any]] = (
        factor + real - 1j * imaginary
    )  # waves run as exp(-iq.r) here, so that absorption is negative
    return dispersed


def refuse_neighbouring_peak(crystal: Crystal, grid: Grid) -> None:
    """Raise InputError if a Bragg peak other than the crystal's own lies within the grid."""
    ends = [(-1 - p, n - p) for n, p in zip(grid.shape, grid.peak, strict=True)]
    corners = np.array(list(product(*ends))) @ grid.steps_inv_angstrom
    reach = [range(-n, n + 1) for n in np.ceil(np.abs(corners).max(0) * crystal.lattice_angstrom / (2 * np.pi)).astype(int)]
    indices = [(h, k, m) for h, k, m in product(*reach) if h % 2 == k % 2 == m % 2 and (h, k, m) != (0, 0, 0)]
    if not indices:
        return
    others = np.array([reciprocal_vector(h, crystal.lattice_angstrom) for h in indices])
    voxels = np.linalg.solve(grid.steps_inv_angstrom.T, others.T).T + np.array(grid.peak)
    inside = ((voxels > -1) & (voxels < np.array(grid.shape))).all(1)
    if inside.any():
        neighbour = tuple(int(i) for i in np.add(crystal.reflection, indices[int(inside.argmax())]))
        raise InputError(
            f"grid: {grid.shape} voxels reach from the peak {crystal.reflection} to its neighbour {neighbour}; "
            "expected one peak within; use fewer voxels, a larger oversampling or a larger crystal"
        )


def atomic_object(crystal: Crystal, box: CrystalBox) -> Complex64[Tensor, "size size size"]:
    """The complex object of a crystal's atoms in a box, by transforming their amplitude back.

    Returns
    -------
    complex64 tensor
        Modulus about 1 inside; phase -G.u in radians.

    Raises
    ------
    InputError
        If the box is finer than the lattice, so that its zone reaches another Bragg peak.
    """
    steps = 2 * np.pi / box.size * box.voxel_inverse
    grid = Grid((box.size,) * 3, steps, (box.size // 2,) * 3)
    q = 2 * np.pi / box.size * (np.arange(box.size) - box.size // 2)
    to_centre = [np.exp(1j * q * c) for c in box.voxel_inverse @ box.centre_angstrom]
    centred = amplitude(crystal, grid) * to_centre[0][:, None, None] * to_centre[1][:, None] * to_centre[2]
    atoms_per_voxel = 4 / crystal.lattice_angstrom**3 / abs(np.linalg.det(box.voxel_inverse))
    electrons = float(form_factor(crystal, Grid((1, 1, 1), steps, (0, 0, 0))).real.item())
    axis = torch.from_numpy(q)
    electrons_per_voxel = float(atoms_per_voxel) * electrons
    return reciprocal_to_box(torch.from_numpy(centred), (axis, axis, axis)) / electrons_per_voxel


def diffraction_pattern(
    crystal: Complex[Tensor, "size size size"],
    shape: tuple[int, int, int],
    oversampling: tuple[float, float, float],
    peak: tuple[float, float, float],
) -> Float32[Tensor, "frames rows columns"]:
    """Intensity |A(q)|² of a crystal in its box, normalised to a maximum of 1.

    Parameters
    ----------
    crystal : complex tensor
        Complex object that spans ``FILLED_SHARE_OF_BOX`` of its box.
    shape : (frames, rows, columns)
        Size of the pattern in voxels.
    oversampling : three floats
        Voxels per fringe along each axis: array size over crystal size (2 is the Nyquist limit).
    peak : three floats
        Position of q = 0 in the pattern, in voxels.

    Raises
    ------
    InputError
        If the grid reaches beyond the first zone of the box, where the pattern would repeat.
    """
    size = crystal.shape[0]
    frames, rows, columns = (
        2 * np.pi / (s * FILLED_SHARE_OF_BOX * size) * (torch.arange(n, dtype=torch.float64) - p)
        for n, s, p in zip(shape, oversampling, peak, strict=True)
    )
    reach = max(float(q.abs().max()) for q in (frames, rows, columns))
    if reach > np.pi:
        raise InputError(
            f"shape {shape} at oversampling {tuple(round(s, 2) for s in oversampling)} reaches {reach / np.pi:.2f} times "
            f"the first zone of a box of {size} voxels; expected at most 1; use a larger box or oversampling"
        )
    amplitudes = box_to_reciprocal(crystal, (frames, rows, columns))
    intensity = amplitudes.real.square() + amplitudes.imag.square()
    return intensity.div_(intensity.amax())
