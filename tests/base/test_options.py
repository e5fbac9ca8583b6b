import inspect
from dataclasses import dataclass, field, fields

import pytest

from braggfill import InputError, evaluate, fill_gaps, finetune
from braggfill.base.options import explanations, spelled_out
from braggfill.commands.outputs import Outputs
from braggfill.filling.options import FillOptions
from braggfill.judging.options import EvaluationOptions
from braggfill.network.config import FinetuneOptions
from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions
from braggfill.scan.choice import MaskChoice, Preparation


@dataclass(frozen=True)
class Dose:
    """How much light."""

    photons: float = 1e6
    """Photons of an exposure."""
    frames: tuple[int, ...] = field(default_factory=lambda: (1, 2))
    """Which frames."""


@dataclass(frozen=True)
class LongDose(Dose):
    """How much light, for how long."""

    seconds: float = 3.0
    """Length of an exposure."""
    photons: float = 2e6
    """More photons."""


@spelled_out
def expose(crystal: str, *, dose: LongDose, quiet: bool = False) -> tuple[str, LongDose, bool]:
    """Expose a crystal.

    Parameters
    ----------
    crystal : str
    dose : LongDose
    quiet : bool
    """
    return crystal, dose, quiet


def test_options_come_one_by_one_and_arrive_together():
    assert expose("Au") == ("Au", LongDose(), False)
    assert expose("Au", seconds=1.0, quiet=True, frames=(7,)) == ("Au", LongDose(seconds=1.0, frames=(7,)), True)


def test_the_signature_shows_each_option_with_type_and_default_and_can_be_bound():
    seen = inspect.signature(expose).parameters
    assert list(seen) == ["crystal", "photons", "frames", "seconds", "quiet"]
    assert (seen["seconds"].default, seen["seconds"].annotation) == (3.0, float)
    assert seen["photons"].default == 2e6
    assert seen["frames"].default == (1, 2)
    assert all(p.kind is p.KEYWORD_ONLY for name, p in seen.items() if name != "crystal")


def test_the_docstring_explains_each_option_in_place_of_the_group():
    text = inspect.getdoc(expose)
    assert "seconds : float\n    Length of an exposure." in text
    assert "photons : float\n    More photons." in text
    assert "LongDose" not in text
    assert text.index("crystal : str") < text.index("frames :") < text.index("quiet : bool")


def test_explanations_are_what_stands_under_the_fields_also_inherited_ones():
    assert explanations(LongDose) == {
        "photons": "More photons.",
        "frames": "Which frames.",
        "seconds": "Length of an exposure.",
    }


def test_an_unknown_option_is_said_with_the_nearest_known_one():
    with pytest.raises(InputError, match=r"expose: got an option second, expected .* did you mean seconds\?$"):
        expose("Au", second=1.0)
    with pytest.raises(InputError, match=r"expose: got an option xyz, expected .* it has .*seconds"):
        expose("Au", xyz=1.0)
    with pytest.raises(InputError, match=r"fill_gaps: got an option metod.* method\?$"):
        fill_gaps([[[1]]], metod="linear")


@pytest.mark.parametrize("function", [fill_gaps, evaluate, finetune])
def test_every_option_of_the_public_functions_is_explained(function):
    text = inspect.getdoc(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert f"{name} : " in text or f"{name}, " in text or f", {name}" in text


@pytest.mark.parametrize(
    "kind",
    [
        FillOptions,
        EvaluationOptions,
        FinetuneOptions,
        RetrievalOptions,
        ComparisonOptions,
        Outputs,
        Preparation,
        MaskChoice,
    ],
)
def test_every_field_of_the_options_is_explained(kind):
    assert explanations(kind).keys() == {field.name for field in fields(kind)}
    assert all(explanations(kind).values())
