import html

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braggfill import METHODS, InputError, fill_gaps
from braggfill.scan.counts import unmeasured


@pytest.mark.parametrize("method", METHODS)
def test_measured_voxels_are_the_input_s_to_the_bit(scan, cross, method):
    result = fill_gaps(scan.counts, cross, method=method, effort="low")
    missing = np.broadcast_to(cross, scan.counts.shape)
    np.testing.assert_array_equal(result.intensity[~missing].view(np.uint32), scan.counts[~missing].view(np.uint32))
    np.testing.assert_array_equal(result.filled | result.mask, missing)
    assert not (result.filled & result.mask).any()
    assert np.isfinite(result.intensity).all()
    assert (result.intensity >= 0).all()
    assert (result.std[result.filled] > 0).all()
    assert (result.std[~result.filled] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_under_the_mask_is_not_used(scan, cross, method):
    hidden = np.where(cross, 1e6, scan.counts)
    ours, theirs = (fill_gaps(values, cross, method=method, effort="low").intensity for values in (scan.counts, hidden))
    np.testing.assert_array_equal(ours, theirs)


def test_learned_fills_remove_more_than_half_of_the_linear_fill_s_excess(scan, cross, excess_deviance):
    """Poisson deviance against the hidden counts, where it is bright enough to tell."""
    where = np.broadcast_to(cross, scan.counts.shape) & (scan.expected > 0.5)
    excess = {
        m: excess_deviance(fill_gaps(scan.counts, cross, method=m, effort="low").intensity, scan.counts, where) for m in METHODS
    }
    assert max(excess["unet"], excess["kriging"]) < 0.5 * excess["linear"]
    assert excess["linear"] < min(excess["nearest"], excess["idw"])


@pytest.mark.parametrize("method", ["unet", "kriging"])
def test_the_spread_covers_the_hidden_counts(scan, cross, method):
    result = fill_gaps(scan.counts, cross, method=method, effort="low")
    bright = result.filled & (result.intensity > 5)
    pulls = (scan.counts - result.intensity)[bright] / np.sqrt(result.std**2 + result.intensity)[bright]
    assert 0.8 < np.mean(np.abs(pulls) < 1.645) < 0.99


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64])
def test_any_type_gives_the_same_fill(scan, cross, dtype):
    counts = np.minimum(scan.counts, 60_000)
    reference = fill_gaps(counts, cross, method="linear").intensity
    np.testing.assert_array_equal(fill_gaps(counts.astype(dtype), cross, method="linear").intensity, reference)


def test_a_detector_mask_holds_for_every_frame(scan, cross):
    flat = fill_gaps(scan.counts, cross, method="linear")
    solid = fill_gaps(scan.counts, np.repeat(cross[None], len(scan.counts), 0).astype(np.uint8), method="linear")
    np.testing.assert_array_equal(flat.intensity, solid.intensity)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 2.0**31 - 1, 2.0**32 - 1])
def test_values_that_mean_not_measured_are_filled(scan, cross, bad):
    counts = np.where(cross, bad, scan.counts.astype(np.float64))
    expected = fill_gaps(scan.counts, cross, method="linear")
    np.testing.assert_array_equal(fill_gaps(counts, method="linear").intensity, expected.intensity)


INTEGERS = (np.uint16, np.int32, np.uint32, np.int64, np.uint64)


def widened():
    """Pairs of an integer type and one that can hold its largest value; 65535 is a count in a wider type."""
    for original in INTEGERS:
        for stored in (*INTEGERS, np.float32, np.float64):
            wide_enough = np.dtype(stored).kind == "f" or np.iinfo(original).max <= np.iinfo(stored).max
            if original == stored or (original != np.uint16 and wide_enough):
                yield original, stored


@pytest.mark.parametrize(("original", "stored"), list(widened()))
def test_the_largest_integer_means_not_measured_also_in_a_wider_type(original, stored):
    largest = np.iinfo(original).max
    values = np.array([[[0, 7, largest]]], dtype=original).astype(stored)
    np.testing.assert_array_equal(unmeasured(values), [[[False, False, True]]])


