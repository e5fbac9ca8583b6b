import numpy as np
import pytest
import torch

from braggfill import InputError, strain
from braggfill.retrieval.deformation import interior, oscillation, phase_gradient, strain_rmse

SHAPE = (24, 26, 28)


def grid():
    return np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")


def ball(radius=10.0):
    z, y, x = grid()
    return z**2 + y**2 + x**2 < radius**2


def strained(displacement_nm, q_inv_nm, edges_nm):
    """The object exp(-iG.u) of a ball with a displacement field given at positions in nm."""
    positions = np.stack(grid(), -1) @ np.asarray(edges_nm)
    return (ball() * np.exp(-1j * displacement_nm(positions) @ np.asarray(q_inv_nm))).astype(np.complex64)


SKEWED = np.array([[5.0, 0.4, 0.0], [0.3, 4.0, 1.0], [-0.5, 0.2, 6.0]])


@pytest.mark.parametrize("edges", [np.diag([5.0, 4.0, 6.0]), SKEWED])
@pytest.mark.parametrize("g", [(27.0, 0.0, 0.0), (10.0, -15.0, 20.0)])
def test_an_imposed_strain_is_recovered(edges, g):
    """u along Q grows as the square of the position along Q: the strain is linear in it, 2e-3 at the surface."""
    q = np.array(g) / np.linalg.norm(g)
    crystal = strained(lambda r: 2e-5 * (r @ q)[..., None] ** 2 * q, g, edges)
    result = strain(crystal, voxel_nm=edges, q_inv_nm=g)
    along = (np.stack(grid(), -1) @ edges) @ q
    expected = 4e-5 * along
    core = interior(result.support)
    fit = np.polyfit(expected[core], result.strain[core], 1)
    assert fit[0] == pytest.approx(1, abs=0.02)
    assert np.nanstd(result.strain[core] - np.polyval(fit, expected[core])) < 0.02 * np.std(expected[core])
    u = 2e-5 * along**2
    steps = (result.displacement_nm - u)[core]
    frames, rows, columns = (n[core] for n in grid())  # what is left is the ramp that was taken off
    design = np.column_stack([frames, rows, columns, np.ones(len(frames))])
    left = steps - design @ np.linalg.lstsq(design, steps, rcond=None)[0]
    assert np.abs(left).max() < 0.02 * np.ptp(u[core])


def test_a_uniform_strain_is_the_average_and_nothing_else():
    g, edges = (0.0, 0.0, 30.0), np.diag([5.0, 5.0, 5.0])
    crystal = strained(lambda r: 1.5e-3 * r, g, edges)
    result = strain(crystal, voxel_nm=5.0, q_inv_nm=g)
    assert result.average_strain == pytest.approx(1.5e-3, rel=1e-3)
    assert np.nanmax(np.abs(result.strain)) < 1e-6
    assert np.nanmax(np.abs(result.displacement_nm)) < 1e-3
    kept = strain(crystal, voxel_nm=5.0, q_inv_nm=g, keep_ramp=True)
    assert np.nanmean(kept.strain) == pytest.approx(1.5e-3, rel=1e-3)


def test_phases_beyond_pi_are_unwrapped():
    z, _, _ = grid()
    crystal = ball() * np.exp(1j * 0.08 * z**2)
    result = strain(crystal)
    inside = result.support
    expected = 0.08 * z**2
    np.testing.assert_allclose(result.phase[inside], (expected - expected[inside].mean())[inside], atol=0.2)
    assert np.ptp(result.phase[inside]) > 5


def test_a_dislocation_makes_no_strain_at_the_cut():
    """Phase 'angle about the first axis': the gradient is 1/r everywhere, also where the angle jumps."""
    _, y, x = grid()
    y, x = y + 0.5, x + 0.5
    crystal = ball() * np.exp(1j * np.arctan2(y, x))
    gradient = phase_gradient(crystal, ball())
    away = ball() & (y**2 + x**2 > 16)
    expected = x / (y**2 + x**2)
    inner = interior(ball()) & away
    np.testing.assert_allclose(gradient[1][inner], expected[inner], atol=0.02)


def test_outside_the_support_nothing_is_said():
    result = strain(ball().astype(complex))
    for field in (result.phase, result.displacement_nm, result.strain):
        assert np.isnan(field[~ball()]).all()
        assert np.isfinite(field[interior(ball())]).all()


def test_oscillation_measures_ripples_and_not_slopes():
    z, y, _ = grid()
    core = interior(ball())
    ripple = 0.1 * np.sin(2 * np.pi * y / 3)
    assert oscillation(ripple, core) == pytest.approx(0.1 / np.sqrt(2), rel=0.15)
    assert oscillation(0.01 * z + 2.0, core) < 0.01
    assert oscillation(ripple, core) == pytest.approx(oscillation(np.where(core, ripple, np.nan), core))


def test_rmse_is_the_root_mean_square_where_both_are_known():
    one, other = np.full(SHAPE, 3.0), np.full(SHAPE, 1.0)
    one[0, 0, 0] = np.nan
    assert strain_rmse(one, other, np.ones(SHAPE, bool)) == pytest.approx(2)


def test_lists_and_tensors_are_taken_for_the_arrays_that_they_hold():
    crystal = strained(lambda r: 1e-3 * r, (0, 0, 10), SKEWED)
    expected = strain(crystal).strain
    for given in (crystal.tolist(), torch.from_numpy(crystal)):
        np.testing.assert_allclose(strain(given).strain, expected, atol=1e-5)


def test_a_support_one_voxel_thick_across_g_loses_nothing():
    crystal = strained(lambda r: 1e-3 * r, (0, 0, 10), SKEWED)
    plane = np.zeros(crystal.shape, bool)
    plane[crystal.shape[0] // 2, 4:-4, 4:-4] = True
    found = strain(crystal, plane, q_inv_nm=(0, 0, 10))
    assert np.isfinite(found.phase[plane]).all()


BAD = {
    "real": ((np.ones(SHAPE),), {}, "crystal: got float64"),
    "flat": ((np.ones((3, 3), complex),), {}, "complex volume"),
    "nan": ((np.full(SHAPE, np.nan, complex),), {}, "finite"),
    "zero": ((np.zeros(SHAPE, complex),), {}, "not all zero"),
    "support": ((np.ones(SHAPE, complex), np.zeros(SHAPE)), {}, "support: got shape"),
    "voxel": ((np.ones(SHAPE, complex),), {"voxel_nm": 0.0}, "lengths above 0"),
    "edges": ((np.ones(SHAPE, complex),), {"voxel_nm": np.ones((3, 3))}, "enclose no volume"),
    "shape": ((np.ones(SHAPE, complex),), {"voxel_nm": np.ones(2)}, "expected 1, 3 or 3 × 3"),
    "thin": ((np.ones(SHAPE, complex), np.arange(SHAPE[0])[:, None, None] == np.full(SHAPE, 3)), {}, "single voxel thick"),
    "g": ((np.ones(SHAPE, complex),), {"q_inv_nm": (0, 0, 0)}, "not 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name):
    arrays, options, message = BAD[name]
    with pytest.raises(InputError, match=message) as error:
        strain(*arrays, **options)
    assert "\n" not in str(error.value)
