import math
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError
from braggfill.base.limits import LIMITS, check_fields, check_number, check_whole_numbers, shown
from braggfill.classical.fringe_model import FringeModel
from braggfill.commands.outputs import Outputs
from braggfill.filling.options import FillOptions
from braggfill.judging.options import EvaluationOptions
from braggfill.network.config import AdaptationConfig, Descent, FinetuneOptions, PracticeConfig
from braggfill.network.gapnet import ModelConfig
from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions
from braggfill.scan.choice import MaskChoice
from braggfill.scan.copy_rules import CopyRules
from braggfill.training.config import TrainConfig

OPTIONS = [FillOptions, EvaluationOptions, AdaptationConfig, Descent, FinetuneOptions, PracticeConfig, ModelConfig, Outputs]
OPTIONS += [RetrievalOptions, ComparisonOptions, MaskChoice, CopyRules, TrainConfig, FringeModel]


@dataclass(frozen=True)
class Made:
    seed: int = 0
    share: float = 0.5
    on: bool = False
    way: Literal["this", "that"] = "this"
    path: str | Path | None = None
    pair: tuple[int, int] = (1, 2)
    ways: tuple[Literal["this", "that"], ...] | None = None
    part: FringeModel | None = None

    def __post_init__(self) -> None:
        check_fields(self)


@pytest.mark.parametrize("kind", OPTIONS)
def test_defaults_lie_within_the_limits(kind):
    made = kind()
    numbers = {f.name: getattr(made, f.name) for f in fields(made) if not is_dataclass(getattr(made, f.name))}
    for name in numbers.keys() & LIMITS:
        if isinstance(numbers[name], int | float):
            assert LIMITS[name][0] <= numbers[name] <= LIMITS[name][1]


@given(st.sampled_from(sorted(LIMITS)), st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_passes_if_and_only_if_it_lies_within_its_limits(name, value):
    least, largest = LIMITS[name]
    if math.isfinite(value) and least <= value <= largest:
        check_number(name, value)
    else:
        with pytest.raises(InputError, match=f"^{name}: got .*expected a finite number"):
            check_number(name, value)


@pytest.mark.parametrize("value", [True, "3", None, 3.0, np.ones(2), 10**400, 1j, [1]])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(InputError, match=r"seed: got .* expected a whole number"):
        check_number("seed", value, whole=True)


def test_a_limit_that_is_a_whole_number_is_written_as_one():
    with pytest.raises(InputError, match="of 0 to 4 611 686 018 427 387 904;"):
        check_number("seed", 2**63, whole=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1.5),
        ("seed", True),
        ("share", math.nan),
        ("share", "0.5"),
        ("on", 1),
        ("on", np.ones(3)),
        ("way", "other"),
        ("way", np.array(["this", "that"])),
        ("path", "a\0b"),
        ("path", 3),
        ("pair", (1, 2, 3)),
        ("pair", (1, "2")),
        ("pair", 5),
        ("ways", ("this", "other")),
        ("ways", "this"),
        ("part", 3),
    ],
)
def test_a_field_that_is_not_what_it_says_is_refused_by_its_name(name, value):
    with pytest.raises(InputError, match=f"^{name}: got "):
        Made(**{name: value})


def test_fields_that_are_what_they_say_pass():
    Made(np.int64(3), np.float32(0.1), np.bool_(True), "that", Path("x"), [3, 4], ("this", "that"), FringeModel())


@pytest.mark.parametrize("values", [3, "12", (1, 2.5), (1, -1), np.ones(2), [None]])
def test_a_region_is_whole_numbers(values):
    with pytest.raises(InputError, match="roi: got"):
        check_whole_numbers("roi", values, "roi")


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists, max_leaves=30))
def test_whatever_is_shown_is_short(value):
    assert len(shown(value)) <= 202
