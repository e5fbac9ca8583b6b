"""The studies on few and small scans: whether they run, and whether what they count is counted right."""

import csv
from itertools import pairwise
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner

from braggfill import STUDIES, InputError, benchmark
from braggfill.base.pictures import new_figure, show_counts
from braggfill.commands.cli import app
from braggfill.filling.terms import Estimate
from braggfill.judging.options import StudyName
from braggfill.judging.studies.borders import border_lines, jump_ratio
from braggfill.judging.studies.conditions import FULL as CONDITIONS
from braggfill.judging.studies.conditions import cut_out
from braggfill.judging.studies.contenders import CONTENDERS, classical, expected_in
from braggfill.judging.studies.crystals import held_out, sampled_pattern, with_dose
from braggfill.judging.studies.findings import Findings, Study
from braggfill.judging.studies.gaps import columns, columns_beside, cut
from braggfill.judging.studies.oversampling import MARGIN, gap_groups, predict_everywhere
from braggfill.judging.studies.protocol import Crops, binned_mean, case_scores, crop_table
from braggfill.judging.studies.skip import power_law
from braggfill.judging.studies.slices import FROM_PEAK, WIDTH, in_cross
from braggfill.judging.studies.starts import against_the_truth
from braggfill.network.config import NORMAL
from braggfill.network.portions import Window, windows_for
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import find_slabs
from braggfill.scan.measured import MeasuredScan
from braggfill.simulation.scans import one_thread


@pytest.fixture(autouse=True)
def one_thread_is_quicker_on_small_scans():
    with one_thread():
        yield


@pytest.mark.parametrize("study", list(STUDIES))
def test_every_study_writes_tables_and_pictures(tmp_path, study):
    written, remarks = benchmark(study, tmp_path / "results", quick=True)
    assert {p.suffix for p in written} == {".csv", ".png"}
    parts = tmp_path / "results" / f"study_{study}_quick_parts"
    assert {*written, parts} == set((tmp_path / "results").iterdir())
    assert all(p.stem.startswith(f"study_{study}") and p.stem.endswith("_quick") for p in written)
    for path in written:
        if path.suffix == ".csv":
            rows = list(csv.DictReader(path.read_text().splitlines()))
            assert rows
            correlations = [float(v) for row in rows for name, v in row.items() if name.startswith("pcc") and v]
            assert all(np.isnan(v) or -1 <= v <= 1 for v in correlations)
        else:
            assert path.read_bytes().startswith(b"\x89PNG")
    if STUDIES[study].takes_measured:
        assert "--measured" in remarks[0]
    again, said = benchmark(study, tmp_path / "results", quick=True)
    assert (again, said) == (written, remarks)


@pytest.fixture(scope="module")
def own_scan(tmp_path_factory):
    """A user's own scan: a file of whole counts, named as they please, with some pixels that were not measured."""
    _, scan = next(held_out(1, (48, 72, 80)))
    mask = np.zeros(scan.counts.shape, np.uint8)
    mask[:, 3, :9] = 1
    path = tmp_path_factory.mktemp("own") / "S7.npz"
    np.savez(path, data=np.where(mask, 0, scan.counts), mask=mask)
    return path


@pytest.mark.parametrize("study", [name for name, study in STUDIES.items() if study.takes_measured])
def test_a_user_s_own_scan_is_studied_beside_simulated_ones(tmp_path, own_scan, study):
    written, remarks = benchmark(study, tmp_path, quick=True, measured=own_scan)
    assert {p.stem.split("_")[2] for p in written} == {"simulated", "measured"}
    assert len(remarks) == 1


def test_a_scan_is_refused_where_only_a_known_truth_will_do(tmp_path, own_scan):
    with pytest.raises(InputError, match=r"measured: got a scan for 'width', .* expected it for portions or slices"):
        benchmark("width", tmp_path, measured=own_scan)
    with pytest.raises(InputError, match=r"none\.npz"):
        benchmark("slices", tmp_path, measured=tmp_path / "none.npz")


