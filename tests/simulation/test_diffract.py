import gemmi
import numpy as np
import pytest
import torch

from braggfill import InputError
from braggfill.simulation.crystal import FILLED_SHARE_OF_BOX, Crystal, CrystalBox, box_round, continuum_object, finest_size
from braggfill.simulation.diffract import amplitude, atomic_object, diffraction_pattern, form_factor, refuse_neighbouring_peak
from braggfill.simulation.geometry import Grid, grid_over, measured_directions
from braggfill.simulation.particle import body_corners, carve, facet_normals


def platinum(displacement=np.zeros_like, size=32.0, reflection=(1, 1, 1), spread=0.1):
    energies = np.repeat([1.0, 1.15, 1.2], [8, 6, 12]) * np.random.default_rng(0).uniform(1 - spread, 1 + spread, 26)
    particle = carve("Pt", "wulff", facet_normals(), size * energies)
    return Crystal(particle, displacement(particle.positions), reflection)


def skewed_grid(crystal, shape=(20, 24, 22), oversampling=(3.0, 2.5, 4.0), peak=(9.3, 12.0, 10.6)):
    corners = body_corners(crystal.particle.normals, crystal.particle.distances_angstrom)
    return grid_over(corners, measured_directions(crystal.g_inv_angstrom, 9.0, 0.5, 0.3), oversampling, shape, peak)


def test_amplitude_is_the_direct_sum_over_displaced_atoms():
    """2 000 random voxels of a skewed grid, 10 000 atoms moved at random: exp(-i(G + q).r) atom by atom."""
    rng = np.random.default_rng(1)
    crystal = platinum(lambda r: rng.normal(0, 0.3, r.shape), reflection=(2, 0, -2))
    assert len(crystal.particle.sites) >= 5000
    grid = skewed_grid(crystal)
    ours = amplitude(crystal, grid)
    voxels = np.column_stack([rng.integers(0, n, 2000) for n in grid.shape])
    q = (voxels - np.array(grid.peak)) @ grid.steps_inv_angstrom
    moved = crystal.particle.positions + crystal.displacement_angstrom
    scattering = crystal.g_inv_angstrom + q
    terms = gemmi.Element("Pt").it92
    factor = np.array([terms.calculate_sf(s @ s / (4 * np.pi) ** 2) for s in scattering])
    direct = factor * np.array([np.exp(-1j * (moved @ s)).sum() for s in scattering])
    mine = ours[tuple(voxels.T)]
    assert np.linalg.norm(mine - direct) / np.linalg.norm(direct) < 1e-6


def test_unstrained_crystal_is_centrosymmetric():
    crystal = platinum()
    grid = skewed_grid(crystal, (21, 21, 21), peak=(10.0, 10.0, 10.0))
    intensity = np.abs(amplitude(crystal, grid) / form_factor(crystal, grid)) ** 2
    np.testing.assert_allclose(intensity, intensity[::-1, ::-1, ::-1], atol=1e-6 * intensity.max())


@pytest.mark.parametrize("strain", [2e-3, -1e-3])
def test_uniform_strain_moves_the_peak_by_minus_strain_times_g(strain):
    crystal = platinum(lambda r: strain * r, size=40.0, spread=0.0)
    along = crystal.g_inv_angstrom / np.linalg.norm(crystal.g_inv_angstrom)
    basis = np.linalg.svd(along[None])[2]
    basis[0] = along
    step = np.linalg.norm(crystal.g_inv_angstrom) * abs(strain) / 5
    intensity = np.abs(amplitude(crystal, Grid((41, 9, 9), step * basis, (20.0, 4.0, 4.0)))) ** 2
    top = np.unravel_index(intensity.argmax(), intensity.shape)
    np.testing.assert_array_equal(top, [20 - 5 * np.sign(strain), 4, 4])


def test_a_displacement_gives_minus_g_dot_u_as_phase():
    shift = np.array([0.1, -0.2, 0.05])
    still, moved = platinum(), platinum(lambda r: np.zeros_like(r) + shift)
    grid = Grid((1, 1, 1), np.eye(3) * 1e-3, (0.0, 0.0, 0.0))
    ratio = amplitude(moved, grid) / amplitude(still, grid)
    assert np.angle(ratio).item() == pytest.approx(-still.g_inv_angstrom @ shift)


def test_amplitude_at_the_peak_counts_electrons():
    crystal = platinum()
    grid = Grid((1, 1, 1), np.eye(3) * 1e-3, (0.0, 0.0, 0.0))
    electrons = amplitude(crystal, grid).real.item() / len(crystal.particle.sites)
    assert 55 < electrons < 78
    with_dispersion = amplitude(crystal, grid, energy_kev=9.0).item() / len(crystal.particle.sites)
    assert -6 < with_dispersion.real - electrons < -4  # f' of Pt 2.5 keV below its L3 edge
    assert with_dispersion.imag < 0  # waves run as exp(-iq.r)


