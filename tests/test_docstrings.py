"""Whoever takes or gives an array says its shape: in the annotation (jaxtyping), or in the docstring."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "braggfill"
ARRAYS = {"NDArray", "ndarray", "Tensor"}
SHAPE = re.compile(
    r"""\((?:[^(),.;:]|\.\.\.){1,30},[^().;:]{0,60}\)          # (frames, rows, columns), (voxels,), (3, 3)
    |\(\w+\ along\ [^()]+\)                                     # (cells along x, y, z)
    |\blike\ (?:the\ |it\b|them\b|``)                           # like the intensity
    |\b[Oo]f\ (?:one|the\ same|any|its|their|that|whatever)\ shape
    |\b[Aa]s\ (?:for|in|of)\ ``""",
    re.VERBOSE,
)
OF_SEVERAL = re.compile(r"\b(both|all|each|every|one shape|the same shape|like it|arrays are|tensors are)\b", re.I)
Aliases = dict[str, ast.expr | None]


def aliases(tree: ast.Module) -> Aliases:
    """Names of a module that stand for annotations, with these; None where the text below says the shape."""
    found: Aliases = {}
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = ast.get_docstring(ast.Module([after], [])) if after else None
            found[node.targets[0].id] = None if SHAPE.search(text or "") else node.value
    return found


def known_to(tree: ast.Module, modules: dict[str, ast.Module], seen: dict[ast.Module, Aliases] | None = None) -> Aliases:
    """Aliases of a module and those that it imports from others; ``seen`` holds those that were looked at."""
    seen = {} if seen is None else seen
    if tree in seen:
        return seen[tree]
    found: Aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            theirs = known_to(modules[node.module], modules, seen)
            found |= {name.name: theirs[name.name] for name in node.names if name.name in theirs}
    seen[tree] = found | aliases(tree)
    return seen[tree]


def without_shape(annotation: ast.expr, known: Aliases) -> bool:
    """Whether an annotation holds an array whose shape it does not say; what a function in it takes is its own affair."""
    match annotation:
        case ast.Constant(value=str(text)):
            return without_shape(ast.parse(text, mode="eval").body, known)
        case ast.Subscript(slice=ast.Tuple(elts=[_, ast.Constant(value=str())])):  # Float32[Tensor, "rows columns"]
            return False
        case ast.Subscript(value=ast.Name(id="Callable")):
            return False
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in ARRAYS:
            return True
        case ast.Name(id=name) if meaning := known.get(name):
            return without_shape(meaning, known)
        case ast.Subscript() | ast.Tuple() | ast.List() | ast.BinOp():
            parts = [child for child in ast.iter_child_nodes(annotation) if isinstance(child, ast.expr)]
            return any(without_shape(part, known) for part in parts)
    return False


def arrays_of(function: ast.FunctionDef, known: Aliases) -> list[str]:
    """Parameters, and ``return``, whose arrays the signature gives no shape."""
    of = function.args
    found = {a.arg: a.annotation for a in [*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg] if a}
    return [name for name, a in (found | {"return": function.returns}).items() if a and without_shape(a, known)]


def entries(docstring: str) -> tuple[str, dict[str, str]]:
    """A numpydoc docstring's prose, and what its sections say of each parameter and of ``return``."""
    prose, *sections = re.split(r"\n\n?(?=\w+\n-{4,}\n)", docstring)
    told: dict[str, str] = {}
    for section in sections:
        title, _, *lines = section.split("\n")
        for entry in re.split(r"\n(?=\S)", "\n".join(lines)):
            if title == "Parameters":
                told |= dict.fromkeys(entry.split("\n")[0].split(" : ")[0].split(", "), entry)
            elif title in ("Returns", "Yields") and re.search(r"\b(arrays?|tensors?)\b", entry.split("\n")[0]):
                told["return"] = min(entry, told.get("return", entry), key=lambda text: bool(SHAPE.search(text)))  # worst
    return prose, told


def lacking(function: ast.FunctionDef, known: Aliases) -> list[str]:
    """What a function takes or gives whose shape neither its signature nor its docstring says."""
    prose, said = entries(ast.get_docstring(function) or "")
    arrays = arrays_of(function, known)
    silent = [name for name in arrays if name in said and not SHAPE.search(said[name])]
    by_prose = [name for name in arrays if name not in said]
    shapes = len(SHAPE.findall(prose))
    if shapes < len(by_prose) and not (shapes and OF_SEVERAL.search(prose)):
        silent += by_prose
    return silent