def test_what_was_not_measured_is_neither_shown_nor_scored():
    """Wild counts under the mask change no score, and a line that lacks a pixel has one voxel less to score."""
    _, scan = next(held_out(1, (32, 48, 56)))
    mask = np.zeros(scan.counts.shape, bool)
    row = brightest_voxel(scan.counts)[1] + 1 + FROM_PEAK + WIDTH // 2
    mask[:, row, 20] = True
    wild = np.where(mask, 1e4, scan.counts).astype(np.float32)
    whole = in_cross(MeasuredScan("whole", scan.counts, np.zeros_like(mask)), CONTENDERS)
    tame, found = (
        in_cross(MeasuredScan("lacking", np.where(mask, 0, counts).astype(np.float32), mask), CONTENDERS)
        for counts in (scan.counts, wild)
    )
    assert found.rows == tame.rows
    assert 0 < whole.rows[0]["voxels"] - found.rows[0]["voxels"] <= len(mask)
    for picture in found.arrays.values():
        assert np.isnan(picture[:, 20]).all() and np.isfinite(np.delete(picture, 20, 1)).all()


def test_a_scan_too_small_or_too_dark_for_the_cross_is_refused():
    counts = np.zeros((20, 24, 24), np.float32)
    counts[10, 12, 12] = 100
    with pytest.raises(InputError, match=r"a gap 6 wide at .* does not fit"):
        in_cross(MeasuredScan("small", counts, np.zeros(counts.shape, bool)), CONTENDERS)
    dark = np.zeros((20, 48, 48), np.float32)
    dark[10, 24, 24] = 100
    with pytest.raises(InputError, match="measured dark: got 0 voxels with counts"):
        in_cross(MeasuredScan("dark", dark, np.zeros(dark.shape, bool)), CONTENDERS)


def test_gaps_lie_where_they_are_asked_for():
    """Planes counted by hand: a peak at (5, 10, 12), rows 13 to 15 after it, columns 7 and 8 before it."""
    gap = cut((10, 20, 30), (5, 10, 12), [(1, 3, 3), (2, -5, 2)])
    by_hand = np.zeros((10, 20, 30), bool)
    by_hand[:, [13, 14, 15]] = True
    by_hand[:, :, [7, 8]] = True
    np.testing.assert_array_equal(gap, by_hand)
    for arm in ((1, -10, 2), (1, 8, 2), (2, 17, 1)):
        with pytest.raises(InputError, match="does not fit"):
            cut((10, 20, 30), (5, 10, 12), [arm])
    np.testing.assert_array_equal(np.flatnonzero(columns((4, 4, 9), 3, 2).all((0, 1))), [3, 4])


def test_a_gap_keeps_its_distance_from_the_peak_on_the_roomier_side():
    for _, scan in held_out(4, (24, 32, 48)):
        peak, first = round(scan.description["peak"][2]), columns_beside(scan, 5, 4)
        between = range(peak + 1, first) if first > peak else range(first + 4, peak)
        assert len(between) == 5
        assert (first > peak) == (peak < 24)


def test_scored_voxels_have_counts_about_them():
    counts = np.zeros((40, 40, 40), np.float32)
    counts[20, 20, 20] = 1000  # blurred by 3 voxels, 1000 (18 π)^(-3/2) exp(-d² / 18) > 0.5 for d < 5.3
    (d,) = np.linalg.norm(np.argwhere(bright(counts)) - 20, axis=1).max(keepdims=True)
    assert d == pytest.approx(np.sqrt(18 * np.log(2000 / (18 * np.pi) ** 1.5)), abs=0.5)


def test_the_names_of_the_studies_are_their_table_s():
    assert get_args(StudyName) == tuple(STUDIES)


