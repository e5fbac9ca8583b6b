"""Lines round a region, pixel by pixel, and colours that read in grey print."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.image import imread
from skimage.color import rgb2lab

from braggfill.base.pictures import (
    COUNTS_MAP,
    NOT_MEASURED,
    RELATIVE_MAP,
    SIGNED_MAP,
    borders,
    new_figure,
    picture_bytes,
    show_counts,
)

regions = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans())


@given(regions)
def test_every_pair_of_unlike_neighbours_is_parted_by_one_edge(where):
    """Pixel by pixel: an edge lies half way between two centres (x, y) and stands across the line between them."""
    expected = set()
    for row, column in np.ndindex(where.shape):
        for down, right in ((0, 1), (1, 0)):
            inside = row + down < where.shape[0] and column + right < where.shape[1]
            if inside and where[row, column] != where[row + down, column + right]:
                expected.add((column + right / 2, row + down / 2, down == 0))
    edges = borders(where)
    assert len(edges) == len(expected)
    np.testing.assert_allclose(np.abs(np.diff(edges, axis=1)).sum(2), 1)  # a pixel long
    middles = edges.mean(1)
    assert {
        (x, y, bool(upright)) for (x, y), upright in zip(middles, edges[:, 0, 0] == edges[:, 1, 0], strict=True)
    } == expected


def lightness(name):
    """L* of CIE Lab along a colour map: what is left of it in grey print."""
    return rgb2lab(colormaps[name](np.arange(256))[None, :, :3])[0, :, 0]


@pytest.mark.parametrize("name", [COUNTS_MAP, RELATIVE_MAP, SIGNED_MAP])
def test_colours_read_in_grey(name):
    steps = np.diff(lightness(name))
    assert (steps > -0.02).all()  # up to the rounding of the tables
    assert lightness(name)[-1] - lightness(name)[0] > 60


def test_zero_of_a_signed_map_is_grey():
    red, green, blue = colormaps[SIGNED_MAP](0.5)[:3]
    assert max(red, green, blue) - min(red, green, blue) < 0.05


@pytest.mark.parametrize("name", ["turbo", "RdBu_r", "twilight"])
def test_a_map_that_does_not_read_in_grey_is_seen(name):
    assert (np.diff(lightness(name)) < -0.02).any()


def test_a_picture_of_counts_has_lines_round_its_gap():
    counts, gap = np.ones((6, 8)), np.zeros((6, 8), bool)
    gap[2:4] = True
    figure = new_figure(2, 2)
    panel = figure.subplots()
    show_counts(panel, np.where(gap, np.nan, counts), 1.0, gap=gap)
    for lines in (c for c in panel.collections if isinstance(c, LineCollection)):
        np.testing.assert_array_equal(np.array(lines.get_segments()), borders(gap))
    assert len(panel.collections) == 2
    pixels = imread(io.BytesIO(picture_bytes(figure, 60)))[..., :3]
    assert (np.abs(pixels - float(NOT_MEASURED)) < 0.01).all(-1).any()
