import numpy as np
import pytest

from braggfill.simulation.crystal import (
    FILLED_SHARE_OF_BOX,
    Crystal,
    box_round,
    continuum_object,
    facetted_modulus,
    finest_size,
)
from braggfill.simulation.diffract import atomic_object
from braggfill.simulation.dislocation import Dislocation
from braggfill.simulation.geometry import measured_directions
from braggfill.simulation.particle import METALS, Particle, carve, displacement, facet_normals

NO_ATOMS = np.empty((0, 3), np.int16)
CUBE = np.concatenate([np.eye(3), -np.eye(3)])


def crystal_of(field, size=44.0, dislocation=None, reflection=(1, 1, 1)):
    """A Pt particle whose atoms are displaced by ``field(positions)``."""
    energies = np.repeat([1.0, 1.15, 1.2], [8, 6, 12]) * np.random.default_rng(0).uniform(0.9, 1.1, 26)
    particle = carve("Pt", "wulff", facet_normals(), size * energies, dislocation)
    return Crystal(particle, field(particle.positions), reflection)


def skewed(crystal):
    return measured_directions(crystal.g_inv_angstrom, 9.0, 0.4, 0.3)


@pytest.mark.parametrize("sides", [(1, 1, 1), (1, 2, 3)])
def test_cuboid_fills_its_share_of_the_box(sides):
    particle = Particle("Pt", "cube", NO_ATOMS, CUBE, 100.0 * np.array(sides * 2))
    box = box_round(Crystal(particle, None, (1, 1, 1)), np.eye(3), 50)
    assert facetted_modulus(particle, box, 0.1).sum() == pytest.approx((FILLED_SHARE_OF_BOX * 50) ** 3, rel=0.01)


def test_octahedron_has_a_sixth_of_its_bounding_cube_wherever_it_lies():
    octahedron, aside = facet_normals()[:8], np.array([30.0, -20.0, 10.0])
    particle = Particle("Pt", "octahedron", NO_ATOMS, octahedron, 100 + octahedron @ aside)
    box = box_round(Crystal(particle, None, (1, 1, 1)), np.eye(3), 80)
    np.testing.assert_allclose(box.centre_angstrom, aside, atol=1e-6)
    assert facetted_modulus(particle, box, 0.1).sum() == pytest.approx((FILLED_SHARE_OF_BOX * 80) ** 3 / 6, rel=0.02)


def test_a_skewed_box_holds_the_volume_of_the_crystal():
    crystal = crystal_of(np.zeros_like)
    box = box_round(crystal, skewed(crystal), 60)
    volume = len(crystal.particle.sites) * crystal.lattice_angstrom**3 / 4
    voxel = 1 / abs(np.linalg.det(box.voxel_inverse))
    assert facetted_modulus(crystal.particle, box, 0.3).sum() * voxel == pytest.approx(volume, rel=0.08)


def smooth(positions):
    """A displacement of a few radians of phase, varying over the crystal."""
    return 0.4 * np.sin(positions / 25 + [0, 1, 2])


def agreement(first, second):
    overlap = (first * second.conj()).sum().abs()
    return float(overlap / (first.abs().square().sum() * second.abs().square().sum()).sqrt())


@pytest.mark.parametrize("reflection", [(1, 1, 1), (-2, 0, 0), (2, 0, -2)])
def test_continuum_and_sum_over_atoms_are_the_same_object(reflection):
    """Two ways that share no arithmetic: facets and interpolation, and a sum over atoms transformed back."""
    crystal = crystal_of(smooth, reflection=reflection)
    box = box_round(crystal, skewed(crystal), finest_size(crystal, skewed(crystal)))
    atoms, continuum = atomic_object(crystal, box), continuum_object(crystal, box, 0.3)
    assert agreement(atoms, continuum) > 0.98
    assert agreement(atoms, continuum.conj()) < 0.9
    inside = continuum.abs() > 0.95
    assert (atoms * continuum.conj())[inside].angle().std() < 0.08
    assert atoms.abs()[inside].mean() == pytest.approx(1, abs=0.03)


def test_continuum_and_atoms_agree_across_the_slip_plane_of_a_dislocation():
    normal = np.ones(3) / np.sqrt(3)
    burgers = METALS["Pt"].lattice_angstrom / 2 * np.array([1, -1, 0])
    drawn = Dislocation("edge", tuple(burgers), tuple(normal), tuple(0.5 * 3.92 / np.sqrt(3) * normal))
    still = crystal_of(np.zeros_like, dislocation=drawn)
    crystal = Crystal(still.particle, displacement(still.particle), (2, 0, 0))
    box = box_round(crystal, skewed(crystal), finest_size(crystal, skewed(crystal)))
    assert agreement(atomic_object(crystal, box), continuum_object(crystal, box, 0.3)) > 0.95


def test_phase_is_minus_g_dot_u_in_any_box():
    crystal = crystal_of(lambda r: np.tile([0.1, 0.2, -0.05], (len(r), 1)))
    phase = -crystal.g_inv_angstrom @ [0.1, 0.2, -0.05]
    for size in (24, 64):
        drawn = continuum_object(crystal, box_round(crystal, skewed(crystal), size), 0.4)
        np.testing.assert_allclose(drawn[drawn.abs() > 0.5].angle(), phase, atol=1e-4)
