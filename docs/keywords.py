"""Functions whose options are given one by one appear on the page as a person calls them, not as they are written."""

import importlib
import inspect
import re
from typing import Any

import griffe


class SpelledOut(griffe.Extension):
    """Takes signature and docstring of functions under ``@spelled_out`` from the running package."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Replace what the source says by what ``help`` shows."""
        if not any(str(decorator.value).endswith("spelled_out") for decorator in func.decorators):
            return
        seen = getattr(importlib.import_module(func.module.path), func.name)
        func.parameters = griffe.Parameters(*(_as_shown(p) for p in inspect.signature(seen).parameters.values()))
        if func.docstring:
            func.docstring.value = inspect.getdoc(seen) or ""


def _as_shown(parameter: inspect.Parameter) -> griffe.Parameter:
    given = parameter.default is not inspect.Parameter.empty
    default = ("…" if callable(parameter.default) else repr(parameter.default)) if given else None
    kind = griffe.ParameterKind(parameter.kind.description)
    annotation = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", inspect.formatannotation(parameter.annotation))
    return griffe.Parameter(parameter.name, annotation=annotation, kind=kind, default=default)
