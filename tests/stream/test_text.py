"""Text from outside becomes one plain, safe line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.text import (
    clean,
    duration,
    first_line,
    short_ref,
    short_revision,
    shorten,
)


@given(st.text(), st.integers(1, 200))
def test_clean_is_one_plain_line_that_fits(text: str, limit: int) -> None:
    safe = clean(text, limit)
    assert len(safe) <= limit
    assert not any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in safe
    )
    assert safe == safe.strip()
    assert "  " not in safe


@given(st.text(), st.integers(1, 200))
def test_cleaning_twice_changes_nothing(text: str, limit: int) -> None:
    assert clean(clean(text, limit), limit) == clean(text, limit)


@pytest.mark.parametrize(
    ("hostile", "plain"),
    [
        ("fix\nrm -rf /", "fix rm -rf /"),
        ("a\tb\x1b[31mc", "a b [31mc"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("z\u200be\u200dr\ufeffo", "zero"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("<b>bold</b> & more", "<b>bold</b> & more"),
        ("", ""),
        (" \u2028 ", ""),
    ],
)
def test_hostile_text_is_flattened(hostile: str, plain: str) -> None:
    assert clean(hostile) == plain


def test_a_letter_keeps_two_marks_and_loses_the_pile() -> None:
    assert clean("e" + "\u0335" * 30) == "e\u0335\u0335"
    assert clean("Việt Nam") == "Việt Nam"


def test_cut_at_a_word_with_an_ellipsis() -> None:
    assert shorten("retry card capture once", 20) == "retry card capture…"
    assert shorten("short", 20) == "short"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"
    assert shorten("anything", 1) == "…"


def test_first_line_is_the_subject_of_a_message() -> None:
    assert first_line("\n\nSubject\n\nbody") == "Subject"
    assert first_line("") == ""


def test_short_forms() -> None:
    assert short_revision("3f2c1ab" + "0" * 33) == "3f2c1ab"
    assert short_revision("v1.2") == "v1.2"
    assert short_ref("refs/heads/release/1") == "release/1"
    assert short_ref("refs/tags/v1") == "v1"
    assert short_ref("main") == "main"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (850, "850 ms"),
        (12_000, "12 s"),
        (192_000, "3m12s"),
        (7_500_000, "2h05m"),
        (3 * 86_400_000, "3 d"),
    ],
)
def test_durations_as_people_say_them(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words
