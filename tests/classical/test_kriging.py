from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from braggfill.classical import gaussian_field
from braggfill.classical.fringe_model import SHIPPED
from braggfill.classical.gaussian_field import Layered, conditional_mean, dark_layers
from braggfill.classical.interpolate import linear
from braggfill.classical.kriging import Fringes, Part, autocovariance, kriging, smoothed
from braggfill.scan.boxes import group_boxes
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import find_slabs


def light(shape, peak):
    """A bright peak with fringes of 4 to 6 voxels."""
    axes = np.meshgrid(*[np.arange(n) - n / 2 + 0.3 for n in shape], indexing="ij")
    return peak * np.prod([np.sinc(x / period) ** 2 for x, period in zip(axes, (5.3, 4.1, 6.2), strict=True)], 0) + 0.01


def fringes(shape, peak=3e4):
    """Counts of it."""
    return np.random.default_rng(0).poisson(light(shape, peak)).astype(np.float32)


def test_autocovariance_is_the_direct_sum_over_pairs_tapered():
    rng = np.random.default_rng(0)
    contrast, noise, weight = (rng.random((9, 12, 7)).astype(np.float32) for _ in range(3))
    square, weighted = weight**2, torch.from_numpy(contrast * weight)
    sums = [(slice(a, a + 4), float(square[a : a + 4].sum()), float((square * noise)[a : a + 4].sum())) for a in (0, 4, 8)]
    parts = [Part(weighted[s.start : s.stop + SHIPPED.reach], len(weighted[s]), *both) for s, *both in sums]
    measured = autocovariance(parts, weighted.shape).numpy()
    pairs = signal.correlate(contrast * weight, contrast * weight, method="direct")
    pairs[8, 11, 6] -= (weight**2 * noise).sum()
    near = tuple(slice(SHIPPED.reach - n + 1, SHIPPED.reach + n) for n in contrast.shape)
    lags = np.meshgrid(*[np.arange(-n + 1, n) for n in contrast.shape], indexing="ij")
    expected = pairs / (weight**2).sum() * np.exp(-0.5 * sum(lag**2 for lag in lags) / SHIPPED.taper_sigma**2)
    np.testing.assert_allclose(measured[near], expected, atol=2e-5)
    measured[near] = 0
    np.testing.assert_allclose(measured, 0, atol=2e-5)


