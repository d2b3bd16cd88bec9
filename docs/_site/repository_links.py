"""Sphinx extension: files of the repository as pages, and links that are right in both places.

Some Markdown files outside of docs/ are pages of the site too: a page that includes one of `PAGES`
becomes that file. Links are written for a reader of the repository. Here those to Markdown go to
its page, and those to any other file of the repository let the reader download it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "collectors/README.md": "collectors.md",
    "packaging/README.md": "platforms.md",
}
_INCLUDE = re.compile(r"```\{include\} \.\./(\S+)\n```\n")
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)(?=[)#])")


def _follow(app: Sphinx, docname: str, source: list[str]) -> None:
    text, folder = source[0], posixpath.dirname(f"docs/{docname}")
    included = _INCLUDE.fullmatch(text)
    if included and included[1] in PAGES:
        file = ROOT / included[1]
        app.env.note_dependency(str(file))
        text, folder = file.read_text(encoding="utf-8"), posixpath.dirname(included[1])
    here = posixpath.dirname(f"docs/{docname}")
    source[0] = _LINK.sub(lambda link: _target(link[1], folder, here), text)


def _target(link: str, folder: str, here: str) -> str:
    """Return the target for a page in `here` of a link written in `folder`."""
    path = posixpath.normpath(posixpath.join(folder, link))
    return posixpath.relpath(f"docs/{PAGES[path]}" if path in PAGES else path, here)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _follow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
