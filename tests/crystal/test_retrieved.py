import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from braggfill.crystal.climb import Prior
from braggfill.crystal.coherence import Instrument, expected_counts
from braggfill.crystal.levels import GappedCounts
from braggfill.crystal.retrieved import Climbed, CrystalOptions, fill_by_crystal, together
from braggfill.crystal.search import Turn
from braggfill.simulation.scans import one_thread

SHAPE = (48, 48, 48)
QUICK = (Turn(80, 40, 10, 20, coherent=True), Turn(60, 40, 10, 20, refinements=1), Turn(40, 30, 10, 20, refinements=2))


@pytest.fixture(scope="module")
def measured():
    """Expected counts of a strained crystal seen with partial coherence, the counts, and a detector's gap."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")
    inside = (np.abs(z) + np.abs(y) < 6) & (np.abs(x) < 4) & (z + y + x < 4)
    crystal = inside * np.exp(1j * (0.02 * z * x + 0.03 * y**2))
    smooth = gaussian_filter(crystal.real, 0.8) + 1j * gaussian_filter(crystal.imag, 0.8)
    crystal = torch.from_numpy(smooth.astype(np.complex64))[None]
    instrument = Instrument(torch.tensor([[0.5, 0.6, 0.4]]), torch.ones(1, 48), torch.tensor([0.02]), torch.tensor([1e-8]))
    expected = np.roll(expected_counts(crystal, instrument, torch.ones(SHAPE))[0].numpy(), [24, 24, 24], (0, 1, 2))
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 31:34] = True
    return expected, np.random.default_rng(0).poisson(expected).astype(np.float32), mask


@pytest.fixture(scope="module")
def filled(measured):
    """What is found when another method knows the gap within a factor of two only."""
    expected, counts, mask = measured
    rng = np.random.default_rng(1)
    rough = (gaussian_filter(expected, 1) * np.exp(0.7 * rng.normal(size=SHAPE))).astype(np.float32)
    mean, std = np.where(mask, rough, np.nan), np.where(mask, rough + 0.3, np.nan)
    seen = []
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setattr("braggfill.crystal.retrieved.TURNS", QUICK)
        options = CrystalOptions(starts=2, climbs=2, prior=Prior(mu=0.003, search_mu=0.003))
        blank = np.where(mask, 0, counts).astype(np.float32)
        progress = lambda done, total: seen.append((done, total))  # noqa: E731
        found = fill_by_crystal(blank, mask, mean.astype(np.float32), std.astype(np.float32), options, progress)
    return found, rough, seen


def test_the_gap_is_filled_better_than_the_prior_knew_it(measured, filled, excess_deviance):
    _, counts, mask = measured
    (mean, _, record), rough, _ = filled
    volume = np.zeros(SHAPE, np.float32)
    volume[mask] = mean
    assert excess_deviance(volume, counts, mask) < 0.2 * excess_deviance(rough, counts, mask)
    assert mean.sum() == pytest.approx(counts[mask].sum(), rel=0.15)
    assert record.converged >= 1


def test_the_standard_deviation_is_of_the_errors_size(measured, filled):
    expected, _, mask = measured
    mean, std, _ = filled[0]
    bright = expected[mask] > 3
    deviations = ((mean - expected[mask]) / std)[bright]
    assert 0.3 < np.sqrt(np.median(deviations**2)) < 1.5


def test_the_record_tells_of_every_start_best_first(filled):
    _, _, record = filled[0]
    assert len(record.coarse_misfits) == 2
    assert {c.start for c in record.climbed} == {0, 1}
    assert record.climbed[0].misfit <= record.climbed[1].misfit
    assert record.seconds > 0


def test_progress_counts_starts_and_climbs(filled):
    assert filled[2] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("wrong", ["prior", "the other start"])
def test_a_judge_chooses_what_is_nearest_to_the_counts_it_knows(measured, wrong):
    expected, counts, mask = measured
    truth = expected.astype(np.float32)
    false = truth[::-1] + 50
    prior = false if wrong == "prior" else truth
    scan = GappedCounts(counts, mask, np.where(mask, prior, np.nan), np.where(mask, 0.1 * prior + 0.3, np.nan), (0, 0, 0))
    fields = [truth, false] if wrong == "the other start" else [truth, truth]
    climbed = [Climbed(n, 1.0 + 0.1 * n, 1.0, (0.5, 0.5, 0.5), 0.0, 0.0) for n in range(2)]

    def judge(mean):
        return float(np.abs(np.sqrt(mean) - np.sqrt(truth[mask])).mean())

    chosen, plain = (judge(together(scan, fields, climbed, by)[0]) for by in (judge, None))
    assert chosen < 0.5 * plain
    assert chosen < 0.05
