from dataclasses import replace

import numpy as np
import pytest

from braggfill.simulation.crystal import Crystal, box_round
from braggfill.simulation.dislocation import BURGERS, SLIP_NORMAL
from braggfill.simulation.particle import random_body
from braggfill.simulation.scans import one_thread
from braggfill.simulation.strained import BESIDE_FACES, THROUGH, dislocated, strained_crystal

SHAPE = (24, 30, 36)


@pytest.fixture(scope="module")
def crystal():
    with one_thread():
        return strained_crystal(np.random.default_rng(0), SHAPE, (2.5, 3.5))


def test_amplitudes_are_those_of_a_direct_sum(crystal):
    middle = (crystal.drawn.shape[0] - 1) / 2
    place = np.arange(crystal.drawn.shape[0]) - middle
    drawn = crystal.drawn.numpy().astype(complex)
    first = (-3, 5, 7)
    found = crystal.amplitude(first, (4, 3, 2)).numpy()
    for at in np.ndindex(found.shape):
        f, r, c = (
            np.exp(-1j * step * (begin + n - peak) * place)
            for step, begin, n, peak in zip(crystal.steps, first, at, crystal.peak, strict=True)
        )
        direct = np.einsum("i,j,k,ijk->", f, r, c, drawn)
        assert abs(found[at]) == pytest.approx(abs(direct), rel=1e-3, abs=1e-5 * abs(drawn).sum())


def test_its_phase_has_the_range_that_was_asked_for(crystal):
    modulus = crystal.drawn.abs().numpy()
    assert 2.5 <= crystal.about["phase_over_pi"] <= 3.5
    line = np.unravel_index(modulus.argmax(), modulus.shape)
    along = crystal.drawn.numpy()[:, line[1], line[2]]
    inside = np.unwrap(np.angle(along[abs(along) > 0.5 * modulus.max()]))
    assert np.ptp(inside) <= np.pi * crystal.about["phase_over_pi"] + 1e-3


def test_counts_are_drawn_from_what_is_expected(crystal):
    assert crystal.expected.max() <= 1.2 * crystal.about["peak_counts"]
    pull = (crystal.counts - crystal.expected) / np.sqrt(crystal.expected + 1e-3)
    bright = (crystal.expected > 5) & ~crystal.faulty
    assert pull[bright].std() == pytest.approx(1, abs=0.1)


def test_what_a_scan_holds_is_the_share_away_from_its_faces(crystal):
    even = replace(crystal, expected=np.ones(SHAPE, np.float32))
    inside = np.prod([n - 2 * round(BESIDE_FACES * n) for n in SHAPE])
    assert even.held == pytest.approx(inside / np.prod(SHAPE))
    point = np.zeros(SHAPE, np.float32)
    point[12, 15, 18] = 1
    assert replace(crystal, expected=point).held == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_the_phase_winds_once_about_a_screw_dislocation(seed):
    rng = np.random.default_rng(seed)
    crystal = Crystal(random_body(rng), None, (1, -1, 1))
    box = box_round(crystal, np.linalg.qr(rng.normal(size=(3, 3)))[0], 48)
    factors = dislocated(crystal.particle, box, crystal.g_inv_angstrom)
    axis = np.arange(48) - 23.5
    corners = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3) @ np.linalg.inv(box.voxel_inverse).T
    normal = SLIP_NORMAL / np.sqrt(3)
    line = box.centre_angstrom + THROUGH * np.ptp(corners[:, 0]) * normal
    across = np.cross(BURGERS, normal) / np.linalg.norm(BURGERS)
    radius = 8 * np.linalg.norm(np.linalg.inv(box.voxel_inverse)[:, 0])
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    loop = line + radius * (np.cos(angles)[:, None] * normal + np.sin(angles)[:, None] * across)
    voxels = np.round((loop - box.centre_angstrom) @ box.voxel_inverse.T + 23.5).astype(int)
    phases = factors[tuple(voxels.T)]
    steps = np.angle(np.roll(phases, -1) * phases.conj())
    assert abs(steps).max() < np.pi / 2
    assert abs(steps.sum()) == pytest.approx(2 * np.pi, abs=1e-3)
    np.testing.assert_allclose(abs(factors), 1, rtol=1e-5)
