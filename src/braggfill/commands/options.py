"""The command line from dataclasses: each field of a group of options is a flag, with its type, default and explanation.

What a flag is called and how its value is written stands in ``SPELLINGS`` where the field's name and type do not say it.
"""

import inspect
from collections.abc import Callable
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import GenericAlias, NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from braggfill.base.errors import InputError
from braggfill.base.options import default_of, explanations
from braggfill.retrieval.options import SCHEDULE, AlgorithmName

KEYWORD = inspect.Parameter.KEYWORD_ONLY
CONFIG = Annotated[Path | None, typer.Option(help="TOML file of these options; flags win over it.")]


@dataclass(frozen=True)
class Spelling:
    """How a field is spelled on the command line."""

    flags: tuple[str, ...] = ()
    """Names of the flag; none for the field's own."""
    read: Callable[[str], Any] | None = None
    """Text to value, for what the command line has no type for."""
    default: str | None = None
    """The default as such a text."""


@dataclass(frozen=True)
class Part:
    """In ``Annotated[kind, Part(("this", "that"))]``: the fields of a group that a command takes."""

    names: tuple[str, ...]


def read_numbers(name: str) -> Callable[[str], list[int]]:
    """From a text such as 120,84 to its numbers, or InputError that names the option."""

    def read(text: str) -> list[int]:
        try:
            return [int(part) for part in text.split(",")]
        except ValueError as error:
            raise InputError(f"{name}: got '{text}', expected whole numbers such as 120,84") from error

    return read


def read_schedule(text: str) -> list[list[str | int]]:
    """Turn 'hio 80, er 20' into [['hio', 80], ['er', 20]], or raise InputError."""
    words = [part.split() for part in text.split(",")]
    if not all(len(pair) == 2 and pair[0] in get_args(AlgorithmName) and pair[1].isdecimal() for pair in words):
        raise InputError(f"schedule: got '{text}', expected algorithms and iterations such as '{USUAL_SCHEDULE}'")
    return [[name, int(count)] for name, count in words]


USUAL_SCHEDULE = ", ".join(f"{name} {count}" for name, count in SCHEDULE)
SPELLINGS = {
    "output": Spelling(("-o", "--output")),
    "treatments": Spelling(("--treatment",)),
    "baselines": Spelling(("--baseline",)),
    "roi": Spelling(read=read_numbers("roi")),
    "crop": Spelling(read=read_numbers("crop")),
    "bin": Spelling(read=read_numbers("bin")),
    "schedule": Spelling(read=read_schedule, default=USUAL_SCHEDULE),
}


def with_flags(command: Callable[..., None], file: bool = False) -> Callable[..., None]:
    """Spell out the options of a command: it is called with dataclasses where the command line has a flag for each field.

    Parameters
    ----------
    command : callable
        A verb; its parameters that are annotated with a dataclass, or with a ``Part`` of one, are groups of options.
    file : bool
        Give it a flag ``--config`` as well: a TOML file with the groups' fields as its keys.

    Returns
    -------
    callable
        What typer makes a verb of.
    """
    signature, hints = inspect.signature(command), get_type_hints(command, include_extras=True)
    groups = {name: _kind(hint) for name, hint in hints.items() if _kind(hint)}
    flags = {name: _flags(hints[name]) for name in groups}
    names = {flag.name for group in flags.values() for flag in group}

    @wraps(command)
    def spelled(context: typer.Context, **values: Any) -> None:
        from braggfill.base.config import build_each, read_table

        path = values.pop("config") if file else None
        given = {name: _value(name, value) for name, value in values.items() if name in names and _is_given(context, name)}
        table = (read_table(path) if path else {}) | given
        made = build_each(groups, table, f"config {path}" if path else "options")
        command(**made, **{name: value for name, value in values.items() if name not in names})

    seen = [inspect.Parameter("context", KEYWORD, annotation=typer.Context)]
    for name, parameter in signature.parameters.items():
        seen += flags.get(name) or [parameter.replace(annotation=hints[name], kind=KEYWORD)]
    if file:
        seen.append(inspect.Parameter("config", KEYWORD, default=None, annotation=CONFIG))
    spelled.__signature__ = signature.replace(parameters=seen)  # type: ignore[attr-defined]
    spelled.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
    return spelled


def with_flags_and_file(command: Callable[..., None]) -> Callable[..., None]:
    """The same with a flag for a file of the options."""
    return with_flags(command, file=True)


def _kind(hint: Any) -> Any:
    """The dataclass that a parameter is annotated with, or None."""
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return kind if is_dataclass(kind) else None


def _flags(hint: Any) -> list[inspect.Parameter]:
    """A parameter for each field of a group, or of a part of it, that is no group itself."""
    kind, told = _kind(hint), explanations(_kind(hint))
    part = next((p.names for p in get_args(hint)[1:] if isinstance(p, Part)), None) if get_origin(hint) is Annotated else None
    types = get_type_hints(kind)
    wanted = [f for f in fields(kind) if (part is None or f.name in part) and not any(map(is_dataclass, _types(types[f.name])))]
    return [_flag(field, types[field.name], " ".join(told.get(field.name, "").split())) for field in wanted]


def _flag(field: Field[Any], hint: Any, told: str) -> inspect.Parameter:
    spelling = SPELLINGS.get(field.name, Spelling())
    names = spelling.flags or ((f"--{field.name.replace('_', '-')}",) if default_of(field) is False else ())
    default = spelling.default if spelling.read else default_of(field)
    kind: Any = _plain_type(hint, spelling)
    if any(get_origin(one) is list for one in _types(kind)):
        told = f"{told.removesuffix('.')}; repeat it for several."
    option: Any = Annotated[kind, typer.Option(*names, help=told)]
    return inspect.Parameter(field.name, KEYWORD, default=default, annotation=option)


def _types(hint: Any) -> list[Any]:
    """The types that an annotation allows, beside None."""
    return [t for t in get_args(hint) if t is not NoneType] if NoneType in get_args(hint) else [hint]


def _plain_type(hint: Any, spelling: Spelling) -> Any:
    """What the command line makes of an annotation: the last of several types, a list for a tuple."""
    if spelling.read:
        return str if spelling.default else str | None
    kind = _types(hint)[-1]
    if get_origin(kind) is tuple:  # of names: typer knows a list of an enumeration, but none of a Literal
        kind = GenericAlias(list, (StrEnum("Choice", {name: name for name in get_args(get_args(kind)[0])}),))
    return kind | None if NoneType in get_args(hint) else kind


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _value(name: str, value: Any) -> Any:
    """What a flag's text says."""
    read = SPELLINGS[name].read if name in SPELLINGS else None
    return read(value) if read else value
