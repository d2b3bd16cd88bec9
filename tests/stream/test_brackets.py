"""A word in brackets is no colour, and a colour is gone where its escape character was lost too."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from devstream_desktop.stream.text import clean, without_escapes

_LETTERS = "abmKJh0159 .:-_/(){}<>,=é漢\ufffd…"
_WORDS = st.text(_LETTERS, max_size=8)
_BRACKETED = _WORDS.map("[{}]".format)
_PIECES = st.lists(_WORDS | _BRACKETED, max_size=8)
_NUMBERS = st.lists(st.sampled_from(["1", "2", "5", "31", "38", "97"]), min_size=1, max_size=4)
_STARTS = _NUMBERS.map(lambda numbers: f"[{';'.join(numbers)}m")
_RESETS = st.sampled_from(["[m", "[0m", "[39m", "[22m", "[0;0m", "[39;49m"])


@given(_PIECES)
@example(["[mesh]", " peers = 2"])
@example(["[metrics]", " p99 of rate(x", "[5m]", ")"])
@example(["[0m]", "[K8s]", "[m]", "[m]"])
def test_words_in_brackets_stay(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert without_escapes(text) == text
    assert clean(text, 1000) == " ".join(text.split())


@given(_PIECES, st.integers(1, 40))
def test_a_word_that_is_cut_stays_as_it_was_cut(pieces: list[str], limit: int) -> None:
    safe = clean("".join(pieces), limit)
    assert clean(safe, limit) == safe


@given(_PIECES, st.lists(st.tuples(st.integers(0, 60), _STARTS | _RESETS), max_size=6))
def test_colours_anywhere_in_a_text_are_gone(
    pieces: list[str], codes: list[tuple[int, str]]
) -> None:
    text = "".join(pieces)
    coloured = text
    # From the end on, so that none is put into another.
    for at, code in sorted(((min(at, len(text)), code) for at, code in codes), reverse=True):
        coloured = f"{coloured[:at]}\x1b{code}{coloured[at:]}"
    assert without_escapes(coloured) == text


def _is_reset(piece: str) -> bool:
    return re.fullmatch(r"\[[0-9]*m\]", piece) is not None


@given(
    st.lists(st.tuples(_STARTS, _PIECES, _RESETS, st.booleans(), _PIECES), min_size=1, max_size=4)
)
@example([("[31m", ["[mesh]", " refused"], "[m", False, [" [minor]"])])
@example([("[31m", ["ERROR"], "[m", True, [" shop"])])
def test_colours_that_lost_their_escape_are_gone(
    spans: list[tuple[str, list[str], str, bool, list[str]]],
) -> None:
    coloured = plain = ""
    for start, inner, reset, inside, outer in spans:
        # In a colour, `[m]` is the end of a coloured word; a U+FFFD may be a lost escape; and
        # brackets in brackets are no word.
        said = "".join(
            piece for piece in inner if not _is_reset(piece) and not (inside and "[" in piece)
        ).replace("\ufffd", "")
        after = "".join(outer).replace("\ufffd", "")
        left, right = ("[", "]") if inside else ("", "")
        coloured += f"{left}{start}{said}{reset}{right}{after}"
        plain += f"{left}{said}{right}{after}"
    assert without_escapes(coloured) == plain
