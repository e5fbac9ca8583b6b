import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from braggfill.crystal.model.levels import (
    BEYOND,
    LEAST_TRUST,
    WORTH_OF_FRINGE,
    CountsWithPrior,
    counts_outside,
    even_fast_length,
    level_of,
)
from braggfill.crystal.model.windows import on_larger_window

SHAPE = (24, 30, 40)
PEAK = (9, 17, 21)
FRINGES = (3.0, 2.5, 4.1)


def scan(seed=0):
    """Any counts with a gap of which half is known by a prior."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(50, SHAPE).astype(np.float32)
    counts[PEAK] = 1e6
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 25:29] = True
    mean = np.full(SHAPE, np.nan, np.float32)
    mean[:, :, 25:27] = 40.0
    std = np.where(mask, 10, 0).astype(np.float32)
    return CountsWithPrior(np.where(mask, 0, counts).astype(np.float32), mask, mean, std, PEAK, FRINGES)


def offset(level, axis):
    n = level.shape[axis]
    return {k % n: k for k in range(level.first[axis], level.first[axis] + n)}


@pytest.mark.parametrize("share", [0.5, 0.75, 1.0])
def test_each_voxel_of_a_level_is_the_scans_own(share):
    whole = scan()
    level = level_of(whole, share)
    assert share == 1 or all(n == even_fast_length(share * m) for n, m in zip(level.shape, SHAPE, strict=True))
    rng = np.random.default_rng(1)
    for _ in range(50):
        at = tuple(int(rng.integers(n)) for n in level.shape)
        there = tuple(PEAK[axis] + offset(level, axis)[at[axis]] for axis in range(3))
        assert all(0 <= i < n for i, n in zip(there, SHAPE, strict=True)) or not level.measured[at]
        if level.measured[at]:
            assert level.target[at] == whole.counts[there]


def test_gaps_are_weighed_by_what_is_known_of_them():
    whole = scan()
    level = level_of(whole, 1.0)
    known, unknown = (0, 0, 25 - PEAK[2]), (0, 0, 28 - PEAK[2])
    assert level.target[known] == 40
    assert level.weight[known].item() == pytest.approx(whole.trust * (40 + 0.375) / 100)  # variance of 2 √m: std² / m
    assert level.high[known] == 60
    assert (level.weight[unknown], level.high[unknown]) == (0, torch.inf)


@settings(max_examples=30, deadline=None)
@given(fringes=st.tuples(*[st.floats(2.0, 20.0)] * 3))
def test_the_prior_of_a_fringe_weighs_the_same_however_many_voxels_it_has(fringes):
    trust = replace(scan(), oversampling=fringes).trust
    voxels = math.prod(fringes)
    assert LEAST_TRUST <= trust <= 1
    assert trust in (LEAST_TRUST, 1) or trust * voxels == pytest.approx(WORTH_OF_FRINGE)


def test_what_is_known_of_a_gap_is_as_uncertain_as_it_says_beside_what_the_crystal_is_not_known_to():
    whole, kappa = scan(), 0.1
    level = level_of(whole, 1.0, border=0.05)
    for at, variance in (((0, 0, 25 - PEAK[2]), 100 / (40 + 0.375) / whole.trust), ((3, 2, 1), 1.0)):
        tapered = level.taper[at].item()
        expected = tapered / (variance + kappa**2 * level.target[at].item())
        assert level.weighted(kappa)[at].item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(level.weighted(0.0), level.weight)


def test_the_whole_scan_lies_in_the_middle_of_unknown_voxels():
    whole = scan()
    cut = CountsWithPrior(
        *(getattr(whole, name)[:, :29] for name in ("counts", "mask", "prior_mean", "prior_std")), PEAK, FRINGES
    )
    level = level_of(cut, 1.0)
    known = level.measured | (level.weight > 0)
    for axis, (n, size, fringe) in enumerate(zip(cut.counts.shape, level.shape, cut.oversampling, strict=True)):
        others = tuple({0, 1, 2} - {axis})
        before = -level.first[axis] - PEAK[axis]
        assert size - n >= BEYOND * fringe
        assert abs(before - (size - n) / 2) < 1
        inside = (np.arange(n) - PEAK[axis]) % size
        lines = known.any(others).numpy()
        assert not np.delete(lines, inside).any()
        assert lines[inside].sum() >= n - 2  # but for the columns of which nothing is known


def test_the_taper_is_one_at_the_peak_and_low_at_the_faces():
    level = level_of(scan(), 0.5, border=0.05)
    assert level.target[0, 0, 0] == 1e6
    for axis, (first, length) in enumerate(zip(level.first, level.shape, strict=True)):
        for face in (first, first + length - 1):
            assert level.taper[tuple(face if a == axis else 0 for a in range(3))].item() == pytest.approx(0.05)


def test_an_object_carried_up_keeps_its_transform():
    whole = scan()
    coarse, fine = level_of(whole, 0.5), level_of(whole, 1.0)
    rng = np.random.default_rng(2)
    crystal = torch.from_numpy(rng.normal(size=coarse.shape) + 1j * rng.normal(size=coarse.shape))
    amplitude, above = (np.fft.fftn(c) for c in (crystal, on_larger_window(crystal, coarse, fine)))
    assert np.sum(np.abs(above) ** 2) == pytest.approx(np.sum(np.abs(amplitude) ** 2))
    for at in ((0, 0, 0), (2, 3, 4), (-3, -2, -5)):
        np.testing.assert_allclose(above[at], amplitude[at], rtol=1e-6)


def test_carrying_up_exchanges_the_tapers():
    whole = scan()
    coarse, fine = level_of(whole, 0.5, border=0.1), level_of(whole, 1.0, border=0.4)
    crystal = torch.from_numpy(np.random.default_rng(3).normal(size=coarse.shape) + 0j)
    at = 2, 3, -4
    before, after = (np.fft.fftn(c)[at] for c in (crystal, on_larger_window(crystal, coarse, fine)))
    expected = before * np.sqrt(fine.taper[at].item() / coarse.taper[at].item())
    np.testing.assert_allclose(after, expected, rtol=1e-5)


def test_counts_outside_are_those_of_the_scan():
    whole = scan()
    level = level_of(whole, 0.5)
    slices = tuple(slice(p + f, p + f + n) for p, f, n in zip(PEAK, level.first, level.shape, strict=True))
    outside = 1 - whole.counts[slices].sum() / whole.counts.sum()
    assert counts_outside(whole, 0.5) == pytest.approx(outside, abs=1e-6)
