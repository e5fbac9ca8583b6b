import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import xlogy
from typer.testing import CliRunner

from braggfill import InputError, evaluate, fill_gaps, simulate
from braggfill.base.metrics import skill
from braggfill.commands.cli import app
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.judging.evaluation import hides_peak, no_brighter
from braggfill.judging.options import EvaluationOptions
from braggfill.judging.verdict import Band, Score, advised, in_words, recommended
from braggfill.scan.copies import RELAXED, CopyRules, Trial
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.scans import detector_cross

CHEAP = ("linear", "nearest")


@pytest.fixture(scope="module")
def scan():
    return next(simulate(1, shape=(64, 96, 96), seed=5))


@pytest.fixture(scope="module")
def cross(scan):
    return detector_cross(scan, 4)


def test_what_is_asked_of_the_fill_to_judge_is_asked_of_no_other():
    asked = {"adapt": True, "tta": True, "precision": "bfloat16", "seed": 3}
    options = EvaluationOptions("unet", ("kriging", "unet"), device="cpu", fill=FillOptions("unet", **asked))
    assert options.asked == [
        FillOptions("unet", device="cpu", **asked),
        *(FillOptions(m, device="cpu") for m in ("kriging", "linear")),
    ]
    assert EvaluationOptions("ridge", (), fill=FillOptions("retrieval", effort="low")).asked[0] == FillOptions(
        "ridge", effort="low"
    )
    both = EvaluationOptions("unet", (), weights="mine.safetensors", counts_per_unit=2.0, fill=FillOptions(tta=True))
    assert both.asked[0] == FillOptions("unet", weights="mine.safetensors", counts_per_unit=2.0, tta=True)


def test_copies_lie_where_counts_are_known_and_clear_of_the_gaps(scan, cross):
    missing = np.broadcast_to(cross, scan.counts.shape)
    trial = Trial.of(GappedScan.blanked(scan.counts, missing))
    assert trial.scored.any()
    assert not (trial.scored & missing).any()
    assert (trial.scan.mask == (missing | trial.scored)).mean() > 0.999
    for axis in (1, 2):
        other = tuple(a for a in range(3) if a != axis)
        lines = np.flatnonzero(trial.scored.mean(other) > 0.7)
        real = np.flatnonzero(missing.mean(other) > 0.7)
        assert len(lines) == CopyRules().number * len(real)
        assert np.abs(lines[:, None] - real).min() > RELAXED[0][0]


def test_the_verdict_is_what_the_hidden_counts_of_the_copies_say(scan, cross):
    """The same copies, filled by ``fill_gaps`` and scored by hand."""
    verdict = evaluate(np.where(cross, 0, scan.counts), cross, method="kriging", baselines=CHEAP)
    missing = np.broadcast_to(cross, scan.counts.shape)
    blank, both = np.where(verdict.hidden, 0, scan.counts), missing | verdict.hidden
    by_kriging, by_line = (fill_gaps(blank, both, method=m).intensity.astype(float) for m in ("kriging", "linear"))
    own = by_line[missing]
    where = verdict.hidden & (gaussian_filter(np.where(missing, 0, scan.counts).astype(np.float32), 3) > 0.5)
    where &= by_line <= np.quantile(own[own > 0.5], 0.99)
    filled, straight, hidden = by_kriging[where], by_line[where], scan.counts[where]
    ours = verdict.scores[0]
    assert [s.method for s in verdict.scores] == ["kriging", *CHEAP]
    assert verdict.voxels == where.sum()
    assert ours.mae == pytest.approx(np.abs(filled - hidden).mean(), rel=1e-4)
    assert ours.bias == pytest.approx(filled.sum() / hidden.sum(), rel=1e-4)
    assert ours.pcc == pytest.approx(np.corrcoef(filled, hidden)[0, 1], abs=1e-4)
    assert verdict.scores[1].skill == 0
    mean = np.maximum(filled, 1e-3)

    def deviance(counts, estimate):
        return 2 * np.mean(xlogy(counts, counts / estimate) - counts + estimate)

    floor = deviance(np.random.default_rng(0).poisson(mean), mean)
    ours_excess, linear_excess = (deviance(hidden, np.maximum(m, 1e-3)) - floor for m in (filled, straight))
    assert ours.skill == pytest.approx(1 - ours_excess / linear_excess, abs=0.02)


