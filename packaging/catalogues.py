"""Makes `devstream.mo` of each language: a step of the build, and by itself `make languages`.

usage: python packaging/catalogues.py
It also brings each `devstream.po` up to date with the messages in the code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ROOT / "devstream_desktop" / "languages"


def messages() -> Catalog:
    """Collect every message of the code."""
    catalogue = Catalog(project="devstream", charset="utf-8")
    found = extract_from_dir(ROOT / "devstream_desktop", strip_comment_tags=True)
    for name, _, message, comments, context in sorted(found, key=lambda one: (one[0], one[1])):
        catalogue.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    return catalogue


def update(path: Path) -> None:
    """Bring a translation up to date: new messages are empty, unused ones go."""
    before = path.read_bytes()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parent.name)
    catalogue.update(messages(), no_fuzzy_matching=True, update_creation_date=False)
    with path.open("wb") as file:
        # Without places: a line that moves would change the file.
        write_po(file, catalogue, no_location=True, ignore_obsolete=True, width=100)
    if path.read_bytes() != before:
        sys.stdout.write(f"{path.relative_to(ROOT)} is up to date\n")


def compile_all() -> None:
    """Make the form of each translation that gettext reads."""
    for path in sorted(LANGUAGES.glob("*/devstream.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.parent.name)
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by itself, outside a build
    pass
else:

    class Catalogues(BuildHookInterface):  # type: ignore[type-arg]
        """The build's step; pyproject.toml names this file."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
            """Make the catalogues before the files are collected."""
            compile_all()


if __name__ == "__main__":
    for translation in sorted(LANGUAGES.glob("*/devstream.po")):
        update(translation)
    compile_all()
