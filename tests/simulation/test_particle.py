import numpy as np
import pytest
from scipy.spatial import ConvexHull

from braggfill import InputError
from braggfill.simulation.particle import (
    FEWEST_NEIGHBOURS,
    METALS,
    SHAPES,
    ParticleRanges,
    body_corners,
    carve,
    facet_normals,
    neighbours,
    random_particle,
    without_stray_atoms,
)

SMALL = ParticleRanges(atoms=(2000, 4000))


def test_facets_are_the_26_of_an_fcc_crystal():
    normals = facet_normals()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    indices = np.abs(normals) / np.abs(normals).max(1, keepdims=True)
    np.testing.assert_array_equal(indices.sum(1), [3] * 8 + [1] * 6 + [2] * 12)
    assert len(np.unique(normals.round(6), axis=0)) == 26


def oracle(kind, energies, atoms, **interface):
    """WulffPack's particle: its number of atoms, and its facets' normals and distances."""
    ase_build, wulffpack = pytest.importorskip("ase.build"), pytest.importorskip("wulffpack")
    primitive = ase_build.bulk("Pt", "fcc", METALS["Pt"].lattice_angstrom)
    named = {(1, 1, 1): energies[0], (1, 0, 0): energies[1], (1, 1, 0): energies[2]}
    particle = getattr(wulffpack, kind)(surface_energies=named, primitive_structure=primitive, natoms=atoms, **interface)
    facets = [f for form in particle.forms for f in form.facets]
    return len(particle.atoms), facets[0].distance_from_origin / named[particle.forms[0].parent_miller_indices]


@pytest.mark.filterwarnings("ignore")  # of the oracle's own dependencies
@pytest.mark.parametrize(("energies", "atoms"), [((1.0, 1.15, 1.2), 3000), ((1.0, 0.9, 1.05), 2000), ((1.0, 1.9, 9.0), 1500)])
def test_wulff_particles_have_the_atoms_that_wulffpack_finds(energies, atoms):
    expected, scale = oracle("SingleCrystal", energies, atoms)
    distances = scale * np.repeat(energies, [8, 6, 12])
    assert len(carve("Pt", "wulff", facet_normals(), distances).sites) == expected


@pytest.mark.filterwarnings("ignore")
def test_winterbottom_particle_has_the_atoms_that_wulffpack_finds():
    energies, interface = (1.0, 1.15, 1.2), 0.3
    expected, scale = oracle("Winterbottom", energies, 2500, interface_direction=(1, 1, 1), interface_energy=interface)
    distances = scale * np.repeat(energies, [8, 6, 12])
    distances[np.all(facet_normals() > 0.5, axis=1)] = scale * interface
    assert len(carve("Pt", "winterbottom", facet_normals(), distances).sites) == expected


def test_sites_are_fcc_and_all_of_those_inside():
    particle = random_particle(np.random.default_rng(0), SMALL)
    assert (particle.sites.sum(1) % 2 == 0).all()
    assert len(np.unique(particle.sites, axis=0)) == len(particle.sites)
    heights = particle.positions @ particle.normals.T - particle.distances_angstrom
    assert heights.max() <= 1e-4
    middle = neighbours(particle.sites)[np.linalg.norm(particle.sites, axis=1) < 4]
    assert middle.size > 50
    np.testing.assert_array_equal(middle, 12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_random_particles_have_their_size_and_lie_about_the_origin(shape, seed):
    particle = random_particle(np.random.default_rng(seed), ParticleRanges(atoms=(2999, 3000), shapes=(shape,)))
    assert particle.shape == shape
    assert len(particle.sites) == pytest.approx(3000, rel=0.12)  # surface layers count by whole atoms
    corners = body_corners(particle.normals, particle.distances_angstrom)
    assert np.abs(corners.min(0) + corners.max(0)).max() <= 2 * METALS[particle.metal].lattice_angstrom


def test_corners_of_an_octahedron_are_six_and_its_volume_is_right():
    corners = body_corners(facet_normals()[:8], np.ones(8))
    assert len(np.unique(corners.round(9), axis=0)) == 6
    assert ConvexHull(corners).volume == pytest.approx(4 * np.sqrt(3))


def test_a_body_that_does_not_hold_the_origin_has_its_corners():
    cube = np.concatenate([np.eye(3), -np.eye(3)])
    corners = body_corners(cube, np.array([3, 3, 3, -1, -1, -1.0]))
    np.testing.assert_allclose(corners.min(0), 1)
    np.testing.assert_allclose(corners.max(0), 3)


def test_stray_atoms_are_left_out_and_no_others():
    particle = carve("Ni", "octahedron", facet_normals()[:8], np.full(8, 20.0))
    lonely = np.concatenate([particle.sites, particle.sites[:1] + np.array([[0, 40, 40]], np.int16)])
    kept = without_stray_atoms(type(particle)(**{**vars(particle), "sites": lonely}))
    assert neighbours(kept.sites).min() >= FEWEST_NEIGHBOURS
    np.testing.assert_array_equal(kept.sites, particle.sites)


def test_same_seed_same_particle():
    first, second = (random_particle(np.random.default_rng(5), SMALL) for _ in range(2))
    np.testing.assert_array_equal(first.sites, second.sites)
    assert first.dislocation == second.dislocation


def test_impossible_bodies_are_refused():
    with pytest.raises(InputError, match="enclose no body"):
        body_corners(np.concatenate([np.eye(3), -np.eye(3)]), np.array([1, 1, 1, -2, 1, 1.0]))


def test_a_random_winterbottom_particle_sits_on_a_large_facet():
    for seed in range(4):
        ranges = ParticleRanges(atoms=(3000, 3001), shapes=("winterbottom",), interface_energy=(-0.2, 0.2))
        particle = random_particle(np.random.default_rng(seed), ranges)
        assert neighbours(particle.sites).min() >= FEWEST_NEIGHBOURS
        distances = particle.positions @ particle.normals.T - particle.distances_angstrom
        layer = METALS[particle.metal].lattice_angstrom / 2
        on_facet = (distances > -layer).sum(0)
        assert on_facet.max() > 1.3 * np.sort(on_facet)[-2]
