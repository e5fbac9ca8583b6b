"""Particles of fcc metal, atom by atom: a lattice cut by facets, each with its own surface energy, some with a dislocation.

Lengths are in Å in the cubic crystal axes; sites are counted in half lattice constants, so that the ideal lattice is exact.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection, cKDTree

from braggfill.base.errors import InputError
from braggfill.base.ranges import check_ranges
from braggfill.simulation.dislocation import Dislocation, random_dislocation

Shape = Literal["wulff", "winterbottom", "octahedron", "cube"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
ON_FACET_ANGSTROM = 1e-5
"""An atom this close to a facet's plane belongs to the particle."""
FEWEST_NEIGHBOURS = 4
"""Atoms with fewer neighbours would not stay at the tip of an edge; they are left out."""


@dataclass(frozen=True)
class Metal:
    """An fcc metal as its interatomic potential has it."""

    lattice_angstrom: float
    """Lattice constant at rest in this potential."""
    pair_style: str
    potential: str
    """File that LAMMPS ships; its first line cites the source."""
    poisson_ratio: float


METALS = {
    "Ag": Metal(4.09, "eam", "Ag_u3.eam", 0.37),
    "Al": Metal(4.0453, "eam/fs", "Al_mm.eam.fs", 0.35),
    "Au": Metal(4.08, "eam", "Au_u3.eam", 0.42),
    "Cu": Metal(3.6149, "eam/alloy", "Cu_mishin1.eam.alloy", 0.34),
    "Ni": Metal(3.52, "eam", "Ni_u3.eam", 0.31),
    "Pd": Metal(3.89, "eam", "Pd_u3.eam", 0.39),
    "Pt": Metal(3.92, "eam", "Pt_u3.eam", 0.38),
}


@dataclass(frozen=True)
class Particle:
    """Atoms of one fcc particle on its ideal lattice, about the centre of its facets' bounding box."""

    metal: str
    shape: Shape
    sites: NDArray[np.int16]
    """int16 (atoms, 3): positions in half lattice constants."""
    normals: NDArray[np.float64]
    """Unit normals (facets, 3)."""
    distances_angstrom: NDArray[np.float64]
    """Distances (facets,) of the facets from the origin."""
    dislocation: Dislocation | None = None

    @property
    def positions(self) -> NDArray[np.float64]:
        """Ideal positions (atoms, 3) in Å."""
        return self.sites.astype(np.float64) * (METALS[self.metal].lattice_angstrom / 2)


@dataclass(frozen=True)
class ParticleRanges:
    """Ranges from which a random particle is drawn."""

    atoms: tuple[int, int] = (5_000, 500_000)
    """Number of atoms, log-uniform."""
    metals: tuple[str, ...] = tuple(METALS)
    shapes: tuple[Shape, ...] = SHAPES
    energy_100: tuple[float, float] = (0.95, 1.3)
    """Surface energy of {100} over that of {111}."""
    energy_110: tuple[float, float] = (1.0, 1.3)
    """Surface energy of {110} over that of {111}."""
    facet_spread: tuple[float, float] = (0.85, 1.2)
    """Factor on each facet's own energy."""
    interface_energy: tuple[float, float] = (-0.3, 0.7)
    """Winterbottom: energy of the facet on the substrate."""
    truncation: tuple[float, float] = (0.6, 1.05)
    """Octahedron and cube: where the other family cuts, as a share of the distance of the tips; over 1 cuts nothing."""
    dislocation_share: float = 0.1

    def __post_init__(self) -> None:
        factors = dict.fromkeys(("energy_100", "energy_110", "facet_spread", "truncation"), (0.05, 20.0))
        check_ranges(self, limits={"atoms": (100, 10_000_000), "interface_energy": (-0.8, 20.0), **factors})
        for name, known in (("metals", METALS), ("shapes", SHAPES)):
            unknown = [v for v in getattr(self, name) if v not in known]
            if unknown:
                raise InputError(f"{name}: got '{unknown[0]}', expected some of {', '.join(known)}")


def facet_normals() -> NDArray[np.float64]:
    """Unit normals (26, 3) of the 8 {111}, 6 {100} and 12 {110} facets of an fcc crystal, in that order."""
    signs = np.array([v for v in product((-1, 0, 1), repeat=3) if any(v)], float)
    nonzero = np.count_nonzero(signs, axis=1)
    ordered = np.concatenate([signs[nonzero == n] for n in (3, 1, 2)])
    normals: NDArray[np.float64] = ordered / np.linalg.norm(ordered, axis=1, keepdims=True)
    return normals


