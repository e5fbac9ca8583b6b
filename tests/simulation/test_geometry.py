import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError
from braggfill.simulation.geometry import HC_KEV_ANGSTROM, bragg_angle, grid_over, measured_directions, reciprocal_vector

G = reciprocal_vector((1, 1, 1), 4.08)


def test_bragg_s_law():
    spacing, wavelength = 4.08 / np.sqrt(3), HC_KEV_ANGSTROM / 9.0
    assert 2 * spacing * np.sin(bragg_angle(G, 9.0)) == pytest.approx(wavelength)
    with pytest.raises(InputError, match="energy_kev"):
        bragg_angle(G, 2.0)


def directions_of_an_experiment(g, energy_kev, roll):
    """The three directions from the wave vectors themselves, G along z: finite turns of crystal and detector."""
    k = 2 * np.pi * energy_kev / HC_KEV_ANGSTROM
    theta = np.arcsin(np.linalg.norm(g) / 2 / k)
    scattered = k * np.array([np.cos(theta), 0, np.sin(theta)])
    turn = 1e-6
    frame = np.linalg.norm(g) * np.array([np.sin(turn), 0, np.cos(turn) - 1])
    e1, e2 = np.array([-np.sin(theta), 0, np.cos(theta)]), np.array([0, 1.0, 0])
    row = np.cos(roll) * e1 + np.sin(roll) * np.cross(scattered / k, e1)
    column = np.cos(roll) * e2 + np.sin(roll) * np.cross(scattered / k, e2)
    pixel = 1e-6  # a step on the detector keeps the length of the scattered wave vector
    ends = [scattered + k * pixel * e for e in (row, column)]
    steps = [frame, *(k * end / np.linalg.norm(end) - scattered for end in ends)]
    return np.array([s / np.linalg.norm(s) for s in steps])


@given(st.floats(6, 14), st.floats(0, 6.3), st.floats(-1.5, 1.5))
def test_directions_are_those_of_turning_crystal_and_moving_along_the_detector(energy_kev, azimuth, roll):
    ours = measured_directions(G, energy_kev, azimuth, roll)
    theirs = directions_of_an_experiment(G, energy_kev, roll)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-4)  # the same angles between them
    np.testing.assert_allclose(ours @ G, theirs @ [0, 0, np.linalg.norm(G)], atol=1e-4)  # and to G
    assert np.sign(np.linalg.det(ours)) == np.sign(np.linalg.det(theirs))


def test_without_roll_frames_and_rows_enclose_the_bragg_angle_beyond_a_right_one():
    frames, rows, columns = measured_directions(G, 9.0, 0.7, 0.0)
    assert frames @ rows == pytest.approx(-np.sin(bragg_angle(G, 9.0)))
    assert columns @ frames == pytest.approx(0, abs=1e-12)
    assert columns @ G == pytest.approx(0, abs=1e-12)


def test_grid_has_the_asked_voxels_per_fringe():
    corners = np.random.default_rng(0).uniform(-50, 50, (20, 3))
    directions = measured_directions(G, 9.0, 0.1, 0.2)
    grid = grid_over(corners, directions, (3.0, 4.0, 5.0), (8, 8, 8), (4, 4, 4))
    phases = corners @ grid.steps_inv_angstrom.T  # turned per voxel
    np.testing.assert_allclose(2 * np.pi / np.ptp(phases, axis=0), [3, 4, 5])
