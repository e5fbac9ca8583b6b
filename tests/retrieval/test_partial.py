"""Retrieval with partial coherence, on a faceted object of 13 voxels in 48³ whose every value is known."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from known_objects import faceted, pattern_of, ramp_free
from scipy.ndimage import gaussian_filter

from braggfill import retrieve
from braggfill.base.progress import Steps
from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.levels import level_of
from braggfill.crystal.search.alignment import align
from braggfill.crystal.search.turns import Turn
from braggfill.crystal.search.ways import Way
from braggfill.crystal.search.wraps import WRAPS
from braggfill.retrieval import carried, partial
from braggfill.retrieval.deformation import interior, strain, strain_rmse
from braggfill.retrieval.grids import without_taper
from braggfill.retrieval.options import RetrievalOptions, SearchOptions
from braggfill.retrieval.partial import (
    CLIMB_STEPS,
    FURTHER_STEPS,
    LAST_STEPS,
    START_STEPS,
    PartialSearch,
    searched_coarsely,
)
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.retrieval.result import LARGEST_SUPPORT, RetrievalResult, Start
from braggfill.retrieval.treatments import known_counts
from braggfill.retrieval.view import view_of
from braggfill.simulation.scans import one_thread

BLUR = (0.5, 0.7, 0.6)
ONE = {"starts": 1, "keep": 1, "counts_per_unit": 1, "device": "cpu"}


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def crystal():
    return ramp_free(faceted(phase=0.5))


def counted(crystal, blur):
    """Poisson counts of the pattern, blurred by scipy."""
    expected = gaussian_filter(pattern_of(crystal, 1e6), blur, mode="wrap")
    return np.random.default_rng(0).poisson(expected).astype(np.float32)


@pytest.fixture(scope="module")
def found(crystal):
    """Of blurred counts, by partial and by full coherence."""
    counts = counted(crystal, BLUR)
    return {coherence: retrieve(counts, coherence=coherence, **ONE) for coherence in ("partial", "full")}


def test_an_object_of_blurred_counts_is_nearer_to_the_truth_than_with_full_coherence(crystal, found):
    inside = np.abs(crystal) > 0.5 * np.abs(crystal).max()
    core = interior(inside)
    true = strain(crystal, inside, q_inv_nm=(0, 1, 0)).strain
    alike, amplitude, field = {}, {}, {}
    for coherence, result in found.items():
        ours, alike[coherence] = align(crystal, result.crystal)
        moduli = [np.abs(c)[core] / np.abs(c)[core].mean() for c in (ours, crystal)]
        amplitude[coherence] = np.std(moduli[0] - moduli[1])
        field[coherence] = strain_rmse(strain(ours, inside, q_inv_nm=(0, 1, 0)).strain, true, core)
    assert alike["partial"] > 0.99 > alike["full"]
    assert amplitude["partial"] < 0.5 * amplitude["full"]
    assert field["partial"] < 0.5 * field["full"]


def test_the_widths_are_those_of_the_blur(found):
    assert found["partial"].coherence == "partial"
    np.testing.assert_allclose(found["partial"].starts[0].widths, BLUR, atol=0.05)
    assert found["full"].starts[0].widths == (0, 0, 0)


def test_it_converges_where_full_coherence_does_not(found):
    assert found["partial"].converged == 1
    assert found["partial"].warnings == []
    assert found["full"].converged == 0
    (sentence,) = found["full"].warnings
    assert sentence.startswith("no start converged: the best one's misfit is ")


def test_the_object_scatters_what_coherent_light_would(crystal, found):
    """Before the blur, of which it never saw the sharp pattern."""
    result = found["partial"]
    ours = np.fft.fftshift(np.abs(np.fft.fftn(result.crystal)) ** 2)
    sharp = pattern_of(crystal, 1e6)
    assert np.corrcoef(np.sqrt(ours).ravel(), np.sqrt(sharp).ravel())[0, 1] > 0.997
    assert ours.sum() == pytest.approx(sharp.sum(), rel=0.01)
    places = np.argwhere(result.support)
    np.testing.assert_allclose((places.min(0) + places.max(0)) / 2, 24, atol=1)


def test_coherent_counts_show_no_blur_to_speak_of(crystal):
    support = np.abs(np.roll(crystal, 5, 1)) > 0.1 * np.abs(crystal).max()
    result = retrieve(counted(crystal, 0), support=support, **ONE)
    assert max(result.starts[0].widths) < 0.3
    assert result.converged == 1
    assert align(crystal, result.crystal)[1] > 0.99


def quick(patch):
    """A search too short to find anything, whose bookkeeping is all there."""
    patch.setattr("braggfill.retrieval.partial.TURNS", (Turn(2, 2, 1, 2, coherent=True), Turn(2, 2, 1, 2)))
    patch.setattr("braggfill.retrieval.carried.LIFTS", 0)


def test_starts_depend_on_their_number_alone_and_the_best_are_carried_up(monkeypatch):
    quick(monkeypatch)
    counts = pattern_of(faceted((16, 16, 16), 5.0))
    seen = []
    options = {"counts_per_unit": 1, "device": "cpu", "keep": 1}
    three = retrieve(counts, starts=3, on_progress=lambda done, total: seen.append((done, total)), **options)
    done, totals = zip(*seen, strict=True)
    steps = 3 * START_STEPS + 2 * FURTHER_STEPS + CLIMB_STEPS + LAST_STEPS
    assert set(totals) == {steps} and done[-1] == totals[0]
    assert done[:7] == tuple(range(7)) and list(done) == sorted(done)
    assert sorted(start.number for start in three.starts) == [0, 1, 2]
    assert [start.finished for start in three.starts] == [True, False, False]
    assert [start.averaged for start in three.starts] == [True, False, False]
    pattern = prepare_pattern(counts, counts_per_unit=1)
    for left in three.starts[1:]:
        alone = searched_coarsely(
            view_of(pattern, "free", 0, left.number, torch.device("cpu")), WRAPS[left.number], 1.0, None
        ).end
        assert alone.misfit == pytest.approx(left.misfit, rel=1e-3)
        assert alone.hidden_deviance == pytest.approx(left.hidden_deviance, rel=1e-3)


def test_noise_is_no_crystal_and_the_result_says_so(monkeypatch):
    quick(monkeypatch)
    counts = np.random.default_rng(0).poisson(5.0, (20, 18, 16))
    result = retrieve(counts, **ONE)
    assert result.converged == 0
    assert sum("no start converged" in sentence for sentence in result.warnings) == 1
    assert result.summary.startswith("0 of 1 starts")


def result_of(*starts):
    volume = np.zeros((2, 2, 2))
    return RetrievalResult(
        volume.astype(np.complex64), volume > 0, list(starts), np.ones(1), (3.0, 3.0, 3.0), RetrievalOptions(treatment="free")
    )


def test_a_start_converged_if_its_misfit_is_near_that_of_noise_on_the_whole_pattern():
    start = Start(0, 1.0, 1.19, 1.0, (0.5, 0.5, 0.5), 0.02, finished=True)
    assert start.converged
    assert not replace(start, misfit=1.21).converged
    assert not replace(start, finished=False).converged
    assert not replace(start, support_share=2 * LARGEST_SUPPORT).converged  # what fills the array agrees with any counts
    both = result_of(start, replace(start, misfit=3.0), replace(start, finished=False))
    assert (both.converged, both.tried) == (1, 2)
    assert both.warnings == []
    (sentence,) = result_of(replace(start, misfit=3.0)).warnings
    assert "3.0 times" in sentence
    assert "\n" not in sentence
    (sentence,) = result_of(replace(start, misfit=0.1, support_share=0.4)).warnings
    assert "no start converged" in sentence
    assert "40 % of the array" in sentence


@pytest.fixture
def gapped():
    """A pattern off the middle with a filled stripe, of which a row was not filled, on sizes that neither engine keeps."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(20.0, (19, 26, 34)).astype(np.float32)
    counts[7, 15, 20] = 5000
    gap = np.zeros(counts.shape, bool)
    gap[:, 5:8] = True
    filled = gap & (np.arange(26) != 5)[:, None]
    estimates = np.where(gap, rng.uniform(0, 3, counts.shape), counts).astype(np.float32)
    pattern = prepare_pattern(estimates, gap & ~filled, filled, np.where(gap, 0.5, 0), counts_per_unit=1)
    return pattern, np.zeros(pattern.counts.shape, bool)


