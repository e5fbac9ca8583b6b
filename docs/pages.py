"""Pages that are made when the site is built: the README and the changes, written once, and the API from the package's stub."""

from pathlib import Path
from typing import Any

from api import STUB, api_page
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"index.md": "README.md", "changes.md": "CHANGELOG.md", "CONTRIBUTING.md": "CONTRIBUTING.md"}
BESIDE = {
    "LICENSE.txt": "LICENSE",
    "CITATION.cff": "CITATION.cff",
    **{f"examples/{p.name}": f"examples/{p.name}" for p in ROOT.glob("examples/*.ipynb")},
}
"""Files that the pages link to."""
MOVED = {
    "](docs/": "](",
    "](../README.md": "](index.md",
    "](CHANGELOG.md)": "](changes.md)",
    "](LICENSE)": "](LICENSE.txt)",
}
"""Links as they are right in the repository, to where the site has them."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made, and the files that are linked to."""
    for name, source in (PAGES | BESIDE).items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "api.md", content=api_page(STUB.read_text())))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put every link where the site has its target."""
    for here, there in MOVED.items():
        markdown = markdown.replace(here, there)
    return markdown
