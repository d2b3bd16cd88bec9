"""Text from outside becomes one plain, safe line."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.text import (
    clean,
    duration,
    first_line,
    roughly,
    short_ref,
    short_revision,
    shorten,
    without_escapes,
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
        ("a\tb\x1b[31mc", "a bc"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("z\u200be\u200dr\ufeffo", "zero"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("<b>bold</b> & more", "<b>bold</b> & more"),
        ("", ""),
        (" \u2028 ", ""),
    ],
)
def test_hostile_text_is_flattened(hostile: str, plain: str) -> None:
    assert clean(hostile) == plain


@pytest.mark.parametrize(
    ("coloured", "plain"),
    [
        ("\x1b[31mERROR\x1b[0m payment refused", "ERROR payment refused"),
        ("pa\x1b[1my\x1b[22mment", "payment"),
        ("\x1b[01;31m\x1b[Kerror:\x1b[m\x1b[K no such file", "error: no such file"),
        ("\x1b[38;2;255;0;0mred\x1b[39m", "red"),
        ("\x1b[38:2::255:0:0mred\x1b[m", "red"),
        ("\x1b[2K\x1b[1Gdone\x1b[5Cnow\x1b[?25h", "done now"),
        ("\x1b]0;a window's title\x07shop", "shop"),
        ("\x1b]8;;https://example.org\x1b\\a link\x1b]8;;\x1b\\ here", "a link here"),
        ("shop \x1b]8;;https://example.org/cut", "shop"),
        ("\x1bP1$r0m\x1b\\shop", "shop"),
        ("\x1b(B\x1b[mshop\x1b7", "shop"),
        ("\x9b31mshop\x9b0m", "shop"),
        ("\x1b[31", ""),
        ("\x1b", ""),
        ("\x1b\x1b[31mshop\x1b[0m", "shop"),
        ("#033[31mshop#033[0m", "shop"),
        ("^[[31mshop^[[0m", "shop"),
        ("\\u001b[31mshop\\x1b[0m", "shop"),
        ("\ufffd[31mshop\ufffd[0m", "shop"),
        ("[[1;31mERROR[m] shop", "[ERROR] shop"),
        ("a range is no colour: rate(x[5m])", "a range is no colour: rate(x[5m])"),
        ("[2m] is two metres", "[2m] is two metres"),
        ("[0m] is the sea, [0m", "[0m] is the sea,"),
        ("[1;31mFAILED shop", "FAILED shop"),
        ("[31mFAILED", "FAILED"),
        ("[37;41m ERROR [39;49m [app] refused", "ERROR [app] refused"),
        ("payment refused[m", "payment refused"),
        ("ERROR[m: refused", "ERROR: refused"),
        ("[01;31m[Kerror:[m[K no such file", "error: no such file"),
        ("[[31mshop[0m 12:12] refused", "[shop 12:12] refused"),
        ("[3[0m1mshop", "shop"),
        ("caf\ufffd[minor] fix", "caf\ufffd[minor] fix"),
        ("x[m][n] and x[m, n]", "x[m][n] and x[m, n]"),
        ("[mesh", "[mesh"),
        ("[31m[Kafka] took [5m][0m", "[Kafka] took [5m]"),
        ("he said \xe2\x80\x9dyes\xe2\x80\x9d", "he said \xe2 yes\xe2"),
        ("raw \udcff byte", "raw \ufffd byte"),
    ],
)
def test_k6_escape_sequences_leave_nothing_behind(coloured: str, plain: str) -> None:
    assert clean(coloured) == plain
    assert first_line(f"\x1b[0m\n{coloured}").split() == first_line(coloured).split()


_PARTS = st.lists(
    st.sampled_from(["\x1b", "[", "]", "0m", "31", ";", "m", "K", "\x9b", "\x07", "\\", "a", " "])
)


@given(_PARTS, st.integers(1, 80))
def test_k6_whatever_is_put_together_leaves_no_colour(parts: list[str], limit: int) -> None:
    safe = clean("".join(parts), limit)
    assert clean(safe, limit) == safe
    # It may begin a word in brackets, and nothing else.
    assert "[0m" not in re.sub(r"\[[^][]*\]", "()", safe)
    assert "\x1b" not in without_escapes("".join(parts))


def test_k6_hostile_sequences_take_linear_time() -> None:
    began = time.perf_counter()
    for part in ("\x1b[", "\x1b]", "[0m", "[", "\x9b", "\x9d", "#033[", "[" * 50 + "0m" * 50):
        without_escapes(part * (1_000_000 // len(part)))
    assert time.perf_counter() - began < 10


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


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "1 minute"),
        (20, "20 minutes"),
        (-119, "119 minutes"),
        (120, "2 hours"),
        (2879, "48 hours"),
        (5761, "4 days"),
        (57_600, "40 days"),
    ],
)
def test_a_span_is_told_in_one_unit_of_a_person(minutes: int, words: str) -> None:
    assert roughly(minutes * 60_000) == words
