"""Imports point one way, along the path of the data."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "braggfill"


def within(package: str, *modules: str) -> set[str]:
    return {f"{package}.{module}" for module in modules}


ROWS = [
    {"errors", "fourier", "smoothing", "ranges", "gaps", "layout", "tasks", "detectors", "counts", "memory"},
    within("simulation", "geometry", "dislocation", "particle", "relaxation", "crystal", "diffract", "realism", "degrade")
    | within("simulation", "measurement", "scans"),
    {"model", "glance", "losses", "patches", "stream", "interpolate", "ridge", "kriging", "metrics", "unet", "uncertainty"}
    | {"boxes", "gapped", "verdict", "practice", "adaptation"},
    {"writing", "pictures", "config", "checkpoint"} | within("simulation", "library", "dataset"),
    {"fill", "network", "training", "evaluation", "deformation"},
    within(
        "retrieval", "pattern", "treatments", "iterations", "support", "starts", "alignment", "reconstruction", "comparison"
    ),
    within("formats", "contents", "npz", "hdf5", "cxi", "tif"),
    {"io", "pynx", "retrieval.files"},
    {"masks", "report", "retrieval.pictures"}
    | within("studies", "findings", "fills", "crystals", "protocol", "width", "portions", "slices", "skip", "borders")
    | within("studies", "oversampling", "conditions", "table"),
    {"webpage"},
    {"batch"},
    within("commands", "shell", "fill", "finetune", "mask", "convert", "evaluate", "retrieve", "strain", "simulate", "train")
    | within("commands", "benchmark"),
    {"cli"},
]
ROW = {module: number for number, row in enumerate(ROWS) for module in row}
MAY_OPEN_FILES = {"writing", "checkpoint", "config", "io", "retrieval.files"} | (
    within("simulation", "library", "dataset") | within("formats", "npz", "hdf5", "tif")
)


def parsed(module: str) -> ast.Module:
    return ast.parse((SOURCE / f"{module.replace('.', '/')}.py").read_text())


def imported(module: str) -> set[str]:
    tree = parsed(module)
    found = set()
    for node in (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("braggfill")):
        home = node.module.removeprefix("braggfill").lstrip(".")
        inside = {".".join(filter(None, (home, a.name))) for a in node.names} & set(ROW)  # modules of a package
        found |= inside or ({home} if home else set())
    return found


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
