"""What a study has computed: not computed again by the same program, and by no other taken for its own."""

import numpy as np
import pytest

from braggfill import InputError, benchmark
from braggfill.judging.studies import kept as module
from braggfill.judging.studies.kept import Kept, Part, asked, read_rows
from braggfill.judging.studies.protocol import Crops, spread_over_crystals


def counted(runs):
    def compute():
        runs.append(1)
        return Part([{"a": 1, "b": 0.1 + 0.2, "c": float("nan"), "d": "x, y"}], {"some array": np.arange(6.0).reshape(2, 3)})

    return compute


def test_a_part_is_computed_once_and_comes_back_to_the_bit(tmp_path):
    runs, kept = [], Kept(tmp_path / "parts")
    first, second = (kept.part("one", counted(runs)) for _ in range(2))
    assert len(runs) == 1
    (row,) = second.rows
    assert (row["a"], row["b"], row["d"]) == (1, 0.1 + 0.2, "x, y")
    assert np.isnan(row["c"])
    np.testing.assert_array_equal(first.arrays["some array"], second.arrays["some array"])
    kept.part("another", counted(runs))
    assert len(runs) == 2


def test_without_a_folder_nothing_is_kept():
    runs = []
    for _ in range(2):
        Kept().part("one", counted(runs))
    assert len(runs) == 2


def test_what_another_program_has_computed_is_computed_again(tmp_path, monkeypatch):
    runs, kept = [], Kept(tmp_path)
    kept.part("one", counted(runs))
    monkeypatch.setattr(module, "program", lambda: "another")
    kept.part("one", counted(runs))
    assert len(runs) == 2


@pytest.mark.parametrize("keep", [0, 30, 0.7])
def test_a_part_that_was_cut_off_is_computed_again(tmp_path, keep):
    runs, kept = [], Kept(tmp_path)
    kept.part("one", counted(runs))
    whole = (tmp_path / "one.npz").read_bytes()
    (tmp_path / "one.npz").write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    kept.part("one", counted(runs))
    assert len(runs) == 2
    assert (tmp_path / "one.npz").read_bytes() == whole


def test_another_question_is_another_name():
    assert asked("a", (1, 2)) == asked("a", (1, 2))
    assert len({asked("a", (1, 2)), asked("a", (1, 3)), asked("b", (1, 2))}) == 3


def test_curves_are_drawn_anew_from_tables_alone(tmp_path, monkeypatch):
    rows = [
        "skip,portions,seconds,threads,sum_abs_log_error,pcc_truth,deviance,over_finest",
        "one pass,2,0.4,1,10,0.97,1.5,1.001",
    ]
    rows += [f"{k},{900 - k},{7.0 * (k + 1) ** -1.7},1,10.0,0.97,1.5,1.0" for k in (0, 1, 4, 12)]
    (tmp_path / "study_skip.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr("braggfill.judging.studies.skip.slide", None)
    written, (conclusion,) = benchmark("skip", tmp_path, draw=True)
    assert [p.name for p in written] == ["study_skip.png"]
    assert "time = 7 s × (k + 1)^-1.70" in conclusion
    assert "0.1 % at most" in conclusion


def test_what_cannot_be_drawn_from_a_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"draw: got 'slices', .* expected one of width, skip, oversampling, conditions"):
        benchmark("slices", tmp_path, draw=True)
    with pytest.raises(
        InputError, match=r"study_width\.csv: cannot be read \(No such file or directory\).*without --draw first"
    ):
        benchmark("width", tmp_path, draw=True)


def test_a_table_s_numbers_come_back_as_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c,d\n3,0.25,,test 1\n")
    (row,) = read_rows(tmp_path / "t.csv")
    assert (row["a"], row["b"], row["d"]) == (3, 0.25, "test 1")
    assert isinstance(row["a"], int) and np.isnan(row["c"])


def test_the_spread_is_that_of_crystals_and_not_of_crops():
    """Three crystals with means 1, 2 and 6, however many crops each has: variance (4 + 1 + 9) / 2."""
    values, crystals = np.array([0.0, 2, 2, 5, 6, 7, np.nan]), np.array([0.0, 0, 1, 2, 2, 2, 2])
    assert spread_over_crystals(values, Crops(3, {"crystal": crystals})) == pytest.approx(np.sqrt(7))
    assert np.isnan(spread_over_crystals(values, Crops(3, {})))