def test_a_verdict_carries_what_was_hidden_and_what_was_filled(scan, cross):
    verdict = evaluate(np.where(cross, 0, scan.counts), cross, method="nearest", baselines=CHEAP)
    missing = np.broadcast_to(cross, scan.counts.shape)
    np.testing.assert_array_equal(verdict.known, scan.counts[verdict.hidden])
    np.testing.assert_array_equal(verdict.counts[~verdict.missing], scan.counts[~missing])
    np.testing.assert_array_equal(verdict.missing, missing)
    assert np.count_nonzero(verdict.scored) == verdict.voxels
    filled = fill_gaps(np.where(verdict.hidden, 0, scan.counts), missing | verdict.hidden, method="nearest").intensity
    np.testing.assert_allclose(verdict.filled, filled[verdict.hidden], rtol=1e-6)


def test_network_and_kriging_share_one_kriging(scan, cross, monkeypatch):
    import braggfill.classical.kriging as module

    runs, original = [], module.smoothed
    monkeypatch.setattr(module, "smoothed", lambda *arguments: runs.append(1) or original(*arguments))
    both = evaluate(np.where(cross, 0, scan.counts), cross, method="unet", baselines=("kriging",))
    assert len(runs) == 2  # the copies, and the copies' own copies for kriging's spread
    alone = evaluate(np.where(cross, 0, scan.counts), cross, method="kriging", baselines=())
    assert both.scores[1].mae == pytest.approx(alone.scores[0].mae, rel=1e-6)


def test_the_ceiling_is_what_the_expected_counts_would_score(scan, cross):
    verdict = evaluate(np.where(cross, 0, scan.counts), cross, method="linear", baselines=CHEAP)
    missing = np.broadcast_to(cross, scan.counts.shape)
    where = np.zeros(missing.shape, bool)
    where[verdict.hidden] = verdict.scored
    assert not (where & missing).any()
    truth, counts = np.log1p(scan.expected[where]), np.log1p(scan.counts[where])
    assert verdict.ceiling == pytest.approx(np.corrcoef(truth, counts)[0, 1], abs=0.01)


def test_what_is_under_the_real_gaps_is_not_seen(scan, cross):
    first = evaluate(np.where(cross, 0, scan.counts), cross, method="linear", baselines=CHEAP)
    second = evaluate(np.where(cross, 10**6, scan.counts), cross, method="linear", baselines=CHEAP)
    assert first.advice == second.advice
    assert first.scores[1].mae == second.scores[1].mae


def a_score(method="unet", skill=0.8, bias=1.01, coverage=0.9, deviance=2.0):
    return Score(method, 0.9, 0.9, 1.0, deviance, 1.0, skill, bias, coverage, 1.0)


@pytest.mark.parametrize(
    ("ours", "good"),
    [
        (a_score(), True),
        (a_score(skill=0.1), False),
        (a_score(bias=1.3), True),
        (a_score(coverage=0.6), False),
    ],
)
def test_filling_is_advised_only_if_it_is_right_and_honest(ours, good):
    assert advised(ours) == good
    words = in_words([ours], [])
    assert ("is advisable" in words) == good
    assert ("do not rely on the total" in words) == (ours.bias == 1.3)


def test_the_advice_names_the_best_rival_and_where_not_to_rely_on_the_fill():
    rivals = [a_score("linear", 0.0, deviance=9.0), a_score("ridge", 0.5, deviance=4.0)]
    bands = [
        Band(0, 1, 900, -0.2, 0.4),
        Band(1, 10, 900, 0.5, 0.9),
        Band(10, 100, 900, 0.5, 0.61),
        Band(100, np.inf, 9, 0.5, 0.4),
    ]
    words = in_words([a_score(), *rivals], bands)
    assert "the best other fill, ridge, 50 %" in words
    assert "; do not rely on it where it estimates under 1 counts; its uncertainties are too small where" in words
    assert "where it estimates 10 to 100 counts or over 100 counts (90 % intervals hold 40 to 61 % there)" in words
    assert "(90 % intervals hold 40 % there)" in in_words([a_score()], bands[-1:])
    assert "do not rely" not in in_words([a_score()], bands[1:])
    assert "better here" not in words
    assert "take ridge, which is clearly better here" in in_words([a_score(skill=0.5), a_score("ridge", 0.8)], [])


