"""Phase retrieval end to end, on a faceted object of 14 voxels in 48³ whose every value is known."""

import numpy as np
import pytest
from known_objects import faceted, pattern_of, ramp_free

from braggfill import InputError, retrieve, strain
from braggfill.base.errors import VanishedError
from braggfill.crystal.search.alignment import align
from braggfill.retrieval import coherent
from braggfill.retrieval.deformation import interior
from braggfill.retrieval.grids import given_support, interpolated
from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions
from braggfill.simulation.scans import one_thread

SHORT = (("hio", 60), ("raar", 100), ("er", 20), ("ml", 20))


@pytest.fixture(scope="module", autouse=True)
def alone():
    """One thread: on arrays this small two wait for each other, and long where other programs run."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def complete():
    crystal = faceted()
    return crystal, retrieve(
        pattern_of(crystal), starts=4, keep=2, coherence="full", schedule=SHORT, counts_per_unit=1, device="cpu"
    )


def test_a_noise_free_pattern_gives_the_object_back(complete):
    crystal, result = complete
    assert align(ramp_free(crystal), result.crystal)[1] > 0.99
    assert result.modes[0] > 0.99
    assert [sentence for sentence in result.warnings if "no start converged" not in sentence] == []
    assert result.oversampling == pytest.approx((48 / 13,) * 3, rel=0.25)


def test_the_strain_is_that_of_the_object(complete):
    """The slope of retrieved over true strain, and what is left beside it, along each axis."""
    truth = ramp_free(complete[0])
    ours = align(truth, complete[1].crystal)[0]
    inside = np.abs(truth) > 0.5 * np.abs(truth).max()
    core = interior(inside)
    for g in np.eye(3):
        true, found = (strain(c, inside, q_inv_nm=tuple(g)).strain[core] for c in (truth, ours))
        assert (true * found).sum() / (true**2).sum() == pytest.approx(1, abs=0.05)
        assert np.std(found - true) < 0.2 * np.std(true)


def test_what_is_retrieved_scatters_the_counts(complete):
    crystal, result = complete
    ours = np.fft.fftshift(np.abs(np.fft.fftn(result.crystal)) ** 2)
    counts = np.fft.fftshift(np.abs(np.fft.fftn(ramp_free(crystal))) ** 2)
    assert np.corrcoef(np.sqrt(ours).ravel(), np.sqrt(counts).ravel())[0, 1] > 0.999


def test_the_support_is_the_object_in_the_middle(complete):
    crystal, result = complete
    places = np.argwhere(result.support)
    np.testing.assert_allclose((places.min(0) + places.max(0)) / 2, 24, atol=1)
    volume = np.count_nonzero(np.abs(crystal) > 0.3)
    assert volume < result.support.sum() < 1.7 * volume


def test_starts_are_ranked_and_depend_on_their_number_alone(complete):
    crystal, result = complete
    deviances = [start.hidden_deviance for start in result.starts]
    assert deviances == sorted(deviances)
    assert sorted(start.number for start in result.starts) == [0, 1, 2, 3]
    alone = retrieve(pattern_of(crystal), starts=1, coherence="full", schedule=SHORT, counts_per_unit=1, device="cpu")
    first = next(start for start in result.starts if start.number == 0)
    assert alone.starts[0].hidden_deviance == pytest.approx(first.hidden_deviance, rel=1e-3)


def test_an_honest_uncertainty_is_worth_more_than_a_wrong_certainty():
    """A cross 4 wide whose estimates are half the truth and say so: the correlation with the true object decides."""
    rng = np.random.default_rng(2)
    crystal = faceted(phase=0.3)
    expected = pattern_of(crystal, 1e5)
    counts = rng.poisson(expected).astype(np.float32)
    mask = np.zeros((48, 48), bool)
    mask[29:33], mask[:, 14:18] = True, True
    gap = np.broadcast_to(mask, counts.shape)
    guess = np.where(gap, expected / 2, counts).astype(np.float32)
    std = np.where(gap, expected / 2, 0)
    truth, alike = ramp_free(crystal), {}
    for treatment in ("zero", "filled", "bounded"):
        found = retrieve(
            guess,
            filled=gap,
            std=std,
            treatment=treatment,
            starts=2,
            keep=1,
            coherence="full",
            schedule=SHORT,
            counts_per_unit=1,
            device="cpu",
        )
        alike[treatment] = align(truth, found.crystal)[1]
    assert alike["bounded"] > alike["filled"] > alike["zero"]
    assert alike["bounded"] > 0.98


def test_crop_gives_a_coarser_object_on_the_same_grid():
    crystal = faceted(phase=0.3)
    counts = pattern_of(crystal)
    counts[:, 40:42] = 0
    mask = np.zeros((48, 48), bool)
    mask[40:42] = True
    result = retrieve(
        counts, mask, treatment="crop", starts=2, keep=1, coherence="full", schedule=SHORT, counts_per_unit=1, device="cpu"
    )
    assert result.crystal.shape == crystal.shape
    spectrum = np.fft.fftshift(np.abs(np.fft.fftn(result.crystal)) ** 2)
    assert spectrum[:, 41:].sum() < 1e-6 * spectrum.sum()
    blurred = np.fft.fftn(ramp_free(crystal))
    blurred *= (np.abs(np.fft.fftfreq(48, 1 / 48)) < 16)[:, None]
    assert align(np.fft.ifftn(blurred), result.crystal)[1] > 0.98


def test_a_finer_grid_goes_through_the_coarse_values():
    crystal = faceted()[4:44, 4:44, 4:44]
    fine = interpolated(crystal, (80, 80, 80))
    np.testing.assert_allclose(fine[::2, ::2, ::2] * 8, crystal, atol=2e-6)


def bad_inputs():
    good = pattern_of(faceted((16, 16, 16), 5.0))
    nan, empty = np.full_like(good, np.nan), np.zeros_like(good)
    wide = np.ones_like(good)
    return {
        "nothing measured": ((empty,), {}, "intensity: got no count in any measured voxel"),
        "nan": ((nan,), {}, "intensity: got no count in any measured voxel"),
        "all masked": ((good, wide), {}, "intensity: got no count in any measured voxel"),
        "flat": ((good[0],), {}, "intensity: got 2 dimensions"),
        "thin": ((good[:4],), {}, "expected at least 16 voxels"),
        "scaled": ((good / 7,), {"counts_per_unit": None}, "counts_per_unit"),
        "support empty": ((good,), {"support": empty}, "support: got .* nothing inside"),
        "support wide": ((good,), {"support": wide}, "expected at most half of it"),
        "treatment": ((good,), {"treatment": "magic"}, "treatment: got 'magic'"),
        "no estimates": ((good, good < 5), {"treatment": "filled"}, "fill it first"),
        "no spread": ((good,), {"treatment": "bounded", "filled": good < 5}, "standard deviations"),
        "std": ((good,), {"filled": good < 5, "std": -good}, "std: got"),
        "starts": ((good,), {"starts": 0}, "starts: got 0"),
        "keep": ((good,), {"starts": 2, "keep": 3}, "starts, keep"),
        "schedule": ((good,), {"coherence": "full", "schedule": (("magic", 5),)}, "schedule: got"),
        "no iterations": ((good,), {"coherence": "full", "schedule": ()}, "schedule: got"),
        "own turns": ((good,), {"schedule": SHORT}, "schedule: got one with partial coherence"),
        "coherence": ((good,), {"coherence": "some"}, "coherence: got 'some'"),
        "seed": ((good,), {"seed": -1}, "seed: got -1"),
    }


@pytest.mark.parametrize(("given", "kept"), [({}, 2), ({"starts": 1}, 1), ({"starts": 9}, 2), ({"starts": 9, "keep": 4}, 4)])
def test_two_starts_are_averaged_if_there_are_as_many_and_no_other_number_is_asked_for(given, kept):
    assert RetrievalOptions(**given).kept == ComparisonOptions(**given).kept == kept


@pytest.mark.parametrize("name", bad_inputs())
def test_bad_input_is_one_sentence(name):
    arrays, options, message = bad_inputs()[name]
    with pytest.raises(InputError, match=message) as error:
        retrieve(*arrays, **{"counts_per_unit": 1, "device": "cpu"} | options)
    assert "\n" not in str(error.value)


def test_an_undersampled_pattern_is_warned_of():
    crystal = faceted((24, 24, 24), 16.0)
    result = retrieve(
        pattern_of(crystal), starts=1, keep=1, coherence="full", schedule=(("er", 2),), counts_per_unit=1, device="cpu"
    )
    assert "oversampling under 2" in result.warnings[0]


def test_a_given_support_is_taken_to_the_grid_of_the_pattern():
    support = np.zeros((34, 34, 34), bool)
    support[10:24, 12:22, 14:20] = True
    inside = given_support(support, (support.shape,), (32, 32, 32)).numpy()
    spans = np.ptp(np.argwhere(inside), axis=0) + 1
    np.testing.assert_allclose(spans, np.array([14, 10, 6]) * 32 / 34, atol=1)


@pytest.mark.parametrize(
    ("support", "told"),
    [
        (np.ones((20, 20, 20)), r"got shape \(20, 20, 20\), expected \(34, 34, 34\) or \(32, 32, 32\) like"),
        (np.ones((34, 34)), r"got shape \(34, 34\)"),
        (np.zeros((34, 34, 34)), "nothing inside"),
    ],
)
def test_a_support_of_another_shape_or_with_nothing_inside_is_refused(support, told):
    with pytest.raises(InputError, match=told):
        given_support(support, ((34, 34, 34), (32, 32, 32)), (32, 32, 32))


@pytest.mark.parametrize("vanishing", [{0}, {0, 1}])
def test_starts_whose_object_vanishes_stop_no_other(monkeypatch, vanishing):
    counts, run_start = np.round(pattern_of(faceted((24, 24, 24), 8.0), 1e5)), coherent.run_start

    def sometimes(*arguments):
        if arguments[4] in vanishing:
            raise VanishedError
        return run_start(*arguments)

    monkeypatch.setattr(coherent, "run_start", sometimes)
    options = RetrievalOptions(coherence="full", starts=2, keep=1, schedule=(("hio", 20), ("er", 10)))
    told = []
    if len(vanishing) == 2:
        with pytest.raises(VanishedError):
            retrieve(counts, options=options)
        return
    found = retrieve(counts, options=options, on_progress=lambda *step: told.append(step))
    assert [start.number for start in found.starts] == [1]
    assert told[-1][0] == told[-1][1]
