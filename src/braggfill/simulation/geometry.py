"""Where in reciprocal space a scan measures: reflection, orientation, and the steps of its frames, rows and columns.

The three directions are not orthogonal: rocking the crystal moves the pattern at right angles to G, the detector is
at right angles to the scattered beam, and the Bragg angle lies between G and the detector.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from braggfill.base.errors import InputError

HC_KEV_ANGSTROM = 12.398419843
"""Planck's constant times the speed of light."""
LARGEST_SINE = np.sin(np.radians(75))
"""Near back-scattering the measured directions almost fall together, which no experiment does."""


@dataclass(frozen=True)
class Grid:
    """The voxels of a scan in reciprocal space: voxel n measures q = (n - peak) @ steps, relative to the reflection G."""

    shape: tuple[int, int, int]
    """Frames, rows, columns."""
    steps_inv_angstrom: NDArray[np.float64]
    """(3, 3): the change of q from one frame, row, column to the next, each a row of the array, in crystal axes."""
    peak: tuple[float, float, float]
    """Position of G itself, in voxels."""


def reciprocal_vector(reflection: tuple[int, int, int], lattice_angstrom: float) -> NDArray[np.float64]:
    """The vector G (3,) of a reflection of a cubic crystal, in 1/Å with the factor 2π."""
    return 2 * np.pi / lattice_angstrom * np.array(reflection, float)


def bragg_angle(g_inv_angstrom: NDArray[np.float64], energy_kev: float) -> float:
    """Bragg angle in radians of a reflection's vector (x, y, z) at an energy; InputError where it is over 75 degrees."""
    sine = float(np.linalg.norm(g_inv_angstrom)) * HC_KEV_ANGSTROM / energy_kev / (4 * np.pi)
    if not 0 < sine <= LARGEST_SINE:
        least = abs(sine) * energy_kev / LARGEST_SINE
        raise InputError(f"energy_kev: got {energy_kev:g}, expected at least {least:.3g} for this reflection")
    return float(np.arcsin(sine))


def measured_directions(
    g_inv_angstrom: NDArray[np.float64], energy_kev: float, azimuth: float, roll: float
) -> NDArray[np.float64]:
    """Unit vectors (3, 3) in which q moves from frame to frame, row to row and column to column, one a row.

    Parameters
    ----------
    g_inv_angstrom : array (3,)
        The reflection in crystal axes.
    energy_kev : float
    azimuth : float
        Turn of the crystal about G, in radians.
    roll : float
        Turn of the detector about the scattered beam, in radians; at 0 its rows step within the scattering plane.

    Returns
    -------
    array (3, 3)
        In crystal axes. With no roll, rows and frames enclose 90 degrees plus the Bragg angle, columns are normal to both.
    """
    theta = bragg_angle(g_inv_angstrom, energy_kev)
    # laboratory: G along z, the scattering plane is x-z, the rocking axis y
    rocking = np.array([1.0, 0.0, 0.0])
    scattered = np.array([np.cos(theta), 0.0, np.sin(theta)])
    in_plane, normal = np.array([-np.sin(theta), 0.0, np.cos(theta)]), np.array([0.0, 1.0, 0.0])
    detector = Rotation.from_rotvec(roll * scattered).apply(np.array([in_plane, normal]))
    upright = g_inv_angstrom / np.linalg.norm(g_inv_angstrom)
    to_crystal = Rotation.align_vectors(upright[None], [[0.0, 0.0, 1.0]])[0] * Rotation.from_rotvec([0, 0, azimuth])
    directions: NDArray[np.float64] = to_crystal.apply(np.vstack([rocking, detector]))
    return directions


def grid_over(
    corners_angstrom: NDArray[np.float64],
    directions: NDArray[np.float64],
    oversampling: tuple[float, float, float],
    shape: tuple[int, int, int],
    peak: tuple[float, float, float],
) -> Grid:
    """The grid on which a crystal of given corners (corners, 3) is oversampled as asked along each measured axis.

    Oversampling is voxels per fringe: 2π / step over the crystal's extent along the step's direction; 2 is Nyquist's limit.
    """
    extent = np.ptp(corners_angstrom @ directions.T, axis=0)
    length = 2 * np.pi / (np.array(oversampling) * extent)
    return Grid(shape, directions * length[:, None], peak)