def test_another_method_is_recommended_where_it_is_clearly_better_and_none_where_no_fill_is_worth_it():
    ours, near, far, line = a_score(skill=0.5), a_score("kriging", 0.65), a_score("ridge", 0.75), a_score("linear", 0.0)
    assert recommended([ours, near, line]) == "unet"
    assert recommended([ours, near, far, line]) == "ridge"
    assert recommended([ours, a_score("ridge", 0.75, coverage=0.5)]) is None
    assert recommended([a_score(skill=0.1), a_score("idw", 0.15), line]) is None
    assert recommended([a_score(skill=-1.0), a_score("idw", 0.3), line]) == "idw"
    assert recommended([ours, far], hides_peak=True) is None
    assert "better here" not in in_words([ours, far], [], hides_peak=True)


def test_copies_are_scored_where_they_are_as_bright_as_the_gap():
    """A gap of 1 to 100 counts and copies of 1 to 1000: scored is what is at most the gap's 99th hundredth."""
    own, copies = np.concatenate([np.zeros(500), np.linspace(1, 100, 1000)]), np.linspace(1, 1000, 10_000)
    np.testing.assert_array_equal(no_brighter(copies, own), copies <= np.quantile(np.linspace(1, 100, 1000), 0.99))
    assert no_brighter(copies, np.zeros(500)).all()
    assert no_brighter(copies + 1e4, own).all()
    scored = np.zeros(copies.shape, bool)
    scored[:150] = True
    assert no_brighter(copies, own, scored).all()


def test_a_copy_nearer_to_the_peak_does_not_decide():
    """Two halves of the copies: a fill is perfect where it is as dim as the gap, and wrong where it is far brighter."""
    rng = np.random.default_rng(0)
    dim, bright_part = rng.uniform(2, 20, 4000), rng.uniform(2000, 5000, 400)
    truth = np.concatenate([dim, bright_part])
    hidden = rng.poisson(truth).astype(np.float32)
    ours, line = np.concatenate([dim, 0.5 * bright_part]), np.concatenate([2 * dim, 0.8 * bright_part])
    alike = no_brighter(line, rng.uniform(2, 40, 4000))
    assert skill(ours, line, hidden) < 0
    assert skill(ours[alike], line[alike], hidden[alike]) > 0.9


def test_the_advice_says_what_the_default_would_be_where_another_fill_was_judged(scan, cross, monkeypatch):
    told = in_words([a_score()], [], default="retrieval")
    assert "judged was unet, while 'braggfill fill' takes retrieval" in told
    assert "'braggfill evaluate --method retrieval' judges that fill" in told
    assert "judged was" not in in_words([a_score("retrieval")], [], default="retrieval")
    assert "judged was" not in in_words([a_score()], [], default="unet")
    assert "takes unet for this scan" in in_words([a_score("kriging")], [], default="unet")
    for largest, default in ((scan.counts.size, "retrieval"), (scan.counts.size - 1, "unet")):
        monkeypatch.setattr("braggfill.filling.options.MOST_VOXELS_BY_CRYSTAL", largest)
        advice = evaluate(np.where(cross, 0, scan.counts), cross, method="linear", baselines=()).advice
        assert f"takes {default} for this scan" in advice


def test_a_gap_over_the_peak_is_not_advised(scan):
    row = np.unravel_index(scan.expected.argmax(), scan.expected.shape)[1]
    over, beside = np.zeros((2, *scan.counts.shape[1:]), bool)
    over[row - 3 : row + 3] = True
    beside[row + 12 : row + 18] = True
    verdicts = [evaluate(np.where(m, 0, scan.counts), m, method="linear", baselines=()) for m in (over, beside)]
    assert [v.hides_peak for v in verdicts] == [True, False]
    assert "may hide the Bragg peak itself" in verdicts[0].advice
    assert not verdicts[0].advisable