def public_functions(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Those of a module and the methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield from [node] if isinstance(node, ast.FunctionDef) else public_functions(node)


PATHS = sorted(SOURCE.rglob("*.py"))
MODULES = {".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): ast.parse(path.read_text()) for path in PATHS}


def silent_functions(tree: ast.Module, modules: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Public functions of a module with what they lack."""
    known = known_to(tree, modules)
    return {f"{f.name}, line {f.lineno}": names for f in public_functions(tree) if (names := lacking(f, known))}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_function_says_the_shapes_of_its_arrays(module):
    assert silent_functions(MODULES[module], MODULES) == {}


def test_there_are_arrays_to_be_told_of():
    functions = [f for tree in MODULES.values() for f in public_functions(tree)]
    assert sum(bool(arrays_of(f, {})) for f in functions) > 100


# That it can fail:


def shapeless(text: str, **others: str) -> list[str]:
    """What the functions of a module lack, given the texts of the modules that it imports from."""
    modules = {f"braggfill.{name}": ast.parse(other) for name, other in others.items()}
    return [name for names in silent_functions(ast.parse(text), modules).values() for name in names]


@pytest.mark.parametrize(
    ("signature", "docstring", "lacks"),
    [
        ("a: NDArray[np.float32]", "The mean.", ["a"]),
        ("a: np.ndarray | None = None", "The mean.", ["a"]),
        ("*a: torch.Tensor", "The mean.", ["a"]),
        ("*, a: 'NDArray[Any]'", "The mean.", ["a"]),
        ("a: dict[str, list[Tensor]]", "The mean.", ["a"]),
        ("a: NDArray[Any], b: int", "The mean (of all).", ["a"]),
        ("a: NDArray[Any]", "The mean of counts (frames, rows, columns).", []),
        ("a: NDArray[Any]", "The mean of counts (voxels,).", []),
        ("a: NDArray[Any]", "The mean of counts, an array of any shape.", []),
        ("a: NDArray[Any], b: NDArray[Any]", "Counts (voxels,) over means.", ["a", "b"]),
        ("a: NDArray[Any], b: NDArray[Any]", "Counts over means, both (voxels,).", []),
        ("a: NDArray[Any], b: NDArray[Any]", "Counts (voxels,) over means (rows, 1).", []),
        ("a: Float32[Tensor, 'rows columns'], b: Bool[Tensor, ' rows'] | None", "The mean.", []),
        ("a: Float32[Tensor, 'rows columns'], b: Tensor", "The mean.", ["b"]),
        ("f: Callable[[Tensor], Tensor]", "The mean.", []),
        ("a: int", "The mean.", []),
    ],
)
def test_a_shape_that_no_one_says_is_seen(signature, docstring, lacks):
    assert shapeless(f'def f({signature}) -> None:\n    """{docstring}"""') == lacks


@pytest.mark.parametrize(
    ("described", "lacks"),
    [
        ("Parameters\n----------\na : array (rows, columns)\nb : array\n    Counts.", ["b"]),
        ("Parameters\n----------\na, b : arrays (rows, columns)", []),
        ("Parameters\n----------\na : array\n    Counts (voxels,).\nb : array like the counts", []),
        ("Parameters\n----------\na, b : arrays\n\nReturns\n-------\narray (rows, columns)", ["a", "b"]),
    ],
)
def test_sections_are_read_parameter_by_parameter(described, lacks):
    assert shapeless(f'def f(a: Tensor, b: Tensor) -> None:\n    """The mean.\n\n{described}\n"""') == lacks


def test_what_is_returned_counts_too():
    text = 'class Scan:\n    @property\n    def mask(self) -> NDArray[np.bool_]:\n        """What was not measured."""'
    assert shapeless(text) == ["return"]
    returned = 'def f() -> Tensor:\n    """Mean.\n\n    Returns\n    -------\n    {}\n        Counts.\n    """'
    assert shapeless(returned.format("tensor")) == ["return"]
    assert shapeless(returned.format("tensor (rows, columns)")) == []


def test_an_alias_says_the_shape_or_does_not():
    function = 'def f(a: Counts) -> None:\n    """The mean."""'
    bare, told, shaped = (
        "Counts = NDArray[Any]",
        'Counts = NDArray[Any]\n"""(rows, columns)."""',
        "Counts = Int[Tensor, 'rows columns']",
    )
    for alias, lacks in ((bare, ["a"]), (told, []), (shaped, [])):
        assert shapeless(f"{alias}\n{function}") == lacks
        assert shapeless(f"from braggfill.counts import Counts\n{function}", counts=alias) == lacks


def test_what_is_not_public_is_not_asked():
    assert (
        shapeless("def _f(a: Tensor): ...\nclass _C:\n    def f(self, a: Tensor): ...\ndef f():\n    def g(a: Tensor): ...")
        == []
    )
