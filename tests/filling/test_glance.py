"""What a notebook shows of a filled scan, decoded again."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from matplotlib.image import imread

from braggfill import fill_gaps


@pytest.fixture(scope="module")
def shown(scan, cross):
    result = fill_gaps(scan.counts, cross, method="nearest")
    pictures = [imread(io.BytesIO(b64decode(code))) for code in re.findall(r"base64,([^\"]*)", result._repr_html_())]
    return result, pictures


def test_grey_is_what_has_no_counts_before_and_after_and_what_is_no_estimate(shown):
    result, (before, after, relative) = shown
    frame = int(np.unravel_index(result.intensity.argmax(), result.intensity.shape)[0])
    grey = [(np.abs(picture[..., :3] - 0.75) < 0.005).all(-1) for picture in (before, after, relative)]
    np.testing.assert_array_equal(grey[0], (result.filled | result.mask)[frame])
    np.testing.assert_array_equal(grey[1], result.mask[frame])
    np.testing.assert_array_equal(grey[2], ~result.filled[frame])


def test_lines_part_gap_pixels_from_the_others(shown):
    result, _ = shown
    frame = int(np.unravel_index(result.intensity.argmax(), result.intensity.shape)[0])
    gap = (result.filled | result.mask)[frame]
    drawings = re.findall(r"<svg viewBox=\"([^\"]*)\".*?<path d=\"([^\"]*)\"", result._repr_html_())
    assert len(drawings) == 3
    for box, path in drawings:
        assert box == f"-0.5 -0.5 {gap.shape[1]} {gap.shape[0]}"
        ends = np.array(re.findall(r"M(\S+) (\S+)L(\S+) ([^M]+)", path), float)
        across = (ends[:, :2] + ends[:, 2:]) / 2
        assert len(across) == (gap[1:] != gap[:-1]).sum() + (gap[:, 1:] != gap[:, :-1]).sum()
        for x, y in across:
            column, row = int(np.floor(x)), int(np.floor(y))
            assert gap[row, column] != gap[row + (y % 1 == 0.5), column + (x % 1 == 0.5)]


def test_the_uncertainty_is_shown_relative_to_the_estimate(shown):
    result, _ = shown
    estimates = result.intensity[result.filled]
    np.testing.assert_allclose(result.relative_std[result.filled] * np.maximum(estimates, 1e-12), result.std[result.filled])
    assert np.isnan(result.relative_std[~result.filled]).all()
