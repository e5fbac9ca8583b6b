"""Data whose background was subtracted: negative voxels are noise about zero, no gaps; what they are is said, never guessed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import counts_of_a_crystal
from program import run

from braggfill import InputError, fill_gaps, to_pynx
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.scan.counts import measured_values
from braggfill.scan.files import read_scan
from braggfill.scan.gapped import GappedScan

COUNTS = counts_of_a_crystal((16, 40, 36))
GAP = np.zeros((40, 36), np.uint8)
GAP[26:31] = 1
SUBTRACTED = (COUNTS - np.random.default_rng(1).uniform(0.2, 0.4, COUNTS.shape)).astype(np.float32)
SAID = {"negatives": "measured", "counts_per_unit": 1}


def test_a_subtracted_background_is_refused_with_its_remedy(tmp_path, capsys):
    assert (SUBTRACTED < 0).mean() > 0.3
    np.savez(tmp_path / "S1.npz", data=SUBTRACTED, mask=GAP)
    for verb in (["fill", "--counts-per-unit", 1], ["mask"], ["evaluate", "--counts-per-unit", 1], ["retrieve"]):
        assert run(verb[0], tmp_path / "S1.npz", *verb[1:]) == 2
        told = capsys.readouterr().err
        assert told.startswith("braggfill: intensity: got ")
        assert "was a background subtracted?" in told and "--negatives measured" in told
        assert told.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["S1.npz"]


@pytest.mark.parametrize("method", ["linear", "kriging", "unet"])
def test_said_to_be_measured_they_stay_to_the_bit_and_only_the_gap_is_filled(method):
    result = fill_gaps(SUBTRACTED, GAP, method=method, **SAID)
    gap = np.broadcast_to(GAP > 0, COUNTS.shape)
    np.testing.assert_array_equal(result.filled, gap)
    np.testing.assert_array_equal(result.intensity[~gap].view(np.uint32), SUBTRACTED[~gap].view(np.uint32))
    assert (result.intensity[gap] >= 0).all()
    clipped = fill_gaps(np.maximum(SUBTRACTED, 0), GAP, method=method, counts_per_unit=1)
    np.testing.assert_array_equal(result.intensity[gap], clipped.intensity[gap])


def test_from_file_to_file_and_on_to_what_comes_next(tmp_path):
    np.savez(tmp_path / "S1.npz", data=SUBTRACTED, mask=GAP)
    out = tmp_path / "out.cxi"
    options = ["--negatives", "measured", "--counts-per-unit", 1, "--method", "linear", "--plot", tmp_path / "p.png"]
    assert run("fill", tmp_path / "S1.npz", "-o", out, "--report", tmp_path / "r.html", "--no-self-test", *options) == 0
    back = read_scan(str(out))
    np.testing.assert_array_equal(back.intensity[:, GAP == 0], SUBTRACTED[:, GAP == 0])
    assert back.provenance["options"]["negatives"] == "measured"
    pattern = prepare_pattern(back.intensity, back.mask, back.filled, back.std, 1, "measured")
    assert pattern.counts.min() == 0
    assert np.count_nonzero(pattern.missing) == np.count_nonzero(back.filled)


def test_pynx_is_given_no_negative_number_that_it_would_take_for_a_code():
    result = fill_gaps(SUBTRACTED, GAP, method="linear", **SAID)
    hard, soft = to_pynx(result), to_pynx(result, "soft")
    assert hard.iobs.min() == 0
    assert ((soft.iobs >= 0) | (soft.iobs <= -1e19)).all()


def test_they_are_judged_as_zero_and_counted_as_gaps_where_that_is_said():
    part, gap = SUBTRACTED[6:10, 14:32, 10:26], GAP[14:32, 10:26]
    kept = fill_gaps(part, gap, method="nearest", negatives="missing", counts_per_unit=1)
    assert np.count_nonzero(kept.filled | kept.mask) == np.count_nonzero((part < 0) | (gap > 0))
    assert GappedScan.blanked(SUBTRACTED, np.broadcast_to(GAP > 0, COUNTS.shape)).counts.min() == 0


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_whole_negative_numbers_are_marks_as_before(dtype):
    """Pilatus writes -1 for a gap and -2 for a dead pixel."""
    values = COUNTS.astype(dtype)
    values[:, 3, 3], values[:, 7] = -2, -1
    result = fill_gaps(values, None, method="linear")
    assert result.filled[:, 3, 3].all() and result.filled[:, 7].all()
    assert np.count_nonzero(result.filled) == len(values) * (values.shape[2] + 1)


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, "missing", "measured"]))
def test_what_is_missing_is_what_was_said_voxel_by_voxel(seed, negatives):
    rng = np.random.default_rng(seed)
    values = rng.choice([np.nan, np.inf, -np.inf, -1.0, -0.25, 0.0, 3.0, 2.0**32 - 1], (3, 4, 5))
    mask = rng.random((4, 5)) < 0.4
    if negatives is None and (values[:, ~mask] == -0.25).any():
        with pytest.raises(InputError, match="background subtracted"):
            measured_values(values, mask, negatives)
        return
    measured, missing = measured_values(values, mask, negatives)
    for place in np.ndindex(values.shape):
        value = values[place]
        gone = mask[place[1:]] or not np.isfinite(value) or value > 1e9 or (value < 0 and negatives != "measured")
        assert missing[place] == gone
        assert measured[place] == (0 if gone else np.float32(value))


def test_what_they_cannot_be_is_one_sentence():
    with pytest.raises(InputError, match="negatives: got 'noise', expected one of missing, measured"):
        fill_gaps(SUBTRACTED, GAP, negatives="noise")


@pytest.mark.parametrize("verb", ["fill", "evaluate", "retrieve"])
def test_a_scan_without_a_count_is_one_sentence_and_nothing_is_written(tmp_path, capsys, verb):
    np.savez(tmp_path / "S1.npz", data=np.zeros_like(COUNTS), mask=GAP)
    assert run(verb, tmp_path / "S1.npz") == 2
    assert "got no count in any measured voxel" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["S1.npz"]
