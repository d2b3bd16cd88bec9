"""A snippet is found whatever its layout, once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import file_of, replaced, spans

WIDE = (
    "def judge(a, b):\n    if allowed(a, b) and not late(a):\n        return True\n    return "
    "False\n"
)
NARROW = """def judge(
    a,
    b,
):
        if allowed(
            a,
            b,
        ) and not late(a):
            return True
        return False
"""
CHECK = "allowed(a, b) and not late(a)"


@pytest.mark.parametrize("source", [WIDE, NARROW])
def test_a_check_is_taken_away_in_either_layout(source: str) -> None:
    judge: dict[str, object] = {}
    exec(replaced(source, CHECK, "True"), judge)
    assert judge["judge"]("a", "b") is True


@pytest.mark.parametrize("source", [WIDE, NARROW])
def test_whole_lines_keep_the_depth_of_their_block(source: str) -> None:
    changed = replaced(source, "    return False\n", "    return None\n")
    compile(changed, "changed", "exec")
    assert changed == source.replace("return False", "return None")


def test_a_snippet_that_stands_twice_or_nowhere_is_an_error() -> None:
    for source in ("a = 1\n", "a = f(x)\nb = f( x, )\n"):
        with pytest.raises(ValueError, match=r"^[02] times"):
            replaced(source, "f(x)", "g(x)")


def test_places_are_those_of_the_source() -> None:
    [(start, end)] = spans(NARROW, CHECK)
    assert NARROW[start:end].split() == ["allowed(", "a,", "b,", ")", "and", "not", "late(a)"]


def test_a_file_that_moved_is_found_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "new.py").write_text(WIDE)
    (tmp_path / "other.py").write_text("pass\n")
    assert file_of(tmp_path, "old.py", CHECK) == tmp_path / "room" / "new.py"
    assert file_of(tmp_path, "other.py", CHECK) == tmp_path / "other.py"
    (tmp_path / "twin.py").write_text(NARROW)
    with pytest.raises(ValueError, match="2 files"):
        file_of(tmp_path, "old.py", CHECK)
