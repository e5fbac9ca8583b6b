"""The page of the public names holds every one of them, and every page is built from what is there."""

import csv
import importlib
import re
import runpy
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from known_objects import faceted, pattern_of
from made_files import make_all
from program import run

import braggfill
from braggfill.scan.files import read_scan

ROOT = Path(__file__).parents[1]
DOCS, SOURCE = ROOT / "docs", ROOT / "src" / "braggfill"
API = runpy.run_path(str(DOCS / "api.py"))


@pytest.fixture(scope="module")
def page():
    return API["api_page"](API["STUB"].read_text())


def test_every_public_name_is_on_the_page(page):
    homes = API["public_names"](API["STUB"].read_text())
    assert set(homes) == set(braggfill.__all__) | {"__version__"}
    for name, home in homes.items():
        assert f"::: braggfill.{home}.{name}\n" in page or f"### `{name}`\n" in page


def test_the_page_names_nothing_that_is_not_there(page):
    paths = [line.removeprefix("::: ") for line in page.splitlines() if line.startswith(":::")]
    assert paths
    for path in paths:
        home, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(home), name), path


def test_the_tables_are_on_the_page_row_by_row(page):
    for table in (braggfill.METHODS, braggfill.TREATMENTS, braggfill.STUDIES):
        assert all(f"| `{name}` |" in page for name in table)


def test_a_room_that_the_page_does_not_know_is_an_error():
    with pytest.raises(KeyError, match="cellar"):
        API["api_page"]("from .cellar.wine import bottle as bottle")


@pytest.mark.parametrize("text", sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")]), ids=lambda p: p.name)
def test_every_module_that_a_text_names_is_there(text):
    for path in re.findall(r"`(?:python )?([\w/]+\.py)\b", text.read_text()):
        room = [m for m in SOURCE.rglob(Path(path).name) if str(m).endswith(f"/{path}")]
        assert room or (ROOT / path).exists(), f"{text.name} names {path}"


def test_every_result_says_by_which_command_and_program_it_was_measured():
    with (DOCS / "results" / "measured.csv").open() as file:
        rows = list(csv.DictReader(file))
    told = [name for row in rows for name in row["files"].split()]
    there = {p.name for kind in ("csv", "json") for p in (DOCS / "results").glob(f"*.{kind}")} - {
        "measured.csv",
        "study_times.csv",
    }
    assert sorted(told) == sorted(there)
    for row in rows:
        date.fromisoformat(row["date"])
        assert re.fullmatch(r"[0-9a-f]{7,40}", row["commit"])
        script = row["command"].split()[0]
        assert script in ("make", "braggfill") or (ROOT / "benchmarks" / script).exists(), row


ORDER_OF_FIRST_CALLS = """
import inspect, sys, threading
from braggfill.commands import batch, cli
from braggfill.filling import by_crystal

called = {}

def note(frame, event, argument):
    if event == "call" and frame.f_code.co_flags & inspect.CO_NEWLOCALS:  # a function's, not a module's or a class's body
        called.setdefault(frame.f_globals.get("__name__"))

batch.fill_seconds = lambda *_: 0.0  # a forecast tries the search before
by_crystal.EFFORTS["low"] = by_crystal.EffortOptions(by_crystal.CrystalOptions(1, 1, thorough=False), 10**6)
threading.setprofile(note)
sys.setprofile(note)
cli.app(standalone_mode=False)
sys.setprofile(None)
print("called", *filter(None, called))
"""


def test_the_way_of_a_fill_is_at_most_twelve_modules_long_and_in_the_order_of_their_first_calls(tmp_path):
    way = re.findall(r"^\d+\. `(.+?)\.py`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert 1 < len(way) <= 12
    counts = np.random.default_rng(0).poisson(pattern_of(faceted((26, 28, 30), 9.0), 1e5))
    mask = np.zeros((28, 30), bool)
    mask[18:20] = True
    np.savez(tmp_path / "scan.npz", data=counts, mask=mask)
    words = ["fill", tmp_path / "scan.npz", "--effort", "low", "--device", "cpu", "-o", tmp_path / "filled.npz"]
    command = [sys.executable, "-c", ORDER_OF_FIRST_CALLS, *map(str, words)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert (tmp_path / "filled.npz").exists()
    called = told.rpartition("called")[2].split()
    modules = [f"braggfill.{module.replace('/', '.')}" for module in way]
    assert [module for module in called if module in modules] == modules


def test_the_worked_ways_are_run_line_by_line(tmp_path, monkeypatch):
    """Every command of the page of pipelines, in its order, on the files that it names; and what is handed over is filled."""
    page = (DOCS / "pipelines.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    make_all(tmp_path)
    monkeypatch.chdir(tmp_path)
    for program, *arguments in map(shlex.split, lines):
        if program == "mkdir":
            Path(arguments[-1]).mkdir(parents=True)
        else:
            assert program == "braggfill"
            assert run(*arguments) == 0, arguments
    made = (
        "S12_filled_pynx_input_data.npz",
        "filled/id01_dataset_13.1_filled.npz",
        "experiment/preprocessed_data/prep_data.tif",
    )
    later = ("P12_filled.cxi", "P13_filled.cxi", "N12_filled.cxi")
    for name in (*made, "S12_pynx_norm_20_64_64.npz", "C12_pynx_norm_20_64_64.npz", "A12_filled_pynx_input_data.npz", *later):
        back = read_scan(name)
        assert back.intensity.shape[0] == 20 and back.intensity.shape[1] >= 64
        assert (back.filled > 0).mean() > 0.02
        assert not (np.asarray(back.mask) > 0).any()
        assert back.provenance["prepared"]["crop"][0] == [0, 20]
