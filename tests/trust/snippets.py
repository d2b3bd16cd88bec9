"""Find a piece of source whatever its layout, so that mutants survive a formatter and a move.

A snippet is compared without white space and without the comma before a closing bracket: those are
what a formatter moves when the limit of a line or the depth of a block changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CLOSING = ")]}"


def spans(source: str, snippet: str) -> list[tuple[int, int]]:
    """The places of a snippet in a source, from its first to behind its last character."""
    packed, places = _packed(source)
    wanted, _ = _packed(snippet)
    found, at = [], packed.find(wanted)
    while at >= 0:
        found.append((places[at], places[at + len(wanted) - 1] + 1))
        at = packed.find(wanted, at + 1)
    return found


def replaced(source: str, snippet: str, instead: str) -> str:
    """The source with the snippet's one place changed.

    Raises:
        ValueError: it stands there more than once or not at all.

    """
    found = spans(source, snippet)
    if len(found) != 1:
        raise ValueError(f"{len(found)} times: {snippet!r}")
    [(start, end)] = found
    # The layout around the snippet is the source's own.
    if snippet[:1].isspace():
        instead = instead.lstrip()
    if snippet[-1:].isspace():
        instead = instead.rstrip()
    return source[:start] + instead + source[end:]


def file_of(root: Path, hint: str, snippet: str) -> Path:
    """The file that holds a snippet: the one named, or, where that is gone, the only one that has
    it.

    Raises:
        ValueError: no file or several have it.

    """
    if (root / hint).is_file():
        return root / hint
    holding = [path for path in sorted(root.rglob("*.py")) if spans(path.read_text(), snippet)]
    if len(holding) != 1:
        raise ValueError(f"{hint} is gone, and {len(holding)} files have {snippet!r}")
    return holding[0]


def _packed(source: str) -> tuple[str, Sequence[int]]:
    """The characters that count, and where each stands."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(source):
        if character.isspace():
            continue
        if character in CLOSING and kept and kept[-1] == ",":
            kept.pop()
            places.pop()
        kept.append(character)
        places.append(place)
    return "".join(kept), places
