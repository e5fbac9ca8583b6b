"""A crystal as a complex object in a small box: modulus 1 inside its facets, phase -G.u from the displacement of its atoms.

Facets are drawn and displacements interpolated, so that the box may be of any fineness and a small relaxed crystal stands for a
larger one of its shape. (``diffract.atomic_object`` sums over the atoms themselves, in boxes no finer than the lattice.)
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from braggfill.base.fourier import centred_positions
from braggfill.base.smoothing import gaussian_blur
from braggfill.simulation.geometry import reciprocal_vector
from braggfill.simulation.particle import METALS, Particle, body_corners

FILLED_SHARE_OF_BOX = 0.88
"""Share of the box that the crystal spans along each axis; the rest keeps soft edges off the border."""
BEYOND_SURFACE = 1.5
"""Width in lattice constants of the Gaussian that carries the displacement on beyond the outermost atoms."""


@dataclass(frozen=True)
class Crystal:
    """What a measurement at one reflection sees of a particle."""

    particle: Particle
    displacement_angstrom: NDArray[np.float64] | None
    """(atoms, 3), or None where every atom is at its ideal place."""
    reflection: tuple[int, int, int]

    @property
    def lattice_angstrom(self) -> float:
        """Lattice constant."""
        return METALS[self.particle.metal].lattice_angstrom

    @property
    def g_inv_angstrom(self) -> NDArray[np.float64]:
        """The reflection's vector (3,) in 1/Å."""
        return reciprocal_vector(self.reflection, self.lattice_angstrom)


@dataclass(frozen=True)
class CrystalBox:
    """A box of size³ voxels round a crystal, its axes dual to the three directions that a scan measures along."""

    size: int
    voxel_inverse: NDArray[np.float64]
    """(3, 3): voxels from the middle of the box = voxel_inverse @ (position in Å, less the centre)."""
    centre_angstrom: NDArray[np.float64]
    """Position (3,) of the middle of the box."""


def box_round(crystal: Crystal, directions: NDArray[np.float64], size: int) -> CrystalBox:
    """The box in which a crystal spans ``FILLED_SHARE_OF_BOX`` of each axis; directions (3, 3) are unit vectors, one a row."""
    corners = body_corners(crystal.particle.normals, crystal.particle.distances_angstrom) @ directions.T
    low, high = corners.min(0), corners.max(0)
    voxels_per_angstrom = FILLED_SHARE_OF_BOX * size / (high - low)
    return CrystalBox(size, directions * voxels_per_angstrom[:, None], np.linalg.solve(directions, (low + high) / 2))


def finest_size(crystal: Crystal, directions: NDArray[np.float64]) -> int:
    """Size of the finest box along directions (3, 3) that atoms can fill: no voxel is smaller than the lattice constant."""
    voxels_per_angstrom = np.linalg.norm(box_round(crystal, directions, 1).voxel_inverse, axis=1)
    return int(1 / voxels_per_angstrom.max() / crystal.lattice_angstrom)


def continuum_object(crystal: Crystal, box: CrystalBox, edge_width: float, device: torch.device | str = "cpu") -> torch.Tensor:
    """Draw a crystal into a box.

    Parameters
    ----------
    crystal : Crystal
    box : CrystalBox
    edge_width : float
        Width of the soft edge in voxels.
    device : torch device
        Where to draw.

    Returns
    -------
    complex64 tensor (size, size, size)
        Modulus about 1 inside, 0 outside; phase -G.u in radians.
    """
    modulus = facetted_modulus(crystal.particle, box, edge_width, device)
    if crystal.displacement_angstrom is None:
        return modulus.to(torch.complex64)
    phasors, first = phasor_field(crystal)
    return modulus * _sampled(phasors.to(device), first, crystal.lattice_angstrom, box)


def facetted_modulus(
    particle: Particle, box: CrystalBox, edge_width: float, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Modulus 0…1, float32 (size, size, size), of the body inside all facets, its edges ``edge_width`` voxels wide."""
    normals = np.linalg.solve(box.voxel_inverse.T, particle.normals.T).T  # facets in voxels: normals·voxel <= distances
    distances = particle.distances_angstrom - particle.normals @ box.centre_angstrom
    steepness = np.linalg.norm(normals, axis=1)
    planes = torch.from_numpy(normals / steepness[:, None]).to(device, torch.float32)
    beyond = torch.from_numpy(distances / steepness).to(device, torch.float32)
    position = centred_positions(box.size).to(device, torch.float32)
    outside = torch.full((box.size,) * 3, -torch.inf, device=device)
    for (x, y, z), distance in zip(planes, beyond, strict=True):
        height = (x * position - distance)[:, None, None] + (y * position)[:, None] + z * position
        torch.maximum(outside, height, out=outside)
    return torch.sigmoid(outside.neg_().div_(edge_width))


def phasor_field(crystal: Crystal) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """exp(-iG.u), averaged over the atoms of each unit cell and carried on a little beyond the surface.

    Phasors are averaged and not phases, because those jump by 2π across the slip plane of a dislocation.

    Returns
    -------
    phasors : complex64 tensor (cells along x, y, z)
        Of modulus 1.
    first : int array (3,)
        Index of the first cell; cell n is centred at (n + 1/4) lattice constants, the middle of its sites.
    """
    cells = crystal.particle.sites.astype(np.int64) // 2
    first = cells.min(0) - 3
    extent = cells.max(0) + 4 - first
    flat = np.ravel_multi_index(tuple((cells - first).T), tuple(extent))
    shift = np.zeros(cells.shape) if crystal.displacement_angstrom is None else crystal.displacement_angstrom
    phase = shift @ -crystal.g_inv_angstrom
    sums = [np.bincount(flat, part, np.prod(extent)) for part in (np.cos(phase), np.sin(phase))]
    known = torch.from_numpy(np.stack(sums).astype(np.float32)).reshape(2, *extent)
    around = gaussian_blur(known, BEYOND_SURFACE)
    real, imaginary = torch.where((known == 0).all(0), around, known)
    phasors = torch.complex(real, imaginary)
    return phasors / phasors.abs().clamp(min=1e-12), first


def _sampled(phasors: torch.Tensor, first: NDArray[np.int64], lattice_angstrom: float, box: CrystalBox) -> torch.Tensor:
    """A field on unit cells, interpolated at the voxels of a box: complex64 (size, size, size)."""
    to_cells = np.linalg.inv(box.voxel_inverse) / lattice_angstrom  # cells = to_cells @ voxels + offset
    offset = box.centre_angstrom / lattice_angstrom - first - 0.25
    scale = 2 / np.array(phasors.shape)  # grid_sample runs from -1 to 1 between the outer faces, its last axis first
    affine = np.column_stack([to_cells * scale[:, None] * box.size / 2, (offset + 0.5) * scale - 1])[::-1, [2, 1, 0, 3]]
    theta = torch.from_numpy(np.ascontiguousarray(affine)).to(phasors.device, torch.float32)[None]
    places = F.affine_grid(theta, [1, 1] + [box.size] * 3, align_corners=False)
    parts = torch.stack([phasors.real, phasors.imag])[None]
    real, imaginary = F.grid_sample(parts, places, padding_mode="border", align_corners=False)[0]
    return torch.complex(real, imaginary)
