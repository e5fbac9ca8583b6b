import numpy as np
import pytest
import torch

from braggfill import InputError
from braggfill.base.metrics import expected_deviance
from braggfill.base.randomness import start_generator
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.retrieval.starts import (
    BRIGHTEST_HIDDEN,
    HIDDEN_SHARE,
    hidden_deviance,
    hide_voxels,
    random_crystal,
)
from braggfill.retrieval.support import shrink_wrap


def cuboid(shape, sizes):
    inside = np.zeros(shape, bool)
    inside[tuple(slice(n // 2 - s // 2, n // 2 - s // 2 + s) for n, s in zip(shape, sizes, strict=True))] = True
    return inside


def test_shrink_wrap_finds_the_object_in_a_loose_support_and_in_a_tight_one():
    true = cuboid((32, 32, 32), (12, 10, 14))
    modulus = torch.from_numpy(true.astype(np.float32))
    for first in (cuboid((32, 32, 32), (20, 20, 20)), cuboid((32, 32, 32), (10, 9, 12))):
        support = torch.from_numpy(first)
        for _ in range(3):
            support = shrink_wrap(modulus, support, 1.0)
        ours = support.numpy()
        assert ours[true].all()
        assert ours.sum() < 1.7 * true.sum()


def test_an_object_that_vanished_is_refused():
    with pytest.raises(InputError, match="object vanished"):
        shrink_wrap(torch.zeros(16, 16, 16), torch.from_numpy(cuboid((16, 16, 16), (6, 6, 6))), 1.0)


def test_hidden_voxels_are_measured_and_faint_and_as_many_as_said():
    rng = np.random.default_rng(0)
    counts = rng.poisson(5.0, (40, 40, 40))
    counts[20, 20, 20], counts[5:8, 5:8, 5:8] = 1000, 500
    pattern = prepare_pattern(counts, np.broadcast_to(np.arange(40) > 30, (40, 40)))
    hidden = hide_voxels(rng, pattern)
    assert hidden.mean() == pytest.approx(HIDDEN_SHARE * pattern.measured.mean(), rel=0.25)
    assert not hidden[pattern.missing].any()
    assert pattern.counts[hidden].max() < BRIGHTEST_HIDDEN * 1000


def test_a_random_start_scatters_the_counts_and_depends_on_its_number():
    support = torch.from_numpy(cuboid((16, 18, 20), (6, 6, 6)))
    crystal = random_crystal(start_generator(3, 1), support, 5e4)
    assert torch.fft.fftn(crystal).abs().square().sum().item() == pytest.approx(5e4, rel=1e-4)
    assert not crystal[~support].any()
    again, other = (random_crystal(start_generator(3, n), support, 5e4) for n in (1, 2))
    assert torch.equal(crystal, again)
    assert not torch.equal(crystal, other)


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
