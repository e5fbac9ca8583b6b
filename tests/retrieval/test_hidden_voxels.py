import numpy as np
import pytest
import torch
from known_objects import cuboid

from braggfill.base.metrics import expected_deviance
from braggfill.retrieval.hidden_voxels import BRIGHTEST_HIDDEN, HIDDEN_SHARE, hidden_deviance, hide_voxels
from braggfill.retrieval.pattern import prepare_pattern


def test_hidden_voxels_are_measured_and_faint_and_as_many_as_said():
    rng = np.random.default_rng(0)
    counts = rng.poisson(5.0, (40, 40, 40))
    counts[20, 20, 20], counts[5:8, 5:8, 5:8] = 1000, 500
    pattern = prepare_pattern(counts, np.broadcast_to(np.arange(40) > 30, (40, 40)))
    hidden = hide_voxels(rng, pattern)
    assert hidden.mean() == pytest.approx(HIDDEN_SHARE * pattern.measured.mean(), rel=0.25)
    assert not hidden[pattern.missing].any()
    assert pattern.counts[hidden].max() < BRIGHTEST_HIDDEN * 1000


def test_voxels_with_counts_are_hidden_in_a_faint_pattern_as_well():
    counts = np.random.default_rng(0).poisson(1.0, (40, 40, 40))
    counts[20, 20, 20] = 50
    pattern = prepare_pattern(counts)
    assert pattern.counts[hide_voxels(np.random.default_rng(1), pattern)].mean() == pytest.approx(1, abs=0.1)


def test_the_truth_explains_hidden_counts_best():
    rng = np.random.default_rng(1)
    crystal = cuboid((24, 24, 24), (7, 8, 9)) * 0.5
    counts = rng.poisson(np.fft.fftshift(np.abs(np.fft.fftn(crystal)) ** 2))
    pattern = prepare_pattern(counts)
    hidden = hide_voxels(rng, pattern)
    truth = hidden_deviance(torch.from_numpy(crystal), pattern, hidden)
    wrong = hidden_deviance(torch.from_numpy(cuboid((24, 24, 24), (8, 8, 9)) * 0.5), pattern, hidden)
    assert truth < 1.3
    assert wrong > 1.5 * truth
    none = np.zeros_like(hidden)
    expected = np.abs(np.fft.fftn(crystal)) ** 2
    assert hidden_deviance(torch.from_numpy(crystal), pattern, none) == pytest.approx(expected_deviance(expected), rel=0.05)
