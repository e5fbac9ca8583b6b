import json

import numpy as np
import pytest
from program import run

from braggfill import fill_gaps, finetune
from braggfill.base.errors import InputError
from braggfill.base.writing import sha256
from braggfill.classical.fringe_model import FringeModel
from braggfill.network import adaptation
from braggfill.network.config import AdaptationConfig
from braggfill.network.weights import SHIPPED_WEIGHTS, read_weights
from braggfill.reports.sentences import lesson_in_words


@pytest.fixture
def short(one_small_layout) -> AdaptationConfig:
    """Three steps of two portions, other constants of kriging in any case."""
    return AdaptationConfig(
        steps=3,
        batch=2,
        judge_every=3,
        warmup_steps=1,
        sure_weights=-1e9,
        sure_fringes=-1e9,
        fringes=(FringeModel(envelope_sigma=3.0),),
        practice=one_small_layout,
    )


@pytest.fixture
def stripe(scan):
    mask = np.zeros(scan.counts.shape[1:], bool)
    mask[:, 13:17] = True
    return mask


def test_an_adapted_fill_is_the_fill_by_finetuned_weights(tmp_path, scan, stripe, short):
    lesson = finetune(scan.counts, stripe, out=tmp_path / "w.safetensors", seed=2, name="S1", config=short)
    by_file = fill_gaps(scan.counts, stripe, weights=tmp_path / "w.safetensors")
    adapted = fill_gaps(scan.counts, stripe, adapt=True, seed=2, adaptation=short)
    assert adapted.lesson == lesson
    np.testing.assert_array_equal(adapted.intensity, by_file.intensity)
    np.testing.assert_array_equal(adapted.std, by_file.std)
    np.testing.assert_array_equal(adapted.intensity[~adapted.filled], scan.counts[~adapted.filled])
    assert adapted.weights_sha256 == sha256(SHIPPED_WEIGHTS)
    assert by_file.lesson is None


def test_the_weights_of_one_scan_start_the_next(tmp_path, scan, stripe, short):
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    finetune(scan.counts, stripe, out=first, name="S1", config=short)
    lesson = finetune(scan.counts, stripe, out=second, start=first, seed=1, name="S2", config=short)
    history = read_weights(second)[1]["lessons"]
    assert [entry["scan"] for entry in history] == ["S1", "S2"]
    assert [entry["started_from"] for entry in history] == [sha256(SHIPPED_WEIGHTS), sha256(first)]
    assert history[1]["skill_before"] == lesson.skill_before
    assert len(history[1]["scan_sha256"]) == 64


def test_the_commands_adapt_say_so_and_write_it_down(tmp_path, scan, stripe, short, capsys, monkeypatch):
    monkeypatch.setattr(adaptation, "AdaptationConfig", lambda: short)  # the commands adapt as shipped
    path, weights = tmp_path / "S1.npz", tmp_path / "S1.safetensors"
    np.savez(path, data=scan.counts.astype(np.uint32), mask=stripe)
    assert run("finetune", path, "-o", weights, "--seed", 2) == 0
    assert "skill on" in capsys.readouterr().out
    assert run("fill", path, "--adapt", "--adapt-minutes", 5, "--seed", 2) == 0
    assert "skill on" in capsys.readouterr().out
    with np.load(tmp_path / "S1_filled.npz") as written:
        facts = json.loads(str(written["provenance"]))
        np.testing.assert_array_equal(written["data"], fill_gaps(scan.counts, stripe, weights=weights).intensity)
    assert facts["adaptation"]["seed"] == 2
    assert facts["adaptation"]["steps"] == 3
    assert facts["options"]["adapt_minutes"] == 5
    assert run("finetune", path, "-o", weights) == 2
    assert run("finetune", path, "-o", tmp_path / "S1.npz") == 2
    assert run("finetune", path, "-o", weights, "--start", weights, "--overwrite") == 2
    assert run("fill", path, "--adapt", "--method", "ridge", "--overwrite") == 2
    assert run("fill", path, "--adapt", "--adapt-minutes", -1, "--overwrite") == 2


def test_only_the_network_learns(scan, stripe):
    with pytest.raises(InputError, match="adapt: got method 'kriging'"):
        fill_gaps(scan.counts, stripe, method="kriging", adapt=True)


def test_an_interrupted_lesson_says_so(scan, stripe, short):
    def stop(step, steps, skill):
        if step == 2:
            raise KeyboardInterrupt

    result = fill_gaps(scan.counts, stripe, adapt=True, on_adapt=stop, adaptation=short)
    assert result.filled.any()
    assert lesson_in_words(result.lesson).startswith("interrupted after 2 of 3 steps; kriging")
    assert result.lesson.kept_step == 0


def test_a_scan_without_room_is_filled_by_the_weights_as_they_are(scan, short):
    mask = np.zeros(scan.counts.shape, bool)
    mask[20, 30, 20] = True
    result = fill_gaps(scan.counts, mask, adapt=True, adaptation=short)
    assert "no room" in lesson_in_words(result.lesson)
    np.testing.assert_array_equal(result.intensity, fill_gaps(scan.counts, mask).intensity)
