"""Sentences that a node sends in English, in the desk's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from operator import mul
from string import Formatter

from devstream_desktop.language import _, english, number, places_in
from devstream_desktop.stream.text import duration, roughly

_COMMAND = "devstream "
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_SPANS = tuple(
    (re.compile(pattern), sizes)
    for pattern, sizes in (
        (r"(\d{1,9}) ms", (1,)),
        (r"(\d{1,9}) s", (1000,)),
        (r"(\d{1,9})m(\d\d)s", (_MINUTE, 1000)),
        (r"(\d{1,9})h(\d\d)m", (_HOUR, _MINUTE)),
        (r"(\d{1,9}) d", (_DAY,)),
    )
)
"""Forms of `duration`, each with the milliseconds of its numbers."""
_ROUGHLY = re.compile(r"(\d{1,9}) (minute|hour|day)s?")
_UNITS = {"minute": _MINUTE, "hour": _HOUR, "day": _DAY}
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3}){1,6}")
_SENTENCES = frozenset({"cause", "meaning"})
"""Places that hold a known message themselves."""
_LISTS = frozenset({"parts"})
"""Places that hold several."""


class KnownWords:
    """Messages of one kind of answer."""

    def __init__(self, messages: Iterable[str]) -> None:
        # The narrower one first, where another fits as well: `the check CI is queued`.
        self._messages = sorted(messages, key=_words, reverse=True)

    def translated(self, text: str) -> str:
        """Say a sentence in this program's language; one that is not known stays."""
        clauses = [self._clause(part) for part in text.split("; ")]
        known = [clause for clause in clauses if clause is not None]
        # In two languages at once nobody reads it well.
        if len(known) < len(clauses):
            return self._clause(text) or text
        return "; ".join(known)

    def _clause(self, text: str) -> str | None:
        if text.startswith(_COMMAND):
            return text
        return self._message(text, self._place)

    def _place(self, name: str, value: str) -> str:
        if name in _LISTS:
            return ", ".join(map(self._inner, value.split(", ")))
        return self._inner(value) if name in _SENTENCES else span_text(value)

    def _inner(self, text: str) -> str:
        return self._message(text, lambda _name, value: span_text(value)) or text

    def _message(self, text: str, say: Callable[[str, str], str]) -> str | None:
        """Say the message of a text; `say` takes the name and value of a place."""
        for message in self._messages:
            if (values := places_in(message, text)) is not None:
                said = {name: say(name, value) for name, value in values.items()}
                return _(message).format(**said)
        return None


def messages_of(module: Mapping[str, object]) -> list[str]:
    """List the messages among the constants of a module: texts, and tuples and tables of them."""
    found: list[str] = []
    for name, value in module.items():
        if not name.isupper() or name.startswith("_"):
            continue
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, tuple):
            found.extend(value)
        elif isinstance(value, Mapping):
            found.extend(value.values())
    return found


def span_text(text: str) -> str:
    """Say a span of time or a large number, written in English; any other text stays."""
    if _THOUSANDS.fullmatch(text):
        return number(int(text.replace(",", "")))
    if found := _ROUGHLY.fullmatch(text):
        return _said_again(text, roughly, int(found[1]) * _UNITS[found[2]])
    for pattern, sizes in _SPANS:
        if found := pattern.fullmatch(text):
            numbers = map(int, found.groups())
            return _said_again(text, duration, sum(map(mul, numbers, sizes)))
    return text


def _said_again(text: str, say: Callable[[int], str], milliseconds: int) -> str:
    with english():
        # A name may look like a span.
        if say(milliseconds) != text:
            return text
    return say(milliseconds)


def _words(message: str) -> int:
    return sum(len(literal) for literal, *_place in Formatter().parse(message))