@pytest.mark.parametrize("treatment", ["free", "free-streaks", "zero", "filled", "bounded"])
def test_treatments_say_what_is_taken_as_measured_and_what_is_expected(gapped, treatment):
    pattern, hidden = gapped
    scan = known_counts(pattern, treatment, hidden)
    order = [np.roll(v, pattern.before, (0, 1, 2)) for v in (pattern.missing, pattern.filled, pattern.counts)]
    missing, filled, counts = order
    assert scan.counts[scan.peak] == 5000
    np.testing.assert_array_equal(scan.counts[~missing], counts[~missing])
    streak = filled & (counts >= 1)
    unknown = {"free": missing, "free-streaks": streak | (missing & ~filled), "zero": missing & False}
    unknown |= {"filled": missing & ~filled, "bounded": missing}
    np.testing.assert_array_equal(scan.mask, unknown[treatment])
    taken = filled & ~scan.mask
    np.testing.assert_array_equal(scan.counts[taken], counts[taken] if treatment == "filled" else 0)
    expected = filled if treatment == "bounded" else filled & False
    np.testing.assert_array_equal(np.isfinite(scan.prior_mean), expected)
    np.testing.assert_array_equal(scan.prior_mean[expected], counts[expected])
    np.testing.assert_array_equal(scan.prior_std[expected], np.float32(0.5))


