"""Imports point one way, along the path of the data."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "braggfill"
ROWS = [
    {"errors", "fourier", "smoothing", "ranges", "gaps", "layout", "tasks", "detectors", "memory"},
    {f"simulation.{m}" for m in ("geometry", "dislocation", "particle", "relaxation", "crystal", "diffract", "realism")}
    | {f"simulation.{m}" for m in ("degrade", "measurement", "scans")},
    {
        "boxes",
        "model",
        "glance",
        "losses",
        "patches",
        "stream",
        "interpolate",
        "ridge",
        "kriging",
        "metrics",
        "unet",
        "uncertainty",
    },
    {"writing", "config", "checkpoint", "simulation.library", "simulation.dataset"},
    {"fill", "training", "evaluation"},
    {f"formats.{m}" for m in ("contents", "npz", "hdf5", "cxi", "tif")},
    {"io", "pynx"},
    {"masks", "report"},
    {"webpage"},
    {"batch"},
    {f"commands.{m}" for m in ("shell", "fill", "evaluate", "train", "simulate", "mask", "convert")},
    {"cli"},
]
ROW = {module: number for number, row in enumerate(ROWS) for module in row}
MAY_OPEN_FILES = {"writing", "checkpoint", "config", "simulation.library", "simulation.dataset", "io"} | {
    f"formats.{m}" for m in ("npz", "hdf5", "tif")
}


def parsed(module: str) -> ast.Module:
    return ast.parse((SOURCE / f"{module.replace('.', '/')}.py").read_text())


def imported(module: str) -> set[str]:
    tree = parsed(module)
    froms = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "braggfill" for a in n.names}
    return {f.removeprefix("braggfill.") for f in froms if f.startswith("braggfill.")} | names & set(ROW)


def test_every_module_has_its_row():
    paths = [p.relative_to(SOURCE).with_suffix("") for p in SOURCE.rglob("*.py") if not p.stem.startswith("__")]
    modules = {".".join(p.parts) for p in paths}
    assert modules == set(ROW)


@pytest.mark.parametrize("module", sorted(ROW))
def test_imports_point_towards_the_physics(module):
    assert all(ROW[other] <= ROW[module] for other in imported(module))


@pytest.mark.parametrize("module", sorted(set(ROW) - MAY_OPEN_FILES))
def test_only_the_disk_opens_files(module):
    tree = parsed(module)
    calls = {n.func for n in ast.walk(tree) if isinstance(n, ast.Call)}
    names = {f.id if isinstance(f, ast.Name) else getattr(f, "attr", "") for f in calls}
    assert not names & {"open", "read_text", "write_text", "read_bytes", "write_bytes"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) <= 300