def test_scaled_data_are_filled_as_their_counts(scan, cross):
    counts = fill_gaps(scan.counts, cross)
    scaled = fill_gaps(scan.counts / 8, cross, counts_per_unit=8)
    np.testing.assert_allclose(scaled.intensity * 8, counts.intensity, rtol=1e-5)
    np.testing.assert_allclose(scaled.std * 8, counts.std, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_flat_field_is_continued_also_beside_a_gap_too_wide(method):
    counts = np.random.default_rng(0).poisson(100.0, (40, 64, 64))
    mask = np.zeros((64, 64), bool)
    mask[30:34] = mask[36:56] = True
    result = fill_gaps(counts, mask, method=method, effort="low")
    assert result.filled.sum() == 40 * 4 * 64
    filled = result.intensity[result.filled].astype(float)
    learned = method == "unet"  # a flat field is nothing like what the network knows; its spread must say so
    assert abs(filled.mean() - 100) < (np.median(result.std[result.filled]) if learned else 5)
    assert np.abs(filled - 100).max() < 60


@pytest.mark.parametrize("method", ["ridge", "linear", "cubic", "nearest", "idw"])
@pytest.mark.parametrize("distance", [20, 26, 40])
def test_the_spread_is_not_fooled_by_a_second_gap_where_the_copy_would_lie(method, distance):
    counts = np.random.default_rng(0).poisson(100.0, (30, 100, 40))
    mask = np.zeros((100, 40), bool)
    mask[20:32] = mask[20 + distance : 32 + distance] = True
    assert (
        np.median(fill_gaps(counts, mask, method=method, effort="low").std[:, 24]) < 40
    )  # a cubic amplifies noise to about 30


def test_masked_arrays_bring_their_mask(scan, cross):
    masked = np.ma.array(scan.counts, mask=np.broadcast_to(cross, scan.counts.shape))
    expected = fill_gaps(scan.counts, cross, method="linear")
    np.testing.assert_array_equal(fill_gaps(masked, method="linear").intensity, expected.intensity)


def test_wide_stripes_stay_masked_and_zero(scan):
    mask = np.zeros(scan.counts.shape[1:], bool)
    mask[20:36] = mask[50:53] = True
    result = fill_gaps(scan.counts, mask, method="linear")
    np.testing.assert_array_equal(result.mask.any((0, 2)).nonzero()[0], np.arange(20, 36))
    assert (result.intensity[result.mask] == 0).all()


@pytest.mark.parametrize("method", ["linear", "kriging", "unet"])
def test_mirroring_the_detector_mirrors_the_fill_within_its_uncertainty(scan, cross, method):
    straight = fill_gaps(scan.counts, cross, method=method, effort="low")
    mirrored = fill_gaps(scan.counts[:, ::-1, ::-1], cross[::-1, ::-1], method=method, effort="low")
    difference = np.abs(mirrored.intensity[:, ::-1, ::-1] - straight.intensity)[straight.filled]
    assert (difference <= 1.645 * straight.std[straight.filled] + 1).mean() > 0.95


@pytest.mark.parametrize("method", ["kriging", "unet"])
def test_transposing_the_detector_transposes_the_fill(scan, cross, method):
    straight = fill_gaps(scan.counts, cross, method=method, effort="low")
    transposed = fill_gaps(scan.counts.transpose(0, 2, 1), cross.T, method=method, effort="low")
    difference = np.abs(transposed.intensity.transpose(0, 2, 1) - straight.intensity)[straight.filled]
    assert (difference <= 0.5 * straight.std[straight.filled] + 0.5).mean() > 0.97


def test_sliding_portions_agree_with_the_single_pass(scan, cross):
    single = fill_gaps(scan.counts, cross)
    sliding = fill_gaps(scan.counts, cross, skip=4)
    difference = np.abs(sliding.intensity - single.intensity)[single.filled]
    assert (difference <= single.std[single.filled] + 0.5).mean() > 0.97


def test_portions_as_large_as_the_plane_give_the_same_sliding_or_not():
    rng = np.random.default_rng(0)
    counts, mask = rng.poisson(20.0, (32, 40, 32)), np.zeros((40, 32), bool)
    mask[18:23] = True
    single, sliding = (fill_gaps(counts, mask, skip=skip) for skip in (None, 3))
    np.testing.assert_allclose(sliding.intensity, single.intensity, rtol=1e-5)
    np.testing.assert_allclose(sliding.std, single.std, rtol=1e-4)


def test_averaging_mirror_images_is_the_same_for_a_mirrored_scan(scan, cross):
    straight = fill_gaps(scan.counts, cross, tta=True)
    mirrored = fill_gaps(scan.counts[::-1], cross, tta=True)
    np.testing.assert_allclose(mirrored.intensity[::-1], straight.intensity, rtol=1e-3, atol=1e-3)


def test_half_precision_stays_within_the_uncertainty(scan, cross):
    exact, rough = (fill_gaps(scan.counts, cross, precision=p) for p in ("float32", "bfloat16"))
    difference = np.abs(rough.intensity - exact.intensity)[exact.filled]
    assert difference.max() > 0
    assert (difference <= 0.5 * exact.std[exact.filled] + 0.05).mean() > 0.97


def test_a_tenth_of_the_dose_changes_the_fill_within_its_uncertainty(scan, cross):
    few = np.random.default_rng(0).binomial(scan.counts.astype(np.int64), 0.1)
    full, thinned = fill_gaps(scan.counts, cross), fill_gaps(few, cross)
    difference = np.abs(10 * thinned.intensity - full.intensity)[full.filled]
    spread = np.hypot(full.std, 10 * thinned.std)[full.filled]
    assert (difference <= 1.645 * spread + 1).mean() > 0.9


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(METHODS)))
def test_any_finite_scan_and_mask_give_finite_estimates(seed, method):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 24, 3))
    counts = np.floor(10 ** rng.uniform(-1, rng.uniform(0, 9), shape))
    mask = rng.random(shape) < rng.uniform(0.01, 0.3)
    mask.flat[0], mask.flat[-1] = True, False
    try:
        result = fill_gaps(counts, mask, method=method, effort="low")
    except InputError as refused:  # gaps too many and too scattered for one method
        assert method == "biharmonic" and "scattered gaps" in str(refused)
        return
    assert np.isfinite(result.intensity).all()
    assert np.isfinite(result.std).all()
    np.testing.assert_array_equal(result.intensity[~mask], counts[~mask].astype(np.float32))


