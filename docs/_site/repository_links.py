"""Sphinx extension: links that are right in the repository are right on the site too.

Some Markdown files outside of docs/ are pages of the site too. A link to one of them, written for a
reader of the repository, goes to that page.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

_PAGES = {
    "packaging/README.md": "/platforms.md",
    "collectors/README.md": "/collectors.md",
    "CONTRIBUTING.md": "/contributing.md",
    "CHANGELOG.md": "/changelog.md",
}
_LINK = re.compile(r"\]\((?:\.\./)+(" + "|".join(map(re.escape, _PAGES)) + r")(?=[)#])")


def _follow(app: Sphinx, docname: str, source: list[str]) -> None:  # noqa: ARG001 - Sphinx's signature
    source[0] = _LINK.sub(lambda link: f"]({_PAGES[link[1]]}", source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _follow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
