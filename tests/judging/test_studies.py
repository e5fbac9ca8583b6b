"""The studies on few and small scans: whether they run, and whether what they count is counted right."""

import csv
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner

from braggfill import STUDIES, InputError, benchmark
from braggfill.base.pictures import new_figure, show_counts
from braggfill.commands.cli import app
from braggfill.judging.studies.borders import border_lines, jump_ratio
from braggfill.judging.studies.conditions import FULL as CONDITIONS
from braggfill.judging.studies.conditions import cut_out, first_column
from braggfill.judging.studies.crystals import held_out, measured_scan, sampled_pattern, with_dose
from braggfill.judging.studies.fills import FILLS, blanked, classical, filled
from braggfill.judging.studies.findings import Findings, Study
from braggfill.judging.studies.names import StudyName
from braggfill.judging.studies.oversampling import MARGIN, gap_groups, predict_everywhere
from braggfill.judging.studies.protocol import Crops, binned_mean, case_scores, crop_table
from braggfill.judging.studies.skip import power_law
from braggfill.network.portions import NORMAL, Window, windows_for
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import find_slabs
from braggfill.simulation.scans import one_thread


@pytest.fixture(autouse=True)
def one_thread_is_quicker_on_small_scans():
    with one_thread():
        yield


@pytest.mark.parametrize("study", list(STUDIES))
def test_every_study_writes_tables_and_pictures(tmp_path, study):
    written, remarks = benchmark(study, tmp_path / "results", quick=True)
    assert {p.suffix for p in written} == {".csv", ".png"}
    assert set(written) == set((tmp_path / "results").iterdir())
    assert all(p.stem.startswith(f"study_{study}") and p.stem.endswith("_quick") for p in written)
    for path in written:
        if path.suffix == ".csv":
            rows = list(csv.DictReader(path.read_text().splitlines()))
            assert rows
            correlations = [float(v) for row in rows for name, v in row.items() if name.startswith("pcc") and v]
            assert all(np.isnan(v) or -1 <= v <= 1 for v in correlations)
        else:
            assert path.read_bytes().startswith(b"\x89PNG")
    if study in ("portions", "slices"):
        assert "BRAGGFILL_DATA" in remarks[0]


def test_the_command_line_knows_every_study():
    assert get_args(StudyName) == tuple(STUDIES)


def test_a_study_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="study: got 'nothing', expected one of width"):
        benchmark("nothing", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        benchmark("width", tmp_path / "file")


def test_without_a_measured_scan_there_is_none(tmp_path):
    assert measured_scan(None) is None
    assert measured_scan(tmp_path) is None


def test_the_measured_scan_is_the_file_s(real_scans):
    with np.load(real_scans / "au_34idc_s0054.npz") as arrays:
        np.testing.assert_array_equal(measured_scan(real_scans).counts, arrays["data"])


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
    seen = {"itself": lambda scan: (scan.counts[scan.wanted], np.zeros(int(scan.wanted.sum())))}
    joined = predict_everywhere(seen, counts, 5)["itself"]
    assert (joined[:, :, MARGIN:-MARGIN] == 0).all()


def test_all_fills_see_the_same_gap_and_give_what_the_program_gives(scan, cross):
    from braggfill import fill_gaps

    where = np.broadcast_to(cross, scan.counts.shape)
    found = filled({name: FILLS[name] for name in ("kriging", "linear", "unet")}, scan.counts, where)
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
    assert 0 < first_column(small, 8) < 40 - 6
    assert first_column(small, 8) - column == first_column(scan, 8) - whole[2]
    assert min(CONDITIONS.sizes) >= NORMAL + CONDITIONS.usual_distance


def test_scores_of_a_gap_are_those_of_its_voxels():
    _, scan = next(held_out(1, (32, 40, 48)))
    where = np.zeros(scan.counts.shape, bool)
    where[:, :, 30:34] = True
    scored = scan.expected[where] > 0.5
    scores = case_scores((scan.expected[where], np.zeros(where.sum())), np.ones(where.sum()), scan, where, scored)
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
    scan = blanked(np.ones(mask.shape), mask)
    mean, std = classical(lambda values, missing, slabs: np.full(values.shape, np.log(4.0)))(scan)
    np.testing.assert_allclose(mean, 3.0)
    assert np.isnan(std).all()


def test_a_gapped_scan_guesses_once(monkeypatch):
    import braggfill.kriging as module

    runs = []
    monkeypatch.setattr(module, "smoothed", lambda *arguments: runs.append(1) or np.zeros(1))
    mask = np.zeros((4, 8, 8), bool)
    mask[:, 3] = True
    scan = GappedScan(np.zeros(mask.shape, np.float32), mask, find_slabs(mask))
    assert scan.guess is scan.guess
    assert len(runs) == 1
    np.testing.assert_array_equal(scan.wanted, mask)


def test_the_command_writes_what_a_study_found_and_says_so(tmp_path, monkeypatch):
    """With BRAGGFILL_DATA as the folder of measured scans."""
    asked = []

    def carry_out(setting):
        asked.append(setting)
        figure = new_figure(2, 2)
        show_counts(figure.subplots(), np.ones((4, 4)), 1.0)
        return Findings({"study_width": [{"a": 0.123456, "b": 12345.6789, "c": "x,y"}]}, {"study_width": figure}, ["Said."])

    monkeypatch.setitem(STUDIES, "width", Study("a question", carry_out))
    monkeypatch.setenv("BRAGGFILL_DATA", str(tmp_path))
    out = CliRunner().invoke(app, ["benchmark", "width", "--out", str(tmp_path / "new" / "folder")])
    assert out.exit_code == 0, out.output
    assert "Said." in out.output
    assert (tmp_path / "new" / "folder" / "study_width.csv").read_text() == 'a,b,c\n0.1235,12345.6789,"x,y"\n'
    assert (tmp_path / "new" / "folder" / "study_width.png").read_bytes().startswith(b"\x89PNG")
    assert (asked[0].quick, asked[0].data) == (False, tmp_path)