@settings(max_examples=20)
@given(st.tuples(*[st.integers(1, 9)] * 3), st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_conditional_mean_solves_the_dense_system_and_wraps_nothing(shape, seed, precision):
    rng = np.random.default_rng(seed)
    lag = np.arange(-SHIPPED.reach, SHIPPED.reach + 1)
    one = np.exp(-0.5 * (lag / 1.5) ** 2) * np.cos(1.1 * lag)
    kernel = one[:, None, None] * one[:, None] * one
    weight, data = precision * rng.random(shape) * (rng.random(shape) < 0.7), rng.normal(size=shape)
    places = np.argwhere(np.ones(shape))
    covariance = kernel[tuple(np.moveaxis(SHIPPED.reach + places[:, None] - places[None], -1, 0))]
    system = np.eye(weight.size) + covariance * weight.ravel()
    expected = np.linalg.solve(system, covariance @ (weight * data).ravel()).reshape(shape)
    with mock.patch.multiple(gaussian_field, MOST_ITERATIONS=60, TOLERANCE=1e-9, LEAST_GAIN=0.0):
        found = conditional_mean(*(torch.from_numpy(v).float() for v in (kernel, weight, data)))
    np.testing.assert_allclose(found, expected, atol=3e-3)


@settings(max_examples=20)
@given(st.tuples(st.integers(3, 9), st.integers(1, 5), st.integers(1, 5)), st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_the_preconditioner_is_the_dense_solution_for_a_weight_that_is_zero_in_dark_layers(shape, seed, weight):
    rng = np.random.default_rng(seed)
    dark = np.flatnonzero(rng.random(shape[0]) < 0.4)
    spectrum = np.fft.fftn(rng.normal(size=shape))
    spectrum = np.abs(spectrum) ** 2 / np.abs(spectrum).max()
    residual = rng.normal(size=shape)
    lags = np.fft.ifftn(spectrum).real
    places = np.argwhere(np.ones(shape))
    covariance = lags[tuple(np.moveaxis((places[:, None] - places[None]) % shape, -1, 0))]
    known = np.ones(shape)
    known[dark] = 0
    system = np.eye(known.size) + covariance * weight * known.ravel()
    expected = np.linalg.solve(system, covariance @ residual.ravel()).reshape(shape)
    half = torch.from_numpy(spectrum[..., : shape[2] // 2 + 1]).float()
    layered = Layered.of(half, weight, torch.from_numpy(dark))
    given = torch.from_numpy(residual).float()
    np.testing.assert_allclose(layered.solve(given, torch.fft.rfftn(given)), expected, atol=2e-3 * np.abs(expected).max())
    np.testing.assert_allclose(layered.weights(shape), weight * known, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_dark_layers_are_those_of_the_gap(axis):
    weight = torch.rand(12, 13, 14) + 0.1
    weight.movedim(axis, 0)[4:9] = 0
    assert [v if isinstance(v, int) else v.tolist() for v in dark_layers(weight)] == [axis, [4, 5, 6, 7, 8]]
    assert len(dark_layers(torch.zeros(12, 13, 14))[1]) == 0


def test_estimate_is_the_conditional_mean_of_a_gaussian_field():
    """The same field, autocovariance and noise, solved as one dense system."""
    counts = fringes((10, 12, 11), peak=500)
    measured = np.ones(counts.shape, bool)
    measured[:, 5:7] = False
    scan = Fringes.of(torch.from_numpy(np.where(measured, counts, 0)), torch.from_numpy(measured))
    everywhere = (slice(None),) * 3
    kernel, at = scan.autocovariance.double().numpy(), np.argwhere(measured)

    def between(one, other):
        return kernel[tuple(np.moveaxis(SHIPPED.reach + one[:, None] - other[None], -1, 0))]

    noise = scan.noise().double().numpy()[measured] + SHIPPED.departure * kernel[SHIPPED.reach, SHIPPED.reach, SHIPPED.reach]
    solution = np.linalg.solve(between(at, at) + np.diag(noise), scan.contrast().double().numpy()[measured])
    gap = np.argwhere(~measured)
    expected = scan.envelope.numpy()[~measured] + scan.scale().numpy()[~measured] * (between(gap, at) @ solution)
    np.testing.assert_allclose(scan.estimate(everywhere).numpy()[~measured], expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_fringes_are_continued_through_a_gap(axis):
    expected = light((64, 64, 64), 3e5)
    mask = np.zeros(expected.shape, bool)
    np.moveaxis(mask, axis, 0)[40:45] = True
    scan = GappedScan.blanked(fringes(expected.shape, 3e5), mask)
    fills = kriging(scan), linear(np.log1p(scan.counts), mask, scan.slabs)
    ours, straight = (np.abs(fill - np.log1p(expected))[mask & (expected > 1)].mean() for fill in fills)
    assert ours < 0.75 * straight


def test_measured_voxels_around_a_gap_are_freed_of_noise():
    expected = light((40, 44, 48), 3e3)
    mask = np.zeros(expected.shape, bool)
    mask[:, 30:34] = True
    counts = fringes(expected.shape, 3e3)
    smooth = smoothed(GappedScan.blanked(counts, mask))
    near = np.zeros_like(mask)
    near[:, 30 - SHIPPED.context : 34 + SHIPPED.context] = True
    assert (np.isfinite(smooth) == near).all()
    where = near & ~mask & (expected > 1)
    assert np.abs(smooth - np.log1p(expected))[where].mean() < 0.8 * np.abs(np.log1p(counts) - np.log1p(expected))[where].mean()


def test_turning_the_scan_turns_the_fill():
    counts = fringes((40, 48, 44), 500)
    mask = np.zeros(counts.shape, bool)
    mask[:, 30:35], mask[:, :, 12:15] = True, True
    filled = kriging(GappedScan.blanked(counts, mask))
    order = (0, 2, 1)
    turned, turned_mask = (np.ascontiguousarray(v.transpose(order)) for v in (counts, mask))
    again = kriging(GappedScan.blanked(turned, turned_mask))
    np.testing.assert_allclose(again.transpose(order), filled, atol=0.02)
    mirrored, mirrored_mask = (np.ascontiguousarray(v[::-1, :, ::-1]) for v in (counts, mask))
    again = kriging(GappedScan.blanked(mirrored, mirrored_mask))
    np.testing.assert_allclose(again[::-1, :, ::-1], filled, atol=0.02)


@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 40)] * 3), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 30.0, 1e9]))
def test_any_scan_gives_finite_estimates_and_keeps_what_is_measured(shape, seed, mean):
    rng = np.random.default_rng(seed)
    counts, mask = rng.poisson(mean, shape).astype(np.float32), rng.random(shape) < 0.2
    scan = GappedScan.blanked(counts, mask)
    filled = kriging(scan)
    assert (filled[~mask] == np.log1p(counts)[~mask]).all()
    assert np.isfinite(filled).all()
    assert (filled >= 0).all()
    assert (filled[mask & ~scan.wanted] == 0).all()


def test_slabs_share_a_box_only_where_that_is_no_larger():
    mask = np.zeros((100, 200, 200), bool)
    mask[:, 100:106], mask[:, :, 50:56] = True, True
    assert len(group_boxes(find_slabs(mask), mask.shape, SHIPPED.context)) == 2
    mask = np.zeros((100, 200, 200), bool)
    mask[40:44, 90:96, 100:104], mask[41:47, 91:95, 101:106] = True, True
    ((box, _),) = group_boxes(find_slabs(mask), mask.shape, SHIPPED.context)
    assert [s.stop - s.start for s in box] == [7 + 2 * SHIPPED.context, 6 + 2 * SHIPPED.context, 6 + 2 * SHIPPED.context]
