"""Options: frozen dataclasses whose fields are keywords of the functions that take them, flags of a command, keys of TOML.

Each option stands once, with its type, its default and, under it, its explanation.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cache, wraps
from itertools import pairwise
from typing import Any, Literal, TypeVar, get_type_hints

from braggfill.base.errors import InputError
from braggfill.base.limits import check_kind

Result = TypeVar("Result")
Device = Literal["auto", "cpu", "cuda"]
"""Where to compute."""


@cache
def explanations(kind: type) -> dict[str, str]:
    """What stands under each field of a dataclass, by the field's name."""
    found: dict[str, str] = {}
    for origin in reversed(kind.__mro__[:-1]):
        (body,) = (n.body for n in ast.parse(textwrap.dedent(inspect.getsource(origin))).body if isinstance(n, ast.ClassDef))
        for declared, text in pairwise(body):
            if isinstance(declared, ast.AnnAssign) and isinstance(declared.target, ast.Name) and isinstance(text, ast.Expr):
                found[declared.target.id] = str(getattr(text.value, "value", ""))
    return found


def keywords(kind: type) -> list[inspect.Parameter]:
    """The fields of a dataclass as keyword-only parameters."""
    hints = get_type_hints(kind)
    return [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=default_of(f), annotation=hints[f.name])
        for f in fields(kind)
    ]


def default_of(field: Field[Any]) -> Any:
    """What a field is when it is not given."""
    return field.default_factory() if field.default_factory is not MISSING else field.default


def spelled_out(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function's options be given one by one: each field of its keyword-only dataclasses becomes a keyword.

    Who has the dataclass gives it whole, by the parameter's name; fields that are given as well then win over its own.
    The signature and the docstring that a person sees list the fields.
    """
    signature, hints = inspect.signature(function), get_type_hints(function)
    groups = {
        name: hints[name]
        for name, p in signature.parameters.items()
        if p.kind is inspect.Parameter.KEYWORD_ONLY and is_dataclass(hints[name])
    }

    seen: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        seen += keywords(groups[name]) if name in groups else [parameter]
    known = [*(p.name for p in seen), *groups]

    @wraps(function)
    def spelled(*positional: Any, **given: Any) -> Result:
        for unknown in given.keys() - set(known):
            near = get_close_matches(unknown, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise InputError(f"{function.__name__}: got an option {unknown}, expected one of its own; {hint}")
        for name, kind in groups.items():
            own = {f.name: given.pop(f.name) for f in fields(kind) if f.name in given}
            if name in given:
                check_kind(name, given[name], kind)
            given[name] = replace(given[name], **own) if name in given else kind(**own)
        return function(*positional, **given)

    spelled.__signature__ = signature.replace(parameters=seen)  # type: ignore[attr-defined]
    spelled.__doc__ = _with_fields(function.__doc__ or "", groups)
    return spelled


def _with_fields(text: str, groups: dict[str, Any]) -> str:
    """A docstring whose entries for groups of options are followed by one for each option."""
    for name, kind in groups.items():
        told = explanations(kind)
        lines = [
            f"    {p.name} : {inspect.formatannotation(p.annotation)}\n        {told.get(p.name, '')}" for p in keywords(kind)
        ]
        entry = f"    {name} : {kind.__name__}\n"
        text = text.replace(entry, "\n".join(lines) + "\n", 1)
    return text
