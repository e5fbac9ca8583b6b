"""The picture of a fill: what its pixels show, and where its lines lie."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from scipy.special import xlogy

from braggfill import fill_gaps
from braggfill.reports import plots
from braggfill.reports.planes import meeting_place


@pytest.fixture
def drawn(monkeypatch):
    """Function that draws a fill and returns the figure, which is not written."""
    figures = []
    monkeypatch.setattr(plots, "write_picture", lambda path, figure, dpi: figures.append(figure))

    def draw(*arguments, **options):
        plots.plot_fill("nowhere.png", *arguments, **options)
        return figures[-1]

    return draw


@pytest.fixture(scope="module")
def result(scan, cross):
    return fill_gaps(scan.counts, cross, method="nearest")


def panels(figure):
    """Axes (3, columns) of a figure: a line for each axis of the scan."""
    return np.array([panel for panel in figure.axes if panel.images], object).reshape(3, -1)


def shown(panel):
    return np.ma.filled(panel.images[0].get_array().astype(float), np.nan)


def unlike_neighbours(where):
    return int((where[1:] != where[:-1]).sum() + (where[:, 1:] != where[:, :-1]).sum())


@pytest.mark.parametrize("through", ["peak", "gap"])
def test_slices_meet_where_they_are_asked_to(drawn, result, through):
    place = meeting_place(result.intensity, result.filled | result.mask, through)
    assert bool((result.filled | result.mask)[place]) == (through == "gap")
    among = result.intensity[result.filled] if through == "gap" else result.intensity
    assert result.intensity[place] == among.max()
    for axis, (measured, filled, _) in enumerate(panels(drawn(result, "S1", through))):
        here, log = np.take(result.filled, place[axis], axis), np.log10(1 + np.take(result.intensity, place[axis], axis))
        np.testing.assert_allclose(shown(measured), np.where(here, np.nan, log), rtol=1e-5)
        np.testing.assert_allclose(shown(filled), log, rtol=1e-5)
        assert str(place[axis]) in measured.get_title()


def test_lines_lie_at_the_gap_s_borders_in_every_slice(drawn, result):
    place = meeting_place(result.intensity, result.filled, "peak")
    for axis, line in enumerate(panels(drawn(result, "S1"))):
        gap = np.take(result.filled, place[axis], axis)
        for panel in line:
            lines = [c for c in panel.collections if isinstance(c, LineCollection)]
            assert len(lines) == 2
            for edges in (np.array(c.get_segments()) for c in lines):
                assert len(edges) == unlike_neighbours(gap)
                before = np.floor(edges.mean(1)).astype(int)  # the pixel left of, or above, each edge
                upright = edges[:, 0, 0] == edges[:, 1, 0]
                columns, rows = before[:, 0], np.where(upright, np.rint(edges.mean(1)[:, 1]), before[:, 1]).astype(int)
                columns = np.where(upright, columns, np.rint(edges.mean(1)[:, 0])).astype(int)
                assert (gap[rows, columns] != gap[rows + ~upright, columns + upright]).all()


def test_colours_of_counts_are_the_same_measured_and_filled(drawn, result):
    for measured, filled, _ in panels(drawn(result, "S1")):
        assert measured.images[0].get_clim() == filled.images[0].get_clim()


def test_the_truth_stands_beside_the_fill_with_how_far_off_it_is(drawn, result, scan):
    figure = drawn(result, "S1", "gap", scan.counts)
    place = meeting_place(result.intensity, result.filled, "gap")
    for axis, (_, truth, _, off) in enumerate(panels(figure)):
        known, mean, std, here = (
            np.take(v, place[axis], axis).astype(float) for v in (scan.counts, result.intensity, result.std, result.filled)
        )
        np.testing.assert_allclose(shown(truth), np.log10(1 + known), rtol=1e-5)
        mean = np.maximum(mean, 1e-3)
        np.testing.assert_allclose(shown(off), np.where(here, (known - mean) / np.sqrt(std**2 + mean), np.nan), rtol=1e-4)
    y, mean = scan.counts[result.filled].astype(float), np.maximum(result.intensity[result.filled].astype(float), 1e-3)
    deviance = 2 * np.mean(xlogy(y, y / mean) - y + mean)
    assert f"deviance {deviance:.3g} a voxel" in figure.get_suptitle()
    assert f"total {100 * (mean.sum() / y.sum() - 1):+.1f} %" in figure.get_suptitle()


def test_scaled_data_are_shown_as_counts(drawn, scan, cross):
    scaled = fill_gaps(scan.counts / np.float32(4), cross, method="nearest", counts_per_unit=4.0)
    whole = fill_gaps(scan.counts, cross, method="nearest")
    ours, theirs = (panels(drawn(r, "S1", "gap", truth)) for r, truth in ((scaled, scan.counts / 4), (whole, scan.counts)))
    for one, other in zip(ours.ravel(), theirs.ravel(), strict=True):
        np.testing.assert_allclose(shown(one), shown(other), rtol=1e-3, atol=1e-3)


def test_a_slice_without_a_measured_voxel_says_so(drawn, scan):
    rows = np.zeros(scan.counts.shape[1:], bool)
    rows[34:39] = True
    result = fill_gaps(scan.counts, rows, method="nearest")
    texts = [[t.get_text() for t in line[0].texts] for line in panels(drawn(result, "S1", "gap"))]
    assert texts == [[], ["nothing was measured here"], []]
