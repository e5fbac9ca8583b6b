from dataclasses import replace

import numpy as np
import pytest
import torch
from known_instruments import instrument, ring
from scipy.ndimage import gaussian_filter

from braggfill.crystal.blocks import Blocks
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.record import CrystalOptions
from braggfill.crystal.retrieved import fill_by_crystal
from braggfill.crystal.search.climb import RoughnessWeights
from braggfill.crystal.search.turns import Turn
from braggfill.scan.faulty import faulty_pixels
from braggfill.simulation.scans import one_thread

SHAPE = (48, 48, 48)
BLUR = (0.5, 0.6, 0.4)
QUICK = (Turn(80, 40, 10, 20, coherent=True), Turn(60, 40, 10, 20, refinements=1), Turn(40, 30, 10, 20, refinements=2))


@pytest.fixture(scope="module")
def measured():
    """Expected counts of a strained crystal seen with partial coherence, the counts, and a detector's gap."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")
    inside = (np.abs(z) + np.abs(y) < 6) & (np.abs(x) < 4) & (z + y + x < 4)
    crystal = inside * np.exp(1j * (0.02 * z * x + 0.03 * y**2))
    smooth = gaussian_filter(crystal.real, 0.8) + 1j * gaussian_filter(crystal.imag, 0.8)
    crystal = torch.from_numpy(smooth.astype(np.complex64))
    given = instrument(SHAPE[0], BLUR, 0.02)
    expected = np.roll(expected_counts(crystal, given, ring(SHAPE)).numpy(), [24, 24, 24], (0, 1, 2))
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 31:34] = True
    return expected, np.random.default_rng(0).poisson(expected).astype(np.float32), mask


@pytest.fixture(scope="module", params=[0, 6], ids=["starts", "guided"])
def filled(measured, request):
    """What is found when another method knows the gap within a factor of two only."""
    expected, counts, mask = measured
    rng = np.random.default_rng(1)
    rough = (gaussian_filter(expected, 1) * np.exp(0.7 * rng.normal(size=SHAPE))).astype(np.float32)
    hidden = np.zeros(SHAPE, bool)
    hidden[:, 12:36, 18:20] = True
    unknown = mask | hidden
    mean, std = np.where(unknown, rough, np.nan), np.where(unknown, rough + 0.3, np.nan)
    seen = []
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setattr("braggfill.crystal.contest.TURNS", QUICK)
        patch.setattr("braggfill.crystal.retrieved.MOST_GIVEN", 1)
        patch.setattr("braggfill.crystal.contest.UNMET", -1.0)  # hidden counts are never met well enough, ...
        patch.setattr("braggfill.crystal.contest.MISSED", 1e9)  # ... nor missed too far
        roughness = RoughnessWeights(mu=0.003, search_mu=0.003)
        options = CrystalOptions(starts=2, climbs=2, roughness=roughness, generations=request.param)
        blank = np.where(mask, 0, counts).astype(np.float32)
        progress = lambda done, total: seen.append((done, total))  # noqa: E731
        blocks = Blocks.of(blank, faulty_pixels(blank, mask), hidden)
        found = fill_by_crystal(blank, mask, blocks, mean.astype(np.float32), std.astype(np.float32), options, progress)
    return found, rough, hidden, seen


def test_the_gap_is_filled_better_than_the_prior_knew_it(measured, filled, excess_deviance):
    _, counts, mask = measured
    fill, rough, _, _ = filled
    assert excess_deviance(fill.mean, counts, mask) < 0.2 * excess_deviance(rough, counts, mask)
    assert fill.mean[mask].sum() == pytest.approx(counts[mask].sum(), rel=0.15)
    assert fill.record.converged >= 1


def test_what_was_hidden_is_estimated_and_what_was_measured_is_not(measured, filled, excess_deviance):
    _, counts, mask = measured
    fill, rough, hidden, _ = filled
    for values in (fill.mean, fill.std):
        np.testing.assert_array_equal(np.isfinite(values), mask | hidden)
    assert excess_deviance(fill.mean, counts, hidden) < 0.3 * excess_deviance(rough, counts, hidden)


def test_the_standard_deviation_is_of_the_errors_size(measured, filled):
    expected, _, mask = measured
    fill = filled[0]
    bright = mask & (expected > 3)
    deviations = ((fill.mean - expected) / fill.std)[bright]
    assert 0.3 < np.sqrt(np.median(deviations**2)) < 1.5


def test_the_record_tells_of_every_end_best_first(filled):
    record = filled[0].record
    assert len(record.coarse_misfits) == 2
    found = {c.start for c in record.climbed}
    if record.options.generations:
        assert len(found) > 2  # two ends and what they have in common
        assert max(found) >= len(record.coarse_misfits)
    else:
        assert found == {0, 1}
    deviances = [c.hidden_deviance for c in record.climbed]
    assert deviances == sorted(deviances)
    assert sum(c.share for c in record.climbed) + record.prior_shares[-1] == pytest.approx(1)
    assert record.seconds > 0


def test_a_start_converged_if_the_end_that_tells_hidden_counts_best_did(filled):
    record = filled[0].record
    one, other = (replace(record.climbed[0], start=n, noise_misfit=1.0) for n in (0, 1))
    stuck, fitted = replace(one, misfit=2.0), replace(one, misfit=1.0)
    assert replace(record, climbed=(stuck, fitted, replace(other, misfit=1.1))).converged == 1
    assert replace(record, climbed=(fitted, stuck, replace(other, misfit=1.1))).converged == 2


def test_progress_moves_in_every_start_and_climb_and_comes_to_its_end(filled):
    done, total = np.transpose(filled[3])
    assert (total == total[0]).all()
    assert (np.diff(done) > 0).all()
    assert (done[0], done[-1]) == (0, total[0])
    assert len(done) > 2 * 2 + 2 * 4


def test_the_object_behind_the_fill_scatters_what_was_measured(measured, filled):
    expected, best = measured[0], filled[0].best
    light = gaussian_filter(np.abs(np.fft.fftn(best.crystal, best.ring, axes=(0, 1, 2))) ** 2, BLUR, mode="wrap")
    peak = np.unravel_index(expected.argmax(), SHAPE)
    ours = light[np.ix_(*((np.arange(n) - p) % m for n, p, m in zip(SHAPE, peak, best.ring, strict=True)))]
    bright = expected > 30
    assert np.corrcoef(np.sqrt(ours[bright]), np.sqrt(expected[bright]))[0, 1] > 0.999
    assert not best.crystal[~best.support].any()
