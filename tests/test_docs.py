"""The page of the public names holds every one of them, and every page is built from what is there."""

import importlib
import runpy
from pathlib import Path

import pytest

import braggfill

DOCS = Path(__file__).parents[1] / "docs"
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
