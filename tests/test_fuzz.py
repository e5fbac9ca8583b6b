"""The first hostile cases of ``make fuzz``; those that start processes or take long are left to it."""

from pathlib import Path

import pytest
from fuzz.cases import make_case
from fuzz.interruptions import interrupted
from fuzz.rule import Case, broken

SEED, CASES, TOGETHER = 1, 500, 20
SLOW = ("retrieve", "compare", "evaluate", "train", "finetune", "--plot", "--report", "SIG")


@pytest.mark.parametrize("first", range(0, CASES, TOGETHER))
def test_hostile_cases_keep_the_rule(tmp_path, first):
    faults = []
    for number in range(first, first + TOGETHER):
        folder = tmp_path / str(number)
        folder.mkdir()
        case = make_case(SEED, number, folder)
        if not any(word in case.name for word in SLOW) and (fault := broken(case)):
            faults.append(f"case {number}, {case.name}: {fault}")
    assert faults == []


def acted(folder: Path, act, **more) -> str:
    return broken(Case("made to fail", act, folder, **more))


def test_that_the_rule_can_be_broken(tmp_path, capsys):
    import sys
    import warnings

    from braggfill import InputError

    kept = tmp_path / "input.npy"
    kept.write_bytes(b"1")

    def refuse(sentence):
        raise InputError(sentence)

    assert acted(tmp_path, lambda: None) == ""
    assert acted(tmp_path, lambda: refuse("scan: got nothing, expected a file")) == ""
    assert "no sentence" in acted(tmp_path, lambda: refuse("no"))
    assert "ZeroDivisionError" in acted(tmp_path, lambda: 1 / 0)
    assert "warning" in acted(tmp_path, lambda: warnings.warn("careful", stacklevel=1))
    assert "exit code 3" in acted(tmp_path, lambda: 3)
    assert "not one sentence" in acted(tmp_path, lambda: print("one\ntwo", file=sys.stderr) or 2)
    assert "left files" in acted(tmp_path, lambda: (tmp_path / ".x.part").write_text("x") and None)
    assert "changed inputs" in acted(tmp_path, lambda: kept.write_bytes(b"2") and None)


def test_what_is_interrupted_is_told_from_its_seed(tmp_path):
    import numpy as np

    one, other = (interrupted(np.random.default_rng(3), tmp_path).name for _ in range(2))
    assert one == other
