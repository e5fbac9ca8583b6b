"""The inside of a crystal rules the colours, its surface is hatched, and a scale bar is as long as it says."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from braggfill.base.pictures import new_figure
from braggfill.reports.insides import hatch, inside_limit, round_length, scale_bar, surface

SHAPE = (20, 22, 24)
z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
BALL = (z - 9) ** 2 + (y - 10) ** 2 + (x - 11) ** 2 < 64
FIELD = np.where(BALL, np.random.default_rng(0).normal(size=SHAPE), np.nan)


@given(st.integers(0, int(surface(BALL).sum()) - 1), st.floats(-1e9, 1e9) | st.just(np.nan))
def test_a_surface_voxel_does_not_change_the_limit(number, value):
    changed = FIELD.copy()
    changed[tuple(np.argwhere(surface(BALL))[number])] = value
    assert inside_limit(changed, BALL) == inside_limit(FIELD, BALL)


def test_an_inside_that_grows_does():
    assert inside_limit(3 * FIELD, BALL) == pytest.approx(3 * inside_limit(FIELD, BALL))


def test_single_voxels_inside_are_not_the_limit_but_nearly_all_are_within():
    inside = BALL & ~surface(BALL)
    changed = FIELD.copy()
    changed[tuple(np.argwhere(inside)[0])] = 1e6
    limit = inside_limit(changed, BALL)
    assert limit < 5
    assert 0.94 < np.mean(np.abs(changed[inside]) <= limit) < 0.97


def test_the_surface_is_what_lies_within_two_steps_of_the_outside():
    steps = distance_transform_cdt(BALL, "taxicab")
    np.testing.assert_array_equal(surface(BALL), (steps == 1) | (steps == 2))


def test_a_crystal_that_is_all_surface_and_a_flat_one_have_limits():
    thin = np.zeros(SHAPE, bool)
    thin[10, 5:15, 5:15] = True
    assert inside_limit(np.where(thin, 0.5, np.nan), thin) == pytest.approx(0.5)
    assert inside_limit(np.zeros(SHAPE), BALL) == 1.0  # colours need a range


def test_hatching_keeps_to_its_region():
    region = surface(BALL)[9]
    panel = new_figure(2, 2).subplots()
    hatch(panel, region)
    for lines in panel.collections:
        columns, rows = np.array(lines.get_segments()).mean(1).T.astype(int)
        assert region[rows, columns].all()
        assert len(rows) > 0.4 * region.sum()


@given(st.floats(1e-3, 1e6))
def test_a_round_length_is_the_longest_that_is_not_longer(longest):
    length = round_length(longest)
    assert longest / 2.51 < length <= longest * (1 + 1e-8)
    mantissa = length / 10 ** np.floor(np.log10(length * (1 + 1e-9)))
    assert min(abs(mantissa - digit) for digit in (1, 2, 5)) < 1e-6


@pytest.mark.parametrize("pixel_nm", [None, 0.7, 6.0])
def test_a_bar_is_as_long_as_it_says(pixel_nm):
    panel = new_figure(2, 2).subplots()
    panel.imshow(np.zeros((30, 40)))
    scale_bar(panel, 0, pixel_nm)
    (bar,) = panel.lines
    (text,) = panel.texts
    number, unit, axis = re.fullmatch(r"(\S+) (\S+) along (\S+)", text.get_text()).groups()
    assert np.ptp(bar.get_xdata()) * (pixel_nm or 1) == pytest.approx(float(number))
    assert np.ptp(bar.get_xdata()) <= 0.35 * 40
    assert (unit, axis) == ("voxels" if pixel_nm is None else "nm", "columns")
