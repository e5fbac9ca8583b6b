import pytest
import torch
from known_scans import scattered

from braggfill.base.smoothing import gaussian_blur
from braggfill.crystal.model.likelihood import Terms, fit
from braggfill.crystal.search.annealing import ALL_EVALUATIONS, annealed
from braggfill.crystal.search.turns import State, judged
from braggfill.simulation.scans import one_thread

SHAPE = (32, 32, 32)
LAST = 75
"""Evaluations of a last fit."""


@pytest.fixture(scope="module")
def scan():
    return scattered(SHAPE, 1e6)


def in_knots(state, seed, radians=2.4):
    """A state whose transform has phases that are wrong by so much (root mean square), smoothly, everywhere."""
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))
    wrong = gaussian_blur(noise, 1.5, wrap=True)
    spectrum = torch.fft.fftn(state.crystal) * torch.polar(torch.ones(SHAPE), radians * wrong / wrong.std())
    return State(torch.fft.ifftn(spectrum) * state.support, state.support, state.instrument)


def fitted(level, state, evaluations):
    """A state after a fit."""
    found = fit(level, state.crystal, state.support, state.instrument, evaluations, Terms(0.0, 0.03, unbiased=True))
    return judged(level, found, state.support, 0.0)


def test_annealing_finds_what_a_fit_alone_of_as_many_evaluations_does_not(scan):
    level, state = scan
    alone, after = [], []
    with one_thread():
        for seed in range(1, 7):
            wrong = in_knots(state, seed)
            alone.append(fitted(level, wrong, ALL_EVALUATIONS + LAST))
            after.append(fitted(level, annealed(level, wrong), LAST))
    assert sum(found.misfit > 2 * found.counting_misfit for found in alone) >= 3
    assert sum(found.misfit > 1.5 * found.counting_misfit for found in after) <= 1


def test_annealing_does_no_harm_to_what_was_found(scan):
    level, state = scan
    with one_thread():
        found = fitted(level, annealed(level, state), LAST)
    assert found.converged
    crystal = state.crystal
    alike = torch.linalg.vecdot(crystal.flatten(), found.crystal.flatten()).abs()
    assert alike > 0.99 * crystal.norm() * found.crystal.norm()
