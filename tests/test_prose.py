"""Docstrings and commits read as CONTRIBUTING says."""

from __future__ import annotations

import prose
import pytest

ROOMS = sorted({path.parent for path in prose.files()})


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(prose.ROOT)))
def test_a_summary_is_short_and_no_relative_clause(room) -> None:
    found = [one for path in sorted(room.glob("*.py")) for one in prose.docstrings(path)]
    assert [str(one) for one in found if one.relative or one.words > prose.MOST_WORDS] == []


def test_no_docstring_outside_the_product_begins_with_a_relative_clause() -> None:
    paths = prose.files("tests", "packaging", "docs")
    found = [one for path in paths for one in prose.docstrings(path)]
    assert found
    assert [str(one) for one in found if one.relative] == []


def test_comments_say_why_at_the_branches() -> None:
    paths = prose.files()
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
    assert sum(map(prose.comment_lines, paths)) / lines > 0.015
