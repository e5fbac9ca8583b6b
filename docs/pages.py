"""The README and the changes as pages of the site, so that they are written once."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"index.md": "README.md", "changes.md": "CHANGELOG.md"}
BESIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE")
"""Files that the README links to."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, and the files that they link to and that no page is made of."""
    for name, source in PAGES.items():
        text = (ROOT / source).read_text().replace("](docs/", "](").replace("](CHANGELOG.md)", "](changes.md)")
        files.append(File.generated(config, name, content=text))
    for name in BESIDE[1:]:
        files.append(File.generated(config, name if name.endswith(".md") else f"{name}.txt", content=(ROOT / name).read_text()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links as they are right in the repository, to where the site has them."""
    return markdown.replace("](../README.md", "](index.md").replace("](LICENSE)", "](LICENSE.txt)")