def test_a_wide_gap_over_the_peak_is_not_advised_and_gaps_too_wide_to_be_judged_are_named(scan, cross):
    row = np.unravel_index(scan.expected.argmax(), scan.expected.shape)[1]
    wide = np.zeros(scan.counts.shape, bool)
    wide[:, row - 10 : row + 10] = True
    with pytest.raises(InputError, match=r"all too wide, expected one of at most 14 voxels"):
        evaluate(np.where(wide, 0, scan.counts), wide, method="linear", baselines=())
    both = wide | cross
    verdict = evaluate(np.where(both, 0, scan.counts), both, method="linear", baselines=())
    assert verdict.hides_peak and not verdict.advisable
    assert verdict.advice.endswith("Gaps wider than 14 voxels were not judged: a fill by the crystal judges them itself.")


def test_where_a_straight_line_leaves_no_more_than_noise_nothing_is_advised():
    nothing = a_score(skill=np.nan)
    assert recommended([nothing, a_score("ridge", np.nan)]) is None
    assert "is not advisable: a straight line leaves no more than counting noise, its total" in in_words([nothing], [])


def test_a_good_fill_is_not_vouched_for_over_the_peak():
    assert advised(a_score())
    assert not advised(a_score(), hides_peak=True)


def test_a_bad_pixel_beside_the_peak_hides_nothing():
    counts = np.ones((40, 60, 60), np.float32)
    counts[20, 30, 30] = 1000
    mask = np.zeros(counts.shape, bool)
    mask[:, 30, 31] = True
    assert hides_peak(GappedScan.blanked(counts, mask))  # the only gap there is
    mask[:, 45:49] = True
    assert not hides_peak(GappedScan.blanked(counts, mask))


def test_a_nearly_empty_scan_cannot_be_judged(cross):
    counts = np.zeros((64, 96, 96))
    counts[30, 5, 5] = 1
    with pytest.raises(InputError, match=r"0 voxels with counts.*at least"):
        evaluate(counts, cross, method="linear", baselines=CHEAP)


def test_the_command_prints_the_advice_and_writes_the_figures(tmp_path, scan, cross):
    np.savez(tmp_path / "scan.npz", data=np.where(cross, 0, scan.counts), mask=cross)
    written = ["--json", str(tmp_path / "figures.json"), "--plot", str(tmp_path / "judged.png")]
    out = CliRunner().invoke(app, ["evaluate", str(tmp_path / "scan.npz"), "--method", "linear", *written])
    assert out.exit_code == 0, out.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["advice"] in out.output.replace("\n", " ") or figures["advice"][:40] in out.output
    assert figures["scores"][0]["method"] == "linear"
    assert {s["method"] for s in figures["scores"]} >= {"kriging", "ridge", "idw"}
    assert 0 < figures["pcc_log_ceiling"] <= 1
    assert (tmp_path / "judged.png").read_bytes().startswith(b"\x89PNG")


def test_methods_side_by_side_say_what_each_says_alone(scan, cross):
    """On three threads; the progress counts every method once, and never goes back."""
    told, before, counts = [], torch.get_num_threads(), np.where(cross, 0, scan.counts)
    torch.set_num_threads(3)
    try:
        every = ("cubic", "idw", "nearest")
        together = evaluate(counts, cross, method="linear", baselines=every, on_progress=lambda *step: told.append(step))
    finally:
        torch.set_num_threads(before)
    for score in together.scores[1:]:
        alone = evaluate(counts, cross, method=score.method, baselines=())
        assert replace(score, seconds=0.0) == replace(alone.scores[0], seconds=0.0)
    shares = [done / total for done, total in told]
    assert shares == sorted(shares)
    assert told[-1] == (4, 4)


def test_a_method_that_fails_stops_those_beside_it(scan, cross, monkeypatch):
    def fail(*arguments):
        raise InputError("no such luck")

    monkeypatch.setitem(METHODS, "ridge", replace(METHODS["ridge"], estimate=fail))
    with pytest.raises(InputError, match="no such luck"):
        evaluate(np.where(cross, 0, scan.counts), cross, method="linear", baselines=("ridge", "nearest", "cubic"))
