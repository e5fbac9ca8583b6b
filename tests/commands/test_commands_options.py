"""Flags are what the fields of the options say: name, type, default and explanation stand once."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, get_args

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from program import run
from typer.testing import CliRunner

from braggfill import InputError
from braggfill.base.options import explanations
from braggfill.commands.cli import app
from braggfill.commands.options import Part, read_numbers, read_schedule, with_flags, with_flags_and_file
from braggfill.commands.outputs import Outputs
from braggfill.filling.options import FillOptions
from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions, TreatmentName
from braggfill.scan.choice import MaskChoice

COMMANDS = typer.main.get_command(app).commands
FLAGS = {"treatments": "treatment"}


def options_of(verb):
    """Option by option of a verb of the program: its flags, its default and its help."""
    return {p.name: p for p in COMMANDS[verb].params}


@pytest.mark.parametrize(
    ("verb", "kinds"),
    [
        ("fill", (FillOptions, MaskChoice, Outputs)),
        ("retrieve", (RetrievalOptions, MaskChoice)),
        ("compare", (ComparisonOptions, MaskChoice)),
        ("evaluate", (MaskChoice,)),
        ("finetune", (MaskChoice,)),
        ("convert", (MaskChoice,)),
        ("mask", (MaskChoice,)),
    ],
)
def test_every_field_is_a_flag_with_its_default_and_its_explanation(verb, kinds):
    flags = options_of(verb)
    for kind in kinds:
        for field in fields(kind):
            if field.name == "adaptation":  # a table of the TOML file, no flag
                assert field.name not in flags
                continue
            flag = flags[field.name]
            assert f"--{FLAGS.get(field.name, field.name).replace('_', '-')}" in flag.opts
            told = " ".join(explanations(kind)[field.name].split())
            assert told
            assert flag.help == (f"{told[:-1]}; repeat it for several." if flag.multiple else told)
            if field.name != "schedule":
                assert flag.default == field.default


@dataclass(frozen=True)
class Inner:
    """A group in a group."""

    depth: int = 1


@dataclass(frozen=True)
class Group:
    """Options of every kind that a field can have."""

    whole: int = 3
    """A whole number."""
    name: Literal["one", "two"] = "one"
    """A name."""
    place: str | Path | None = None
    """A file."""
    off: bool = False
    """What is off."""
    on: bool = True
    """What is on."""
    inner: Inner | None = None


def called(verb, *arguments):
    """What a verb is called with, by arguments of a command line."""
    seen = {}

    @with_flags_and_file
    def fill(group: Group, more: int = 0) -> None:
        seen.update(group=group, more=more)

    @with_flags
    def part(group: Annotated[Group, Part(("whole", "off"))]) -> None:
        seen.update(group=group)

    program = typer.Typer()
    program.command("fill")(fill)
    program.command("part")(part)
    result = CliRunner().invoke(program, [verb, *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, seen


@given(st.integers(-(10**6), 10**6), st.sampled_from(["one", "two"]), st.booleans(), st.booleans(), st.integers(0, 9))
def test_what_stands_on_the_command_line_arrives_in_the_group(whole, name, off, on, more):
    flags = ["--whole", whole, "--name", name, *(["--off"] if off else []), "--on" if on else "--no-on", "--place", "a/b"]
    code, seen = called("fill", *flags, "--more", more)
    assert code == 0
    assert seen == {"group": Group(whole, name, "a/b", off, on), "more": more}


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    (tmp_path / "c.toml").write_text('whole = 5\nname = "two"\n[inner]\ndepth = 7\n')
    _, seen = called("fill", "--config", tmp_path / "c.toml", "--whole", 3)
    assert seen["group"] == Group(3, "two", inner=Inner(7))


def test_a_verb_takes_a_part_of_a_group_and_leaves_the_rest_as_it_is():
    assert called("part", "--whole", 4, "--off") == (0, {"group": Group(4, off=True)})
    assert called("part", "--name", "two")[0] == 2


@given(st.lists(st.integers(-(10**4), 10**4), min_size=1, max_size=5))
def test_a_region_is_read_as_it_is_written(numbers):
    assert read_numbers("roi")(",".join(map(str, numbers))) == numbers


@given(st.lists(st.tuples(st.sampled_from(["hio", "raar", "er", "ml"]), st.integers(0, 10**6)), min_size=1, max_size=6))
def test_a_schedule_is_read_as_it_is_written(schedule):
    assert read_schedule(", ".join(f"{name} {count}" for name, count in schedule)) == [list(pair) for pair in schedule]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_numbers("roi"), "1,b"),
        (read_numbers("crop"), ""),
        (read_schedule, "hio"),
        (read_schedule, "er -3"),
        (read_schedule, "foo 3"),
    ],
)
def test_a_text_that_says_nothing_is_one_sentence(read, text):
    with pytest.raises(InputError, match=r"got '.*', expected .* such as") as error:
        read(text)
    assert "\n" not in str(error.value)


def test_names_are_offered_as_the_literals_have_them(capsys):
    assert run("compare", "scan.npz", "--treatment", "magic") == 2
    message = " ".join(capsys.readouterr().err.split())
    assert all(name in message for name in get_args(TreatmentName))
