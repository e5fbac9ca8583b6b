"""The notebook runs from its first cell to its last, and its plain script says the same."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NAME = "fill_between_cdiutils_and_pynx"


def test_the_notebook_is_the_script():
    nbformat = pytest.importorskip("nbformat")
    made = runpy.run_path(str(EXAMPLES / "notebook.py"))["notebook"]((EXAMPLES / f"{NAME}.py").read_text())
    assert made == nbformat.read(EXAMPLES / f"{NAME}.ipynb", 4)


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs_and_the_result_shows_itself(monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
    book = nbformat.read(EXAMPLES / f"{NAME}.ipynb", 4)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    outputs = {c.source.splitlines()[-1]: c.outputs for c in book.cells if c.cell_type == "code"}
    assert "data:image/png;base64" in outputs["result"][0].data["text/html"]
    texts = "".join(o.text for out in outputs.values() for o in out if o.output_type == "stream")
    for said in ("% not measured", "unet", "S12_filled_pynx_input_mask.npz", "factor_mask_min"):
        assert said in texts
