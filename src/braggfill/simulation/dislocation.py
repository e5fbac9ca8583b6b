"""Dislocations in fcc crystals: the displacement that isotropic elasticity gives a straight screw or edge line."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BURGERS = np.array([1.0, -1.0, 0.0]) / 2
"""Burgers vector a/2 [1-10] in lattice constants."""
SLIP_NORMAL = np.array([1.0, 1.0, 1.0])
"""The slip plane (111), which holds the Burgers vector."""
LAYERS_PER_LATTICE = np.sqrt(3)
"""(111) layers in a lattice constant."""


@dataclass(frozen=True)
class Dislocation:
    """A straight dislocation; vectors in the cubic crystal axes, lengths in Å."""

    kind: Literal["screw", "edge"]
    burgers_angstrom: tuple[float, float, float]
    normal: tuple[float, float, float]
    """Unit normal of the slip plane, across which the displacement jumps."""
    through_angstrom: tuple[float, float, float]
    """A point of the line."""

    def displacement(self, positions: NDArray[np.float64], poisson_ratio: float) -> NDArray[np.float64]:
        """Elastic displacement of atoms.

        Parameters
        ----------
        positions : array (atoms, 3)
            Ideal positions in Å.
        poisson_ratio : float
            Of the isotropic medium; counts for edges only.

        Returns
        -------
        array (atoms, 3)
            Displacement in Å; it jumps by the Burgers vector across one half of the slip plane.

        References
        ----------
        J. P. Hirth and J. Lothe, Theory of Dislocations, 2nd ed. (Wiley, 1982), eqs. 3-2 and 3-45 f.
        """
        burgers, normal = np.array(self.burgers_angstrom), np.array(self.normal)
        length = np.linalg.norm(burgers)
        along, line = burgers / length, np.cross(burgers / length, normal)
        from_line = positions - np.array(self.through_angstrom)
        y = from_line @ normal
        x = from_line @ (line if self.kind == "screw" else along)
        angle = np.arctan2(y, x)
        if self.kind == "screw":
            screw: NDArray[np.float64] = np.outer(length / (2 * np.pi) * angle, along)
            return screw
        square, stiff = x**2 + y**2, 4 * (1 - poisson_ratio)
        in_plane = angle + 2 * x * y / (stiff * square)
        out_of_plane = -((1 - 2 * poisson_ratio) * np.log(square / length**2) + (x**2 - y**2) / square) / stiff
        edge: NDArray[np.float64] = length / (2 * np.pi) * (np.outer(in_plane, along) + np.outer(out_of_plane, normal))
        return edge


def random_dislocation(rng: np.random.Generator, lattice_angstrom: float, extent_angstrom: float) -> Dislocation:
    """Draw a dislocation a/2<110> in a {111} plane, within the middle half of a crystal of the given extent.

    Its slip plane runs midway between two layers of atoms.
    """
    cubic = rng.permutation(3)
    mirror = rng.choice([-1.0, 1.0], 3)
    burgers, normal = BURGERS[cubic] * mirror, SLIP_NORMAL[cubic] * mirror / np.sqrt(3)
    through = rng.uniform(-0.25, 0.25, 3) * extent_angstrom
    layer = lattice_angstrom / LAYERS_PER_LATTICE
    through += (layer * (np.floor(through @ normal / layer) + 0.5) - through @ normal) * normal
    return Dislocation(
        "screw" if rng.random() < 0.5 else "edge",
        tuple(lattice_angstrom * burgers),
        tuple(normal),
        tuple(through),
    )