@pytest.mark.parametrize("reflection", [(1, 1, 1), (2, 0, 0)])
def test_a_grid_that_reaches_the_neighbouring_peak_is_refused(reflection):
    crystal = platinum(reflection=reflection)
    spacing = 2 * np.pi / 3.92
    axes = np.eye(3) * spacing / 10  # the next peaks lie at (±10, ±10, ±10) voxels
    refuse_neighbouring_peak(crystal, Grid((19, 19, 19), axes, (9.0, 9.0, 9.0)))
    with pytest.raises(InputError, match="neighbour"):
        refuse_neighbouring_peak(crystal, Grid((21, 21, 21), axes, (10.0, 10.0, 10.0)))
    with pytest.raises(InputError, match=r"neighbour"):
        amplitude(crystal, Grid((19, 19, 19), axes, (6.0, 6.0, 6.0)))


def test_far_neighbours_are_seen_as_well():
    along = np.array([5, 1, 1]) * 2 * np.pi / 3.92
    steps = np.array([along / 60, [0, 1e-3, 0], [0, 0, 1e-3]])
    with pytest.raises(InputError, match="neighbour"):
        refuse_neighbouring_peak(platinum(), Grid((131, 3, 3), steps, (65.0, 1.0, 1.0)))


def test_atoms_in_a_box_give_back_their_pattern():
    """Through the object and forth again, against the amplitude on the detector's grid itself."""
    crystal = platinum(lambda r: 0.2 * np.sin(r / 20))
    directions = measured_directions(crystal.g_inv_angstrom, 9.0, 0.5, 0.3)
    corners = body_corners(crystal.particle.normals, crystal.particle.distances_angstrom)
    oversampling, shape, peak = (4.0, 3.5, 4.5), (24, 24, 24), (12.0, 11.5, 13.0)
    grid = grid_over(corners, directions, oversampling, shape, peak)
    direct = np.abs(amplitude(crystal, grid)) ** 2
    box = box_round(crystal, directions, finest_size(crystal, directions))
    ours = diffraction_pattern(atomic_object(crystal, box), shape, oversampling, peak).numpy()
    np.testing.assert_allclose(ours, direct / direct.max(), atol=3e-3)
    assert np.corrcoef(np.sqrt(ours).ravel(), np.sqrt(direct).ravel())[0, 1] > 0.999


def test_cuboid_has_sinc_fringes_with_the_asked_oversampling():
    box, side = 50, 44  # 0.88 of the box
    crystal = torch.zeros((box,) * 3, dtype=torch.complex64)
    crystal[3:47, 3:47, 3:47] = 1
    oversampling, peak = (4.0, 3.0, 6.0), (20.0, 16.5, 25.0)
    pattern = diffraction_pattern(crystal, (41, 33, 51), oversampling, peak)
    axes = []
    for n, s, p in zip((41, 33, 51), oversampling, peak, strict=True):
        q = 2 * np.pi / (s * FILLED_SHARE_OF_BOX * box) * (np.arange(n) - p)
        half = np.where(q == 0, 1, q / 2)
        axes.append(np.where(q == 0, 1, np.sin(side * half) / (side * np.sin(half))) ** 2)  # Laue function
    expected = axes[0][:, None, None] * axes[1][:, None] * axes[2]
    np.testing.assert_allclose(pattern, expected / expected.max(), atol=5e-6)  # complex64


def drawn_crystal(size=24):
    crystal = platinum(lambda r: 0.3 * np.sin(r / 15))
    return continuum_object(crystal, CrystalBox(size, FILLED_SHARE_OF_BOX * size / 75 * np.eye(3), np.zeros(3)), 0.4)


def test_moving_the_crystal_does_not_change_the_intensity():
    crystal = torch.zeros((40, 40, 40), dtype=torch.complex64)
    crystal[10:30, 12:28, 8:30] = drawn_crystal()[2:22, 2:18, 1:23]
    moved = torch.roll(crystal, (3, -4, 2), (0, 1, 2))
    arguments = ((24, 24, 24), (3.0, 3.0, 3.0), (12.0, 12.0, 12.0))
    torch.testing.assert_close(
        diffraction_pattern(moved, *arguments), diffraction_pattern(crystal, *arguments), atol=5e-6, rtol=0
    )


def test_phase_ramp_moves_the_peak():
    crystal = torch.zeros((50,) * 3, dtype=torch.complex64)
    crystal[3:47, 3:47, 3:47] = 1
    step = 2 * np.pi / (4.0 * FILLED_SHARE_OF_BOX * 50)
    ramped = crystal * torch.exp(1j * 5 * step * torch.arange(50))  # along columns, five voxels
    pattern = diffraction_pattern(ramped, (31, 31, 31), (4.0, 4.0, 4.0), (15.0, 15.0, 15.0))
    assert np.unravel_index(int(pattern.argmax()), pattern.shape) == (15, 15, 20)


def test_grid_beyond_the_first_zone_is_refused():
    with pytest.raises(InputError, match="first zone"):
        diffraction_pattern(drawn_crystal(16), (128, 128, 128), (2.5, 2.5, 2.5), (64.0, 64.0, 64.0))
