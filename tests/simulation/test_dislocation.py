import numpy as np
import pytest

from braggfill.simulation.dislocation import Dislocation, random_dislocation

POISSON = 0.38


def straight(kind, burgers=2.8):
    """A dislocation through the origin with its Burgers vector along x and its slip plane normal to y."""
    return Dislocation(kind, (burgers, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0))


@pytest.mark.parametrize("kind", ["screw", "edge"])
def test_a_circuit_round_the_line_closes_but_for_the_burgers_vector(kind):
    angle = np.linspace(-np.pi + 1e-9, np.pi - 1e-9, 1001)
    out, up = 9 * np.cos(angle), 9 * np.sin(angle)
    nought = np.zeros_like(angle)
    circuit = np.column_stack([nought, up, out] if kind == "screw" else [out, up, nought])
    u = straight(kind).displacement(circuit, POISSON)
    steps = np.linalg.norm(np.diff(u, axis=0), axis=1)
    assert steps.max() < 0.05
    np.testing.assert_allclose(u[-1] - u[0], [2.8, 0, 0], atol=1e-6)


@pytest.mark.parametrize("kind", ["screw", "edge"])
def test_the_field_is_in_mechanical_equilibrium(kind):
    """Navier's equation (1 - 2ν) ∇²u + ∇(∇·u) = 0, by central differences away from the line."""
    rng, h = np.random.default_rng(0), 1e-2
    places = rng.uniform(3, 8, (20, 3)) * rng.choice([-1, 1], (20, 3))
    field = straight(kind).displacement

    def second(a, b, component):
        """∂²u_component / ∂a∂b."""
        da, db = h * np.eye(3)[a], h * np.eye(3)[b]
        corners = [s * t * field(places + s * da + t * db, POISSON)[:, component] for s in (1, -1) for t in (1, -1)]
        return sum(corners) / (4 * h * h)

    for i in range(3):
        laplacian = sum(second(a, a, i) for a in range(3))
        gradient = sum(second(i, a, a) for a in range(3))
        size = abs(laplacian).max() + abs(gradient).max() + 1e-4
        np.testing.assert_allclose((1 - 2 * POISSON) * laplacian + gradient, 0, atol=2e-3 * size + 1e-7)


def test_a_screw_moves_atoms_along_its_line_only():
    places = np.random.default_rng(1).uniform(-20, 20, (50, 3))
    u = straight("screw").displacement(places, POISSON)
    np.testing.assert_array_equal(u[:, 1:], 0)
    np.testing.assert_allclose(straight("screw").displacement(places + np.array([5, 0, 0]), POISSON), u, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_random_dislocations_are_perfect_and_run_between_layers(seed):
    lattice = 4.08
    drawn = random_dislocation(np.random.default_rng(seed), lattice, 80.0)
    burgers, normal = np.array(drawn.burgers_angstrom), np.array(drawn.normal)
    assert np.linalg.norm(burgers) == pytest.approx(lattice / np.sqrt(2))
    np.testing.assert_allclose(sorted(np.abs(burgers)), [0, lattice / 2, lattice / 2])
    np.testing.assert_allclose(np.abs(normal), 1 / np.sqrt(3))
    assert burgers @ normal == pytest.approx(0, abs=1e-12)
    layer = np.array(drawn.through_angstrom) @ normal / (lattice / np.sqrt(3))
    assert layer % 1 == pytest.approx(0.5)
