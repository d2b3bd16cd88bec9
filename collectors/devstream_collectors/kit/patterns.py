"""Regular expressions of an operator, found in linear time.

Python's own engine goes back and tries again, so that one unlucky line can hold a node for years.
RE2 (https://github.com/google/re2/wiki/Syntax) never does. It has no backreferences and looks
neither ahead nor behind.
"""

from __future__ import annotations

import re2

from devstream_desktop.stream.text import clean

MAX_PATTERN = 500
MAX_STEPS = 2_000
"""Of a compiled pattern: a character of a text may cost so many, some microseconds."""


class Pattern:
    """A pattern that is looked for anywhere in a text."""

    def __init__(self, text: str) -> None:
        """Compile it.

        Raises:
            ValueError: it is no such pattern, or costs too much; the message is a sentence.

        """
        if len(text) > MAX_PATTERN:
            raise ValueError(f"a pattern is longer than {MAX_PATTERN} characters")
        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            raise ValueError(f"{_named(text)}: {_reason(error)}{_hint(text)}") from None
        if self._compiled.programsize > MAX_STEPS:
            raise ValueError(f"{_named(text)}: it repeats too much; write + or * for large counts")

    def find(self, text: str) -> dict[str, str] | None:
        """Find it: its named groups, empty where they took no part; None when it is not there."""
        plain = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate has no UTF-8
        match = self._compiled.search(plain)
        return None if match is None else match.groupdict(default="")

    def first(self, text: str) -> str | None:
        """Find its first group, else all that it matches; None if not there."""
        plain = text.encode("utf-8", "replace").decode("utf-8")
        match = self._compiled.search(plain)
        if match is None:
            return None
        groups: tuple[str | None, ...] = match.groups()
        return next((group for group in groups if group), None) if groups else match.group()


def _named(text: str) -> str:
    return f"{clean(text, 80)!r} is no regular expression that can be used"


def _reason(error: re2.error) -> str:
    said = error.args[0] if error.args else ""
    return clean(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said), 120)


def _hint(text: str) -> str:
    """Say what to write in place of what RE2 leaves out."""
    if any(look in text for look in ("(?=", "(?!", "(?<=", "(?<!")):
        return "; it cannot look ahead or behind: use a second pattern, or --ignore"
    if any(f"\\{number}" in text for number in range(1, 10)) or "(?P=" in text:
        return "; it cannot refer to what a group has found: write what may stand there"
    if "\\Z" in text:
        return "; write \\z for the end of the line"
    return ""
