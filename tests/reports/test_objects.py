"""Pictures of crystals: what rules their colours, what the axes are called, and treatments side by side."""

import numpy as np
import pytest
from known_objects import faceted, pattern_of, ramp_free
from matplotlib.collections import LineCollection

from braggfill import compare, strain
from braggfill.reports import objects
from braggfill.reports.objects import Units, fields_of, intensity_slice, plot_comparison, plot_deformation, shared_fields
from braggfill.reports.planes import meeting_place
from braggfill.simulation.scans import one_thread

QUICK = {"starts": 1, "keep": 1, "coherence": "full", "schedule": (("hio", 8), ("er", 4)), "device": "cpu"}


@pytest.fixture(scope="module")
def crystal():
    return ramp_free(faceted((32, 32, 32), 16.0, 0.4)).astype(np.complex64)


@pytest.fixture(scope="module")
def scan():
    """Whole counts with a stripe of estimates 3 wide, and a row that is not known."""
    counts = np.random.default_rng(0).poisson(pattern_of(faceted((32, 32, 32), 9.0, 0.4), 1e5)).astype(np.float32)
    filled, mask = np.zeros((2, *counts.shape), bool)
    filled[:, 20:23], mask[:, 28] = True, True
    return np.where(mask, 0, counts), mask, filled, np.where(filled, 0.3 * counts, 0).astype(np.float32)


@pytest.fixture(scope="module")
def comparison(scan):
    counts, mask, filled, std = scan
    with one_thread():
        return compare(counts, mask, filled=filled, std=std, treatments=("bounded", "free", "zero"), **QUICK)


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(objects, "write_picture", lambda path, figure, dpi: figures.append(figure))
    return figures


def limits(fields):
    return [field.largest for field in fields]


def test_a_wild_surface_leaves_the_colours_as_they_are(crystal):
    """Single voxels of the surface had ruled them: ±1.2 where the inside is ±0.1."""
    field = strain(crystal)
    wild = field.strain.copy()
    edge = field.support & ~np.roll(field.support, 1, 0)
    wild[edge] = 100 * np.nanmax(np.abs(wild))
    changed = type(field)(**{**vars(field), "strain": wild})
    assert limits(fields_of(crystal, changed, Units())) == limits(fields_of(crystal, field, Units()))


def test_units_are_named_as_far_as_they_are_told():
    known = Units((5, 6, 7), (20, 0, 10))
    assert (known.strain, known.displacement) == ("strain", "displacement (nm)")
    assert [known.pixel_nm(axis) for axis in range(3)] == [7, 7, 6]  # across: columns, columns, rows
    assert [known.aspect(axis) for axis in range(3)] == pytest.approx([6 / 7, 5 / 7, 5 / 6])
    nothing = Units()
    assert nothing.strain == "-phase gradient (rad a voxel)"
    assert nothing.pixel_nm(0) is None
    assert "if voxels are of 1 nm" in Units(q_inv_nm=(20, 0, 0)).strain
    assert "if |G| = 1/nm" in Units((5, 6, 7)).strain


def test_the_strain_without_units_is_the_change_of_the_phase_that_it_is_called(crystal):
    """A phase that grows by the square of the frame: its change from frame to frame grows linearly."""
    frames = np.arange(32)[:, None, None] - 16
    curved = np.abs(crystal) * np.exp(0.01j * frames**2)
    field = strain(curved.astype(np.complex64), np.abs(crystal) > 0.5)
    slope = np.nanmean(np.diff(field.strain[12:20, 16, 16]))
    assert slope == pytest.approx(-0.02, rel=1e-3)


def test_every_field_is_drawn_in_three_slices_with_a_bar_in_nm(drawn, crystal):
    plot_deformation("nowhere.png", crystal, strain(crystal), "S1", Units((5, 6, 7), (20, 0, 10)))
    (figure,) = drawn
    panels = [panel for panel in figure.axes if panel.images]
    assert len(panels) == 12
    assert [p.get_title() != "" for p in panels] == [True] * 3 + [False] * 9
    told = [t.get_text() for p in panels for t in p.texts]
    assert len(told) == 3
    assert all(" nm along " in text for text in told)
    assert {p.get_ylabel() for p in figure.axes if not p.images} >= {"strain", "phase (rad)", "displacement (nm)"}