def test_a_study_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="study: got 'nothing', expected one of width"):
        benchmark("nothing", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        benchmark("width", tmp_path / "file")


def test_held_out_scans_are_of_crystals_that_are_never_trained_on():
    scans = list(held_out(3, (16, 16, 16)))
    assert len({scan.description["crystal"] for _, scan in scans}) == 3
    assert all(int(scan.description["crystal"].removeprefix("crystal_")) % 10 == 9 for _, scan in scans)


def test_a_dose_changes_the_dose_alone():
    (_, low), (_, high) = (next(held_out(1, (24, 24, 24), with_dose(dose))) for dose in (1e4, 1e6))
    assert low.description["peak_counts"] == pytest.approx(1e4)
    sound = ~low.faulty
    background = low.description["background_counts"]
    np.testing.assert_allclose(
        (high.expected - background)[:, sound] / 100, (low.expected - background)[:, sound], rtol=1e-3, atol=1e-4
    )


def test_finer_sampling_of_the_same_object_agrees_where_both_sample():
    """Every second voxel at twice the oversampling, but for the blur of half a voxel."""
    coarse, fine = (sampled_pattern(0, (n,) * 3, s, 6.0) for n, s in ((24, 3.0), (48, 6.0)))
    both = np.log(coarse + 1e-6), np.log(fine[::2, ::2, ::2] + 1e-6)
    assert np.corrcoef(both[0].ravel(), both[1].ravel())[0, 1] > 0.98
    assert np.unravel_index(coarse.argmax(), coarse.shape) == tuple(i // 2 for i in np.unravel_index(fine.argmax(), fine.shape))


@pytest.mark.parametrize("length", [12, 32, 64, 67])
@pytest.mark.parametrize("width", [3, 6, 9, 12])
def test_gaps_cover_a_region_once_and_do_not_see_each_other(length, width):
    groups = gap_groups(length, width)
    columns = [c for group in groups for first in group for c in range(first, first + width)]
    assert len(columns) == len(set(columns))
    assert set(columns) >= set(range(MARGIN, MARGIN + length))
    for group in groups:
        assert all(b - a >= NORMAL + width for a, b in pairwise(group))


def test_the_whole_region_is_predicted_from_beside_the_gap_alone():
    """Each column comes from a fill in which it was hidden: a fill that returns its own input would see zeros."""
    counts = np.random.default_rng(0).poisson(50, (20, 20, 24 + 2 * MARGIN)).astype(np.float32)
    seen = {"itself": lambda scan: Estimate(scan.counts[scan.wanted], np.zeros(int(scan.wanted.sum())))}
    joined = predict_everywhere(seen, counts, 5)["itself"]
    assert (joined[:, :, MARGIN:-MARGIN] == 0).all()


def test_all_contenders_see_the_same_gap_and_give_what_the_program_gives(scan, cross):
    from braggfill import fill_gaps

    where = np.broadcast_to(cross, scan.counts.shape)
    found = expected_in(where, scan.counts, {name: CONTENDERS[name] for name in ("kriging", "linear", "unet")})
    for name, mean in found.items():
        expected = fill_gaps(np.where(where, 0, scan.counts), where, method=name, device="cpu").intensity[where]
        np.testing.assert_allclose(mean, expected, rtol=1e-4, atol=1e-4)


def test_jumps_at_borders_are_found_and_nowhere_else():
    rng = np.random.default_rng(0)
    smooth = np.expm1(rng.uniform(1, 2, (4, 60, 50)))
    windows = [Window(top, left, 32, 32) for top in (0, 28) for left in (0, 18)]
    lines = border_lines(windows, (60, 50))
    assert lines == ({28, 32}, {18, 32})
    assert jump_ratio(smooth, lines) == pytest.approx(1, abs=0.1)
    stepped = smooth.copy()
    stepped[:, 28:32] *= 30
    assert jump_ratio(stepped, lines) > 1.5


def test_borders_of_one_pass_lie_inside_large_planes_only():
    def lines(plane):
        where = np.zeros((plane[0], plane[1], 20), bool)
        where[:, :, 8:12] = True
        (slab,) = find_slabs(where)
        return border_lines(windows_for(slab, None), plane)

    assert lines((300, 40)) == (set(), set())
    assert lines((600, 40)) == ({280, 320}, set())


def test_the_power_law_is_recovered():
    rows = [{"skip": k, "seconds": 7.0 * (k + 1) ** -1.7} for k in range(12)] + [{"skip": "one pass", "seconds": 0.1}]
    assert power_law(rows) == pytest.approx((7.0, -1.7))


def test_a_cut_out_scan_is_the_scan():
    _, scan = next(held_out(1, (48, 56, 80)))
    small = cut_out(scan, 40, 8)
    assert small.counts.shape == (40, 40, 40)
    frame, row, column = (round(p) for p in small.description["peak"])
    whole = [round(p) for p in scan.description["peak"]]
    assert small.expected[frame, row, column] == scan.expected[whole[0], whole[1], whole[2]]
    assert 0 < columns_beside(small, 8, 6) < 40 - 6
    assert columns_beside(small, 8, 6) - column == columns_beside(scan, 8, 6) - whole[2]
    assert min(CONDITIONS.sizes) >= NORMAL + CONDITIONS.usual_distance


def test_scores_of_a_gap_are_those_of_its_voxels():
    _, scan = next(held_out(1, (32, 40, 48)))
    where = np.zeros(scan.counts.shape, bool)
    where[:, :, 30:34] = True
    scored = scan.expected[where] > 0.5
    scores = case_scores(Estimate(scan.expected[where], np.zeros(where.sum())), np.ones(where.sum()), scan, where, scored)
    assert scores["skill_over_truth"] == 1
    assert scores["bias"] == pytest.approx(scan.expected[where][scored].sum() / scan.counts[where][scored].sum())
    assert scores["voxels"] == scored.sum()


def test_crops_are_averaged_over_bins_of_log_brightness():
    """Two bins, one with three crops: bins count alike, crops do not."""
    brightness = np.array([1.0, 1.0, 1.0, 1e4])
    values = np.array([0.1, 0.2, 0.3, 0.8])
    scores = {"mean_counts": brightness, "oversampling": np.array([3.0, 3, 3, 5]), "ceiling": values}
    crops = Crops(6, scores | {"m_counts": values, "m_truth": values})
    assert binned_mean(values, crops.bins()) == pytest.approx((0.2 + 0.8) / 2)
    (row,) = crop_table([crops], ["m"])
    assert (row["bright_crops"], row["fine_crops"]) == (1, 1)
    assert row["pcc_counts_bright_fine"] == pytest.approx(0.8)
    assert binned_mean(np.array([np.nan, 0.2, 0.3, 0.8]), crops.bins()) == pytest.approx((0.25 + 0.8) / 2)


def test_a_classical_fill_is_not_asked_for_its_spread():
    mask = np.zeros((8, 12, 12), bool)
    mask[:, 5:7] = True
    estimate = classical(lambda scan: np.full(scan.counts.shape, np.log(4.0)))(GappedScan.blanked(np.ones(mask.shape), mask))
    np.testing.assert_allclose(estimate.mean, 3.0)
    assert np.isnan(estimate.std).all()


def test_contenders_share_one_kriging(monkeypatch):
    import braggfill.classical.kriging as module

    runs = []
    monkeypatch.setattr(module, "smoothed", lambda scan, *_: runs.append(1) or np.zeros(scan.mask.shape, np.float32))
    gap = columns((8, 24, 24), 10, 4)
    expected_in(gap, np.ones(gap.shape, np.float32), {name: CONTENDERS[name] for name in ("unet", "kriging", "linear")})
    assert len(runs) == 1


def test_the_command_writes_what_a_study_found_and_says_so(tmp_path, monkeypatch, own_scan):
    """Without a folder's name into study_NAME where the user works."""
    asked = []

    def carry_out(setting):
        asked.append(setting)
        figure = new_figure(2, 2)
        show_counts(figure.subplots(), np.ones((4, 4)), 1.0)
        return Findings({"study_slices": [{"a": 0.123456, "b": 12345.6789, "c": "x,y"}]}, {"study_slices": figure}, ["Said."])

    study = Study("a question", carry_out, lambda tables: f"{len(tables)} found.", takes_measured=True)
    monkeypatch.setitem(STUDIES, "slices", study)
    monkeypatch.chdir(tmp_path)
    for place, options in (("study_slices", []), ("new/folder", ["--out", str(tmp_path / "new" / "folder")])):
        out = CliRunner().invoke(app, ["benchmark", "slices", "--measured", str(own_scan), *options])
        assert out.exit_code == 0, out.output
        assert "Said.\n1 found.\n" in out.output
        assert (tmp_path / place / "study_slices.csv").read_text() == 'a,b,c\n0.1235,12345.6789,"x,y"\n'
        assert (tmp_path / place / "study_slices.png").read_bytes().startswith(b"\x89PNG")
    with np.load(own_scan) as file:
        np.testing.assert_array_equal(asked[0].measured.counts, file["data"])
        np.testing.assert_array_equal(asked[0].measured.mask, file["mask"] > 0)
    assert not asked[0].quick


def test_searches_are_held_against_the_true_object_at_the_smallest_kappa_that_both_came_to():
    ended = [
        SimpleNamespace(kappa=kappa, misfit=misfit) for kappa, misfit in ((0.1, 5.0), (0.03, 4.0), (0.03, 3.0), (0.0, 2.0))
    ]
    assert against_the_truth(ended, {0.1: 1.0, 0.03: 1.5}) == {"kappa": 0.03, "misfit": 3.0, "true_misfit": 1.5, "ratio": 2.0}
    assert np.isnan(against_the_truth(ended, {0.01: 1.0})["ratio"])
