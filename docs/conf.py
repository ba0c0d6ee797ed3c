"""How Sphinx makes a site of the pages of this repository: `make docs`.

Its source is the repository, not this folder, so that links between pages are the same on the site and in the files.
"""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from service import __version__ as release  # noqa: E402

project = "Facial expression recognition"
html_title = f"{project} {release}"

FOLDERS = ("docs", "client", "deploy", "models", "notebooks", "training")
include_patterns = ["*.md", *(f"{folder}/**.md" for folder in FOLDERS)]
# Sphinx would look for pages in every folder, environments included.
exclude_patterns = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in FOLDERS]
root_doc = "docs/README"
# The pages that list others: a list is a part of the side bar.
LISTS = (root_doc, "docs/decisions/README")

extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_extra_path = ["index.html"]
html_copy_source = False
html_show_copyright = False


def setup(app: Any) -> None:
    app.connect("source-read", _add_contents)


def _add_contents(app: Any, name: str, source: list[str]) -> None:
    """Adds what a page lists under each heading to the side bar, under that heading."""
    if name in LISTS:
        for part in re.split(r"(?m)^#+ ", source[0]):
            pages = [f"{title} <{page}>" for title, page in re.findall(r"(?m)^[-|] \[([^]]+)\]\((\S+)\.md\)", part)]
            if pages:
                lines = ["```{toctree}", ":hidden:", f":caption: {part.splitlines()[0]}", "", *pages, "```"]
                source[0] += "\n" + "\n".join(lines) + "\n"
