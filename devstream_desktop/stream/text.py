"""Cleaning of foreign text, to store it and to show it.

Anyone who can name a branch can write into a popup, so text is cleaned when it comes in and again
when it goes on a screen: one line, no control, format (bidi, zero-width), surrogate, private or
unassigned characters, at most two combining marks a letter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_HOSTILE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MAX_MARKS = 2  # enough for Vietnamese; more is "zalgo" that paints over the lines around it
ELLIPSIS = "…"


def clean(text: str, limit: int = 140) -> str:
    """One plain, safe line of at most `limit` characters; what is cut ends in an ellipsis."""
    if (
        len(text) <= limit
        and text.isascii()
        and text.isprintable()
        and "  " not in text
        and text[:1] != " " != text[-1:]
    ):
        return text
    # Bound the work before normalising: NFC of hostile input is not free.
    flat = (
        text
        if text.isascii() and text.isprintable()
        else _strip(unicodedata.normalize("NFC", text[: 4 * limit + 64]))
    )
    return shorten(" ".join(flat.split()), limit)


def are_plain(texts: Iterable[str]) -> bool:
    """Tell whether `clean` would surely change none of these.

    They are looked at as one text; only their lengths are left to check.
    """
    joined = f"|{'|'.join(texts)}|"
    return (
        joined.isascii()
        and joined.isprintable()
        and "  " not in joined
        and " |" not in joined
        and "| " not in joined
    )


def flat(text: str, limit: int) -> str:
    """Clean a prepared line for a terminal or a log.

    It has at most `limit` characters, and its columns stay where they were.

    Its columns stay where they were.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    line = _strip(unicodedata.normalize("NFC", text[: limit + 1]))
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def _strip(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        if character.isspace():
            kept.append(" ")
            marks = 0
            continue
        category = unicodedata.category(character)
        if category in _HOSTILE_CATEGORIES:
            # A control character (a tab, an escape) separates words; a format character never does.
            if category == "Cc":
                kept.append(" ")
            continue
        # Letters with many marks paint over the lines around them.
        marks = marks + 1 if category.startswith("M") else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def shorten(text: str, limit: int) -> str:
    """Cut `text` to `limit` characters.

    It is cut at a word where one is near, and then ends in an ellipsis.
    """
    if len(text) <= limit:
        return text
    if limit <= 1:
        return ELLIPSIS[:limit]
    # At a word, unless that would lose a third of the line.
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    if space > limit * 2 // 3:
        cut = cut[:space]
    return cut.rstrip(" ,;:.-–—") + ELLIPSIS


def first_line(text: str) -> str:
    """Return the subject of a commit message: its first line that is not blank, not yet cleaned."""
    return next((line for line in text.splitlines() if line.strip()), "")


def short_revision(revision: str) -> str:
    """Seven characters of a commit hash, as git shows it; anything else unchanged."""
    if len(revision) >= 12 and all(character in "0123456789abcdefABCDEF" for character in revision):
        return revision[:7]
    return revision


def short_ref(ref: str) -> str:
    """Return `main` for `refs/heads/main`, `v1` for `refs/tags/v1`."""
    for prefix in ("refs/heads/", "refs/tags/"):
        if ref.startswith(prefix):
            return ref[len(prefix) :]
    return ref


def duration(milliseconds: int) -> str:
    """Return a duration as people say it: `850 ms`, `12 s`, `3m12s`, `2h05m`, `3 d`."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 172_800:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 86_400} d"
