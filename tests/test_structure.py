"""The house: its rooms in the order of the data's path, what may live in each, and tests that it stays so."""

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "braggfill"
LONGEST = 300
"""Lines of a module."""


@dataclass(frozen=True)
class Room:
    """A folder of modules; it may import from the rooms above it in the table, and from no other."""

    name: str
    law: str
    """What may live in it."""
    opens_files: tuple[str, ...] = ()
    """Its modules that may open files; ``*`` for all."""


HOUSE = [
    Room(
        "base",
        "what every room needs and no scan: errors, files that appear whole, options, progress, tasks, transforms",
        ("writing", "config"),
    ),
    Room("scan.formats", "how a scan lies on disk, one module a family of files", ("*",)),
    Room("scan", "a scan as it comes: counts, mask, gaps, detectors, the door to its files", ("files",)),
    Room("classical", "fills that need no training: interpolation, ridge, kriging, and their spread"),
    Room("simulation", "scans made from scratch: particle, relaxation, diffraction, measurement", ("library", "dataset")),
    Room(
        "crystal.model",
        "what counts one finite object in partially coherent light scatters, and the fit of both to counts",
    ),
    Room("crystal.search", "from random phases on a coarse level to an object on the whole pattern"),
    Room("crystal", "the crystal as the prior: the search for the crystal of one scan, and what it says of the gaps"),
    Room("retrieval", "from a pattern to the crystal and its strain, with every treatment of the gaps"),
    Room("network", "the network: its portions, its weights, and how it learns from the scan at hand", ("weights",)),
    Room("filling", "from a scan and its mask to estimates: the table of methods, the result, its record"),
    Room("training", "where the network learns from simulated scans: random gaps, a stream, the loop"),
    Room("judging", "how right a fill is: on the scan itself, and by what becomes of the crystal"),
    Room("judging.studies", "how right fills are in general, one module a question", ("kept",)),
    Room("reports", "what a person sees: tables, pictures, the page", ("webpage",)),
    Room("commands", "the verbs of the command line: parse, load, call one function, save"),
    Room("", "the door: the public names, and the entry point"),
]
NEEDED_BY_A_FILL = {
    "crystal.model",
    "crystal.search",
    "crystal",
    "base",
    "scan.formats",
    "scan",
    "classical",
    "network",
    "filling",
    "",
}
AT_THE_TOP_OF_THE_TESTS = {"devices", "structure", "docstrings", "examples", "docs", "fuzz"}
SUBJECTS = {"filling": {"real_scan"}}
"""Tests that are named after neither a module nor a room."""

FLOOR = {room.name: number for number, room in enumerate(HOUSE)}
OPENERS = {
    "open",
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "imread",
    "imwrite",
    "safe_open",
    "File",
    "memmap",
    "get_data",
}
LOADERS = {"np.load", "numpy.load", "torch.load", "torch.save", "np.loadtxt", "np.savetxt", "np.fromfile"}


def room_of(module: str) -> str:
    """``scan.formats.npz`` is in ``scan.formats``."""
    return module.rpartition(".")[0]


@cache
def modules(package: Path) -> dict[str, ast.Module]:
    """Every module by its name inside the package; a room's own ``__init__`` is ``room.__init__``."""
    paths = {".".join(p.relative_to(package).with_suffix("").parts): p for p in sorted(package.rglob("*.py"))}
    return {name: ast.parse(path.read_text()) for name, path in paths.items()}


def imports(package: Path) -> dict[str, set[str]]:
    """What each module imports of its package, wherever the import stands."""
    trees = modules(package)
    return {name: _imported(name, tree, package.name, set(trees)) for name, tree in trees.items()}