def test_hidden_voxels_are_not_known(gapped):
    pattern, hidden = gapped
    hidden[3, 4, 5] = True
    scan = known_counts(pattern, "free", hidden)
    assert scan.mask[tuple((np.array([3, 4, 5]) + pattern.before) % pattern.counts.shape)]
    assert np.isnan(scan.prior_mean).all()


def test_without_its_taper_an_object_scatters_what_the_level_compares_with_the_counts(gapped):
    pattern, hidden = gapped
    level = level_of(known_counts(pattern, "free", hidden), 1.0, 0.3)
    assert level.shape != pattern.counts.shape
    crystal = torch.randn(level.shape, dtype=torch.complex64)
    expected = expected_counts(crystal, None, level).numpy()
    ours = torch.fft.fftn(without_taper(crystal, level, pattern)).abs().square().numpy()
    for frame, row, column in [(0, 0, 0), (3, -4, 5), (-7, 9, -19), (10, -14, 13)]:
        assert ours[frame, row, column] == pytest.approx(expected[frame, row, column], rel=1e-3)


def test_starts_side_by_side_find_what_they_find_one_after_the_other(monkeypatch):
    quick(monkeypatch)
    short = Way(kappa=0.0, evaluations=3)
    for name, value in {"FITS": (short,), "LAST": short}.items():
        monkeypatch.setattr(carried, name, value)
    monkeypatch.setattr("braggfill.crystal.search.turns.REFINING", 3)
    counts = pattern_of(faceted((16, 16, 16), 5.0))

    def beside(works, stop, place):
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda work: work(), works))

    monkeypatch.setattr(partial, "lasting", beside)
    found = []
    for most in (counts.size, counts.size - 1):
        monkeypatch.setattr(partial, "MOST_SIDE_BY_SIDE", most)
        found.append(retrieve(counts, starts=3, keep=2, counts_per_unit=1, device="cpu"))
    ours, theirs = found
    told = [[(s.number, s.misfit, s.hidden_deviance) for s in found.starts] for found in (ours, theirs)]
    assert told[0] == told[1]
    np.testing.assert_array_equal(ours.crystal, theirs.crystal)


@pytest.mark.parametrize(("first", "last", "fits", "taken"), [(1.3, 0.9, 0, False), (1.1, 0.9, 2, True), (1.1, 1.1, 1, False)])
def test_full_coherence_is_taken_if_it_tells_hidden_counts_and_given_up_early_if_far_worse(
    monkeypatch, first, last, fits, taken
):
    """Two starts; deviances are over the best one's: before the last fits of full coherence, and after them."""

    class Told(SimpleNamespace):
        rank = property(lambda self: self.hidden_deviance)

    pattern, made = SimpleNamespace(counts=np.zeros(1)), []
    climbed = [Told(hidden_deviance=deviance) for deviance in (3.0, 2.0)]

    def fitted_to_the_end(attempt):
        made.append(attempt)
        return Told(hidden_deviance=2.0 * last)

    monkeypatch.setattr(partial, "with_full_coherence", lambda attempt: Told(hidden_deviance=2.0 * first))
    monkeypatch.setattr(partial, "fitted_to_the_end", fitted_to_the_end)
    search = PartialSearch(pattern, "free", None, SearchOptions(), torch.device("cpu"), Steps(lambda *_: None, 3))
    ends = search.as_hidden_counts_say(climbed)
    assert len(made) == fits
    assert (ends == climbed) != taken
    assert len(ends) == 2
