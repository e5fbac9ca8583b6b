"""The page of the public names, made from the package's stub, so that it cannot lack one."""

import ast
import importlib
from pathlib import Path

STUB = Path(__file__).parents[1] / "src" / "braggfill" / "__init__.pyi"
SECTIONS = {
    "filling": "Filling",
    "scan": "Files, masks, detectors",
    "network": "Learning from the scan",
    "judging": "How right is it?",
    "retrieval": "From the pattern to the crystal",
    "reports": "Reports",
    "simulation": "Simulating",
    "training": "Training",
    "base": "Errors and the version",
}
"""The rooms in the order of the page, by their headings."""
BESIDE = {
    "filling": ["filling.pynx.PynxInput"],
    "scan": ["scan.masks.find_silent_lines"],
    "judging": ["judging.comparison.Comparison", "judging.advice.Advice"],
}
"""What the public names hand out or are used with."""
OPENING = """# API

`import braggfill` answers at once; each name below is imported when it is first asked for: `from braggfill import fill_gaps`.
"""


def public_names(stub: str) -> dict[str, str]:
    """Where each name of a stub lives, such as ``filling.fill`` for ``fill_gaps``."""
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def api_page(stub: str) -> str:
    """Markdown of the page; a room without a heading is a KeyError."""
    by_room: dict[str, list[tuple[str, str]]] = {room: [] for room in SECTIONS}
    for name, home in public_names(stub).items():
        by_room[home.partition(".")[0]].append((home, name))
    parts = [OPENING]
    for room, names in by_room.items():
        entries = [_entry(home, name) for home, name in sorted(names, key=lambda n: (n[1][0].isupper(), n[1].isupper(), n))]
        parts += [f"## {SECTIONS[room]}", *entries, *(f"::: braggfill.{path}" for path in BESIDE.get(room, []))]
    return "\n\n".join(parts) + "\n"


def _entry(home: str, name: str) -> str:
    """A table as its rows, the version as it is read, anything else by its docstring."""
    if name == "__version__":
        return "### `__version__`\n\nVersion of the package, as text."
    if not name.isupper():
        return f"::: braggfill.{home}.{name}"
    rows = getattr(importlib.import_module(f"braggfill.{home}"), name)
    lines = [f"| `{key}` | {row.question if hasattr(row, 'question') else row.summary} |" for key, row in rows.items()]
    return "\n".join([f"### `{name}`", "", "| name | what it does |", "|---|---|", *lines])