def test_the_difference_from_a_known_strain_is_drawn_in_the_strain_s_colours(drawn, crystal):
    frames = np.arange(32)[:, None, None] - 16
    known, found = strain(crystal), strain((crystal * np.exp(0.01j * frames**2)).astype(np.complex64))
    plot_deformation("nowhere.png", crystal, found, "S1", known=known)
    panels = np.array([p for p in drawn[0].axes if p.images], object).reshape(5, 3)
    middle = int(np.median(np.nonzero(found.support)[0]))
    shown = np.ma.filled(panels[4, 0].images[0].get_array().astype(float), np.nan)
    rows, columns = (np.flatnonzero(found.support.any((0, other))) for other in (2, 1))
    window = np.s_[rows[0] - 4 : rows[-1] + 5, columns[0] - 4 : columns[-1] + 5]
    np.testing.assert_allclose(shown, (found.strain - known.strain)[middle][window])
    assert panels[4, 0].images[0].get_clim() == panels[3, 0].images[0].get_clim()


def test_treatments_have_the_same_limits_and_a_wild_one_takes_them_from_none(comparison):
    for fields in shared_fields(comparison.compared, Units()):
        assert len(set(limits(fields))) == 1
    first = comparison.compared[0]
    wild = type(first.deformation)(**{**vars(first.deformation), "strain": 1e6 * first.deformation.strain})
    worst = type(first)(**{**vars(first), "deformation": wild})
    with_worst = shared_fields([*comparison.compared[:2], worst], Units())
    own = [limits(fields_of(c.crystal, c.deformation, Units()))[3] for c in comparison.compared[:2]]
    assert limits(with_worst[2])[0] == max(own)


def test_a_comparison_knows_its_scan(comparison, scan):
    counts, mask, filled, _ = scan
    np.testing.assert_allclose(comparison.counts, counts)
    np.testing.assert_array_equal(comparison.filled, filled)
    np.testing.assert_array_equal(comparison.mask, mask)


def test_the_gap_lies_at_the_peak_s_frame_where_the_objects_counts_have_it(comparison):
    """Rolled so that the brightest pixel of the object's counts lies on the scan's peak, it is the scan's own mask there."""
    gap = comparison.gap_at_the_peak
    bright = np.unravel_index(intensity_slice(comparison.compared[0].crystal).argmax(), gap.shape)
    peak = np.unravel_index(comparison.counts.argmax(), comparison.counts.shape)
    missing = (comparison.filled | comparison.mask)[peak[0]]
    np.testing.assert_array_equal(np.roll(gap, [p - b for p, b in zip(peak[1:], bright, strict=True)], (0, 1)), missing)


def test_the_picture_tells_filled_from_measured_and_names_the_advised(drawn, comparison):
    plot_comparison("nowhere.png", comparison, "S1", through="gap")
    (figure,) = drawn
    scan_panels = [p for p in figure.axes if p.images and p.get_title().startswith(("measured", "filled"))]
    assert len(scan_panels) == 6
    for panel in scan_panels:
        lines = [c for c in panel.collections if isinstance(c, LineCollection)]
        assert len(lines) == 2
    grey = np.array([np.ma.getmaskarray(p.images[0].get_array()).sum() for p in scan_panels])
    place = meeting_place(comparison.counts, comparison.filled | comparison.mask, "gap")
    np.testing.assert_array_equal(grey[3:], [np.take(comparison.mask, place[a], a).sum() for a in range(3)])
    np.testing.assert_array_equal(grey[:3] - grey[3:], [np.take(comparison.filled, place[a], a).sum() for a in range(3)])
    advised = [p.get_title() for p in figure.axes if "(advised)" in p.get_title()]
    assert [title.split()[0] for title in advised] == [comparison.advice.treatment]