VOLUME = np.ones((4, 6, 6))
HOLE = np.arange(36).reshape(6, 6) == 14


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"intensity": np.ones((6, 6)), "mask": HOLE}, "2 dimensions"),
        ({"intensity": np.ones((2, 4, 6, 6)), "mask": HOLE}, "4 dimensions"),
        ({"intensity": np.ones((0, 6, 6)), "mask": HOLE}, "empty"),
        ({"intensity": VOLUME.astype(complex), "mask": HOLE}, "complex128"),
        ({"intensity": VOLUME, "mask": HOLE[:5]}, r"\(5, 6\).*\(6, 6\)"),
        ({"intensity": VOLUME, "mask": HOLE.astype(str)}, "numbers"),
        ({"intensity": VOLUME, "mask": np.ones((6, 6))}, "every voxel"),
        ({"intensity": VOLUME, "mask": np.zeros((6, 6))}, "no voxel"),
        ({"intensity": VOLUME}, "no voxel"),
        ({"intensity": VOLUME, "mask": HOLE, "method": "magic"}, "magic.*unet"),
        ({"intensity": VOLUME, "mask": HOLE, "device": "abacus"}, "abacus.*cpu"),
        ({"intensity": VOLUME, "mask": HOLE, "skip": 32}, "32.*0 to 31"),
        ({"intensity": VOLUME, "mask": HOLE, "counts_per_unit": 0}, "0.*1e-12"),
        ({"intensity": VOLUME, "mask": HOLE, "counts_per_unit": "2"}, "'2'.*number"),
        ({"intensity": VOLUME, "mask": HOLE, "skip": 2.5}, "2.5.*whole number"),
        ({"intensity": VOLUME, "mask": HOLE, "skip": 2.0}, "2.0.*whole number"),
        ({"intensity": VOLUME / 3, "mask": HOLE}, "0.333333.*counts_per_unit"),
    ],
)
def test_bad_input_is_one_clear_sentence(arguments, says):
    with pytest.raises(InputError, match=says) as caught:
        fill_gaps(**arguments)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mask_that_seems_inverted_is_refused_and_a_wide_gap_alone_is_warned_of(scan, cross):
    with pytest.raises(InputError, match=r"none of which can be filled, .* is the mask inverted"):
        fill_gaps(scan.counts, ~cross, method="linear")
    wide = np.zeros(scan.counts.shape, bool)
    wide[:, 10:30] = True
    result = fill_gaps(np.where(wide, 0, scan.counts), wide, method="linear")
    assert not result.filled.any()
    (warned,) = result.warnings
    assert warned.startswith(f"{wide.sum():,} voxels stay masked; the widest gap is 20 voxels across")
    assert html.escape(warned) in result._repr_html_()