def _imported(module: str, tree: ast.Module, package: str, known: set[str]) -> set[str]:
    wanted = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted += [(alias.name.split("."), []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = [package, *module.split(".")][: -node.level] if node.level else []
            wanted.append((here + (node.module or "").split(".") * bool(node.module), [a.name for a in node.names]))
    found = set()
    for (first, *home), names in wanted:
        if first == package:
            inside = {".".join([*home, name]) for name in names} & known
            own = ".".join(home)
            found |= inside or {own if own in known else ".".join([*home, "__init__"])}
    return found


def upward(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Imports of a room from one below it in the table."""
    return sorted((m, other) for m, others in graph.items() for other in others if FLOOR[room_of(other)] > FLOOR[room_of(m)])


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring, if there are any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def opens_files(tree: ast.Module) -> set[str]:
    """The calls of a module that open a file."""
    calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {call for call in calls if call.rpartition(".")[2] in OPENERS or call in LOADERS}


def may_open_files(module: str) -> bool:
    """Whether the table allows it."""
    room = HOUSE[FLOOR[room_of(module)]]
    return "*" in room.opens_files or module.rpartition(".")[2] in room.opens_files


def names_in(tree: ast.AST) -> set[str]:
    """What a module has at its top, in branches too: functions, classes, values, imports."""
    if isinstance(tree, ast.FunctionDef | ast.ClassDef):
        return {tree.name}
    if isinstance(tree, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in tree.names}
    own = {tree.id} if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Store) else set()
    return own.union(*map(names_in, ast.iter_child_nodes(tree)))


def to_be_had(package: Path, module: str) -> set[str]:
    """What can be imported from a module, from a room, or without a name from the door; nothing if there is none."""
    trees = modules(package)
    if module in trees:
        return names_in(trees[module])
    inside = {m.removeprefix(f"{module}.").partition(".")[0] for m in trees if not module or m.startswith(f"{module}.")}
    door = package / "__init__.pyi"
    return inside | (names_in(ast.parse(door.read_text())) if not module and door.exists() else set())


def lost_imports(folder: Path, package: Path) -> list[str]:
    """Imports from a package, anywhere in a folder, of what it does not have."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == package.name:
                there = to_be_had(package, (node.module or "").partition(".")[2])
                found += [f"{path.name}: {node.module}.{alias.name}" for alias in node.names if alias.name not in there]
    return found


def misplaced(tests: Path, known: set[str]) -> list[str]:
    """Tests whose folder is no room, or whose name begins with no module of it."""
    strangers = []
    for path in sorted(tests.rglob("test_*.py")):
        room, name = ".".join(path.parent.relative_to(tests).parts), path.stem.removeprefix("test_")
        rooms = {r for r in FLOOR if r == room or r.startswith(f"{room}.")}
        names = {m.rpartition(".")[2] for m in known if room_of(m) in rooms} | {r.rpartition(".")[2] for r in rooms}
        names |= SUBJECTS.get(room, set())
        if not (name in AT_THE_TOP_OF_THE_TESTS if room == "" else any(name == n or name.startswith(f"{n}_") for n in names)):
            strangers.append(str(path.relative_to(tests)))
    return strangers


def test_every_module_has_a_room_and_every_room_its_law():
    homes = {room_of(module) for module in modules(SOURCE)}
    assert homes == set(FLOOR)
    assert {m for m in modules(SOURCE) if room_of(m) == ""} == {"__init__", "__main__"}


def test_rooms_import_only_from_the_rooms_above_them_in_the_table():
    assert upward(imports(SOURCE)) == []


def test_no_modules_import_each_other_in_a_ring():
    assert circle(imports(SOURCE)) == []


@pytest.mark.parametrize("module", sorted(modules(SOURCE)))
def test_only_the_named_modules_open_files(module):
    assert may_open_files(module) or opens_files(modules(SOURCE)[module]) == set()


def test_every_module_that_may_open_files_does():
    named = {f"{r.name}.{m}" for r in HOUSE for m in r.opens_files if m != "*"}
    assert {m for m in named if not opens_files(modules(SOURCE)[m])} == set()


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_tests_mirror_the_rooms():
    assert misplaced(TESTS, set(modules(SOURCE))) == []


@pytest.mark.parametrize("folder", ["benchmarks", "docs", "examples", "tests"])
def test_what_is_imported_elsewhere_is_there(folder):
    assert lost_imports(TESTS.parent / folder, SOURCE) == []


def test_a_fill_enters_no_room_that_it_does_not_need():
    fill = (
        "import sys, numpy as np, braggfill\n"
        "counts = np.random.default_rng(0).poisson(20.0, (16, 40, 40))\n"
        "mask = np.zeros((40, 40), bool); mask[:, 18:24] = True\n"
        "assert braggfill.fill_gaps(counts, mask).weights_sha256\n"
        "print(*(m for m in sys.modules if m.startswith('braggfill.')))"
    )
    told = subprocess.run([sys.executable, "-c", fill], check=True, capture_output=True, text=True).stdout.split()
    known = set(modules(SOURCE))
    entered = {room_of(name) for m in told if (name := m.removeprefix("braggfill.")) in known}
    assert "network" in entered  # else nothing was filled by the default method
    assert entered <= NEEDED_BY_A_FILL


# That each of these tests can fail:


@pytest.fixture
def made_package(tmp_path):
    """Function (texts of modules by path) to the folder of a package ``made`` that holds them."""

    def make(**texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path / "made" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "made"

    return make


@pytest.mark.parametrize(
    "text",
    [
        "from made.filling.fill import x",
        "from made.filling import fill",
        "import made.filling.fill",
        "from ..filling import fill",
        "def f():\n    from made.filling.fill import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.filling.fill import x",
    ],
)
def test_an_import_up_the_house_is_seen(made_package, text):
    package = made_package(scan__gaps=text, filling__fill="x = 1")
    assert upward(imports(package)) == [("scan.gaps", "filling.fill")]


def test_an_import_down_the_house_or_of_others_is_none(made_package):
    package = made_package(scan__gaps="import numpy", filling__fill="import os.path\nfrom made.scan.gaps import np")
    assert upward(imports(package)) == [] and circle(imports(package)) == []


def test_an_import_of_the_door_from_a_room_is_seen(made_package):
    package = made_package(__init__="", scan__gaps="from made import InputError") / "."
    (package / "__init__.py").write_text("")
    assert upward(imports(package)) == [("scan.gaps", "__init__")]


def test_a_ring_inside_a_room_is_seen(made_package):
    package = made_package(
        scan__a="from .b import x", scan__b="def f():\n    from made.scan.c import y", scan__c="import made.scan.a"
    )
    assert set(circle(imports(package))) == {"scan.a", "scan.b", "scan.c"}


@pytest.mark.parametrize(
    "text",
    [
        "open('f')",
        "path.open()",
        "p.read_text()",
        "h5py.File(p)",
        "np.load(p)",
        "tifffile.imread(p)",
        "os.open(p, 0)",
        "safe_open(p)",
    ],
)
def test_an_opened_file_is_seen(text):
    assert opens_files(ast.parse(f"def f(p):\n    return {text}"))


def test_what_opens_no_file_is_none():
    assert opens_files(ast.parse("Learned.read(p)\njson.load(f)\nnp.savez(file, a=1)")) == set()


def test_an_import_of_what_is_not_there_is_seen(made_package, tmp_path):
    package = made_package(scan__gaps="import numpy as np\nA, B = 1, 2\nif A:\n    def find(): ...", filling__fill="x: int = 1")
    (package / "__init__.pyi").write_text("from .filling.fill import x as x")
    script = "from made.scan.gaps import A, B, find, np, {}\nfrom made import x, {}\ndef f():\n    from made.{} import fill"
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "a.py").write_text(script.format("A", "scan", "filling"))
    assert lost_imports(tmp_path / "scripts", package) == []
    (tmp_path / "scripts" / "a.py").write_text(script.format("C", "y", "fillings"))
    assert lost_imports(tmp_path / "scripts", package) == [
        "a.py: made.scan.gaps.C",
        "a.py: made.y",
        "a.py: made.fillings.fill",
    ]


def test_a_test_in_the_wrong_room_is_seen(tmp_path):
    (tmp_path / "scan").mkdir()
    for name in (
        "scan/test_gaps.py",
        "scan/test_gaps_of_crosses.py",
        "scan/test_formats.py",
        "scan/test_kriging.py",
        "test_gaps.py",
    ):
        (tmp_path / name).touch()
    known = {"scan.gaps", "scan.formats.npz", "classical.kriging"}
    assert misplaced(tmp_path, known) == ["scan/test_kriging.py", "test_gaps.py"]
