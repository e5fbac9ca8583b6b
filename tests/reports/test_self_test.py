"""The picture of a self-test: what was hidden, what came back, and the histogram of pulls."""

import numpy as np
import pytest

from braggfill import evaluate
from braggfill.base.pictures import new_figure
from braggfill.reports.planes import meeting_place
from braggfill.reports.self_test import draw_pulls, self_test_figure


@pytest.fixture(scope="module")
def verdict(scan, cross):
    return evaluate(np.where(cross, 0, scan.counts), cross, method="linear", baselines=("nearest",))


def shown(panel):
    return np.ma.filled(panel.images[0].get_array().astype(float), np.nan)


def test_the_slices_show_the_measured_counts_and_what_came_back(verdict):
    place = meeting_place(verdict.counts, verdict.hidden, "gap")
    assert verdict.hidden[place]
    panels = np.array([p for p in self_test_figure(verdict).axes if p.images], object).reshape(3, 3)
    back = verdict.counts.copy()
    back[verdict.hidden] = verdict.filled
    for axis, (hidden, came_back, off) in enumerate(panels):
        missing, copies = (np.take(v, place[axis], axis) for v in (verdict.missing, verdict.hidden))
        for panel, volume in ((hidden, verdict.counts), (came_back, back)):
            log = np.log10(1 + np.take(volume, place[axis], axis))
            np.testing.assert_allclose(shown(panel), np.where(missing, np.nan, log), rtol=1e-4)
        np.testing.assert_array_equal(np.isfinite(shown(off)), copies)


def test_the_bars_hold_every_scored_voxel_at_its_own_pull(verdict):
    panel = new_figure(3, 3).subplots()
    draw_pulls(panel, verdict)
    heights = np.array([bar.get_height() for bar in panel.patches if hasattr(bar, "get_height")])
    at = verdict.scored
    mean, std, known = (v[at].astype(float) for v in (verdict.filled, verdict.std, verdict.known))
    mean = np.maximum(mean, 1e-3)
    own = (known - mean) / np.sqrt(std**2 + mean)
    assert heights.sum() == at.sum() == verdict.voxels
    lefts = np.array([bar.get_x() for bar in panel.patches if hasattr(bar, "get_height")])
    for left, height in zip(lefts[1:-1], heights[1:-1], strict=True):
        assert height == pytest.approx(((own >= left - 1e-9) & (own < left + 0.25 - 1e-9)).sum(), abs=1)
    assert heights[0] == (own < lefts[1] - 1e-9).sum()


def test_every_method_has_its_bars(verdict):
    names = [s.method for s in verdict.scores]
    charts = [p for p in self_test_figure(verdict).axes if [t.get_text() for t in p.get_yticklabels()] == names]
    assert len(charts) == 2
    gains = [bar.get_width() for bar in charts[1].patches]
    assert gains == pytest.approx([s.skill for s in verdict.scores])
