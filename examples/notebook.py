"""The notebook of an example script: cells are parted by ``# %%``, text cells are comments after ``# %% [markdown]``.

Usage: python examples/notebook.py
"""

from pathlib import Path

import nbformat

SCRIPT = Path(__file__).with_name("fill_between_cdiutils_and_pynx.py")


def notebook(script: str) -> nbformat.NotebookNode:
    """Make a notebook without outputs from a script."""
    cells = []
    for number, part in enumerate(script.split("# %%")[1:]):
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines())
            cells.append(nbformat.v4.new_markdown_cell(text, id=f"cell-{number}"))
        else:
            cells.append(nbformat.v4.new_code_cell(body.strip(), id=f"cell-{number}"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


if __name__ == "__main__":
    nbformat.write(notebook(SCRIPT.read_text()), SCRIPT.with_suffix(".ipynb"))