def body_corners(normals: NDArray[np.float64], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (corners, 3) of the convex body {r : normals·r ≤ distances}, in any unit of length; InputError if it is empty.

    Normals are (facets, 3), their distances (facets,).
    """
    # the centre of the largest sphere inside: maximise its radius, normals·r + radius <= distances
    constraints = np.column_stack([normals, np.linalg.norm(normals, axis=1)])
    largest = linprog([0, 0, 0, -1], constraints, distances, bounds=[(None, None)] * 3 + [(0, None)])
    if not largest.success or largest.x[3] <= 0:
        raise InputError(f"facets: got distances {np.round(distances, 3).tolist()} that enclose no body, expected larger ones")
    inside = largest.x[:3]
    corners: NDArray[np.float64] = HalfspaceIntersection(np.column_stack([normals, -distances]), inside).intersections
    return corners


def carve(
    metal: str,
    shape: Shape,
    normals: NDArray[np.float64],
    distances_angstrom: NDArray[np.float64],
    dislocation: Dislocation | None = None,
) -> Particle:
    """Cut a particle out of the fcc lattice that has an atom at the origin: the atoms inside all facets.

    Parameters
    ----------
    metal : str
        One of ``METALS``.
    shape : str
        Name of the shape, kept with the particle.
    normals, distances_angstrom : arrays (facets, 3), (facets,)
        Facets, by the energies of their surfaces (Wulff): distances are in proportion to energies.
    dislocation : Dislocation, optional
        Kept with the particle; ``displacement`` tells what it does to the atoms.

    Returns
    -------
    Particle
        Shifted by a whole lattice vector, so that the body lies about the origin.
    """
    half = METALS[metal].lattice_angstrom / 2
    corners = body_corners(normals, distances_angstrom) / half
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    x, y, z = np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij", sparse=True)
    inside = (x + y + z) % 2 == 0
    for normal, distance in zip(normals, distances_angstrom, strict=True):
        inside &= (normal[0] * x + normal[1] * y) + normal[2] * z <= (distance + ON_FACET_ANGSTROM) / half
    centre = 2 * np.rint((corners.min(0) + corners.max(0)) / 4).astype(int)  # even, even, even: a lattice vector
    sites = (np.argwhere(inside) + low - centre).astype(np.int16)
    return Particle(metal, shape, sites, normals, distances_angstrom - normals @ (centre * half), dislocation)


def without_stray_atoms(particle: Particle) -> Particle:
    """The particle less the atoms that have fewer than ``FEWEST_NEIGHBOURS`` nearest neighbours, until none is left."""
    while True:
        few = neighbours(particle.sites) < FEWEST_NEIGHBOURS
        if not few.any():
            return particle
        particle = replace(particle, sites=particle.sites[~few])


def neighbours(sites: NDArray[np.int16]) -> NDArray[np.int64]:
    """Number of nearest neighbours (atoms,) of every fcc site, from sites (atoms, 3) in half lattice constants."""
    tree = cKDTree(sites)
    number: NDArray[np.int64] = tree.query_ball_point(sites, 1.01 * np.sqrt(2), return_length=True) - 1
    return number


def random_energies(rng: np.random.Generator, shape: Shape, ranges: ParticleRanges) -> NDArray[np.float64]:
    """Surface energies (26,) over that of {111}, in the order of ``facet_normals``; each facet draws its own factor."""
    families = np.repeat([1.0, rng.uniform(*ranges.energy_100), rng.uniform(*ranges.energy_110)], [8, 6, 12])
    energies = families * rng.uniform(*ranges.facet_spread, families.size)
    tip, never = rng.uniform(*ranges.truncation), 9.0
    if shape == "octahedron":
        energies[8:14] *= tip * np.sqrt(3) / families[8]
        energies[14:] = never
    elif shape == "cube":
        energies[:8] *= tip * np.sqrt(3) * families[8]
        energies[14:] = never
    elif shape == "winterbottom":
        energies[rng.integers(14)] = rng.uniform(*ranges.interface_energy)
    return energies


def random_body(rng: np.random.Generator, ranges: ParticleRanges | None = None) -> Particle:
    """Draw a particle's metal, shape, size and every facet's energy, but no atoms."""
    ranges = ranges or ParticleRanges()
    metal, shape = str(rng.choice(ranges.metals)), SHAPES[SHAPES.index(rng.choice(ranges.shapes))]
    normals, energies = facet_normals(), random_energies(rng, shape, ranges)
    atoms = np.exp(rng.uniform(*np.log(ranges.atoms)))
    volume = atoms * METALS[metal].lattice_angstrom ** 3 / 4
    size = (volume / ConvexHull(body_corners(normals, energies)).volume) ** (1 / 3)
    return Particle(metal, shape, np.empty((0, 3), np.int16), normals, size * energies)


def random_particle(rng: np.random.Generator, ranges: ParticleRanges | None = None) -> Particle:
    """Draw a particle with its atoms and, for a share of them, a dislocation."""
    ranges = ranges or ParticleRanges()
    body = random_body(rng, ranges)
    extent = np.ptp(body_corners(body.normals, body.distances_angstrom), axis=0).min()
    lattice = METALS[body.metal].lattice_angstrom
    dislocation = random_dislocation(rng, lattice, extent) if rng.random() < ranges.dislocation_share else None
    return without_stray_atoms(carve(body.metal, body.shape, body.normals, body.distances_angstrom, dislocation))


def displacement(particle: Particle) -> NDArray[np.float64]:
    """Displacement (atoms, 3) in Å that the particle starts its relaxation with: its dislocation's elastic field, or none."""
    if particle.dislocation is None:
        return np.zeros(particle.sites.shape)
    return particle.dislocation.displacement(particle.positions, METALS[particle.metal].poisson_ratio)
