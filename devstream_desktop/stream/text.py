"""Cleaning of foreign text, to store it and to show it.

Anyone who can name a branch can write into a popup, so text is cleaned when it comes in and again
when it goes on a screen: one line, no escape sequences, no control, format (bidi, zero-width),
private or unassigned characters, at most two combining marks a letter. A byte that was no UTF-8 is
U+FFFD.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl

from devstream_desktop.language import _, ngettext, pgettext

_HOSTILE_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn"})
_MAX_MARKS = 2  # enough for Vietnamese; more is "zalgo" that paints over the lines around it
ELLIPSIS = "…"
_BROKEN = "\ufffd"
# https://ecma-international.org/publications-and-standards/standards/ecma-48/ and xterm's OSC. A
# string without an end goes to the end of its line, as on a terminal. The one-byte forms (C1) are
# also what a misread quotation mark looks like, so they count only when they are whole.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b(?=[0-9;]*[mK]))[0-?]*[ -/]*([@-~]?)"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\r\n\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
)
_COLOUR = "mK"
"""The ends of sequences that move nothing: colours, and what is erased behind the text."""
# As rsyslog, `cat -v`, a JSON text in a text and a shell write the escape character.
_SPELT = re.compile(r"(?:#033|\^\[|\\x1[bB]|\\u001[bB]|\\0?33|\\e|\u241b)\[[0-9;]{0,30}[mK]")
# Where the escape character was lost: with what erased behind the text, and what follows (up to a
# closing bracket, or a letter).
_REMNANT = re.compile(
    r"\ufffd?\[([0-9;]{0,30})m(?:\ufffd?\[K(?![^][\r\n]*\]))?(?=([^][\r\n]*\]|\w?))"
)
_RESETS = frozenset({"", "0", "00", "22", "23", "24", "27", "29", "39", "49"})
"""Numbers that end what others began."""
_PASSES = 3
_MOST_CHOSEN = 64
"""Parameters of a deploy that are read; an executor takes fewer."""


def clean(text: str, limit: int = 140) -> str:
    """One plain, safe line of at most `limit` characters; what is cut ends in an ellipsis."""
    if (
        len(text) <= limit
        and text.isascii()
        and text.isprintable()
        and "  " not in text
        and "[" not in text
        and text[:1] != " " != text[-1:]
    ):
        return text
    # Bound the work before normalising: NFC of hostile input is not free.
    text = without_escapes(text[: 16 * limit + 64])[: 4 * limit + 64]
    flat = (
        text
        if text.isascii() and text.isprintable()
        # What is composed anew, or loses a character in its middle, may be an escape's remnant.
        else without_escapes(_strip(unicodedata.normalize("NFC", text)))
    )
    line = shorten(" ".join(flat.split()), limit)
    # Where the end of a bracketed word was cut off, the rest of it may look like a colour.
    return " ".join(without_escapes(line).split()) if "[" in line and line != flat else line


def are_plain(texts: Iterable[str]) -> bool:
    """Tell whether `clean` would surely change none of these.

    They are looked at as one text; only their lengths are left to check.
    """
    joined = f"|{'|'.join(texts)}|"
    return (
        joined.isascii()
        and joined.isprintable()
        and "  " not in joined
        and "[" not in joined
        and " |" not in joined
        and "| " not in joined
    )


def flat(text: str, limit: int) -> str:
    """Clean a prepared line for a terminal or a log.

    It has at most `limit` characters, and its columns stay where they were.
    """
    if len(text) <= limit and text.isascii() and text.isprintable() and "[" not in text:
        return text
    text = without_escapes(text[: 4 * limit])[: limit + 1]
    line = without_escapes(_strip(unicodedata.normalize("NFC", text)))
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def without_escapes(text: str) -> str:
    """Take out terminals' escape sequences, spelt out or cut short too.

    Loggers colour their words, so it comes before anything is looked for in a text. Line ends stay.
    """
    if "\x1b" in text or not text.isascii():
        text = _SEQUENCE.sub(_gap, text)
    if "[" not in text:
        return text
    text = _SPELT.sub("", text)
    # What is left of one may make another, `[3[0m1m`; a space ends that.
    for gap in ("",) * _PASSES + (" ",):
        before, text = text, _without_remnants(text, gap)
        if text == before:
            break
    return text


def _without_remnants(text: str, gap: str) -> str:
    """Put `gap` for colours that lost their escape character; `[mesh]` and `x[5m]` stay."""
    coloured = False

    def replace(match: re.Match[str]) -> str:
        nonlocal coloured
        numbers, rest = match.groups()
        bracketed = rest.endswith("]")
        ends = _RESETS.issuperset(numbers.split(";"))
        if coloured and ends:
            # `[[31mERROR[m] refused`, but not `[31m[mesh] refused`.
            gone = bool(numbers) or rest == "]" or not bracketed
        else:
            # A letter behind `[m` may begin a word whose end was cut off.
            gone = ";" in numbers or (not bracketed and bool(numbers or not rest))
        if not gone:
            return match[0]
        coloured = not ends
        return gap

    return _REMNANT.sub(replace, text)


def _gap(match: re.Match[str]) -> str:
    """Return what stands for a sequence: a space where it moved what follows."""
    final = match[1]
    return " " if final and final not in _COLOUR else ""


def _strip(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        if character.isspace():
            kept.append(" ")
            marks = 0
            continue
        category = unicodedata.category(character)
        # Half a surrogate pair, or a byte of an argument that was no text.
        if category == "Cs":
            kept.append(_BROKEN)
            continue
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
    lines = without_escapes(text).splitlines()
    return next((line for line in lines if line.strip()), "")


def chosen(parameters: str) -> tuple[tuple[str, str], ...]:
    """Return names and values of a deploy's parameters, for a person.

    They travel as a URL's query; what cannot be read as one is a single value.
    """
    try:
        pairs = parse_qsl(parameters, keep_blank_values=True, max_num_fields=_MOST_CHOSEN)
    except ValueError:
        pairs = [("?", parameters)]
    return tuple((clean(name, 40), clean(value, 500)) for name, value in pairs)


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
        return _("{count} ms").format(count=milliseconds)
    seconds = milliseconds // 1000
    if seconds < 60:
        return _("{count} s").format(count=seconds)
    if seconds < 3600:
        return _("{minutes}m{seconds}s").format(minutes=seconds // 60, seconds=f"{seconds % 60:02}")
    if seconds < 172_800:
        return _("{hours}h{minutes}m").format(
            hours=seconds // 3600, minutes=f"{seconds % 3600 // 60:02}"
        )
    return pgettext("duration", "{count} d").format(count=seconds // 86_400)


def roughly(milliseconds: int) -> str:
    """Return a duration in one unit of a person's: `20 minutes`, `3 hours`, `4 days`."""
    minutes = max(1, round(abs(milliseconds) / 60_000))
    # Below two of a unit the smaller one says more: 36 hours.
    if minutes >= 2 * 1440:
        return _("{count} days").format(count=round(minutes / 1440))
    if minutes >= 2 * 60:
        return _("{count} hours").format(count=round(minutes / 60))
    return ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes)
