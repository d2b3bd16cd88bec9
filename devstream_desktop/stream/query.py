"""Search query: the words to find and the filters, from a person's text.

retry card            both words, each also as the beginning of a longer one
kind:deploy env:prod  filters; also service: and state:, and the short forms k: e: s:
"card capture"        the words next to each other
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import STATES, Kind, outcome

_PRIVATE = 0xE000
_PRIVATE_COUNT = 0x1900
"""Filters are words of three private-use letters in the index.

`text.clean` lets no text contain any.
"""
_TAGGED = re.compile(f"[{chr(_PRIVATE)}-{chr(_PRIVATE + _PRIVATE_COUNT - 1)}]")
_LONG_HEX = re.compile(r"[0-9a-f]{13,}", re.IGNORECASE)
_HEX_INDEXED = 12
"""Characters of a revision that are indexed.

git itself abbreviates to 12 in the largest repositories.
"""

_TOKEN = re.compile(r'(?:(?P<field>\w+):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>\S+))')
_FIELDS = {
    "kind": "kind",
    "k": "kind",
    "env": "environment",
    "environment": "environment",
    "e": "environment",
    "service": "service",
    "s": "service",
    "state": "state",
}
_STATES = frozenset(state for states in STATES.values() for state in states)
_SHOWN = {
    outcome(kind, state): state
    for kind, states in STATES.items()
    for state in states
    if outcome(kind, state) not in _STATES
}
"""States by the words that are shown for them."""


class InvalidQueryError(ValueError):
    """A filter that cannot be; the message says what is allowed."""


@dataclass(frozen=True)
class Query:
    """Words and filters; empty ones hold for everything."""

    words: tuple[str, ...] = ()
    kind: Kind | None = None
    environment: str = ""
    service: str = ""
    state: str = ""

    @property
    def everything(self) -> bool:
        return not (self.words or self.kind or self.environment or self.service or self.state)

    def match(self) -> str:
        """Write the FTS5 expression.

        Every word is quoted, so that input is never syntax; the filters go last, which is fastest.
        """
        terms = [f'"{_quoted(word)}"*' for word in self.words]
        tags = (
            _tag("", "", self.service),
            _tag("", "", "", self.state),
            _tag(self.kind or "", self.environment, ""),
        )
        terms += [f'"{tag}"' for tag in tags if tag]
        return " AND ".join(terms)


def _quoted(word: str) -> str:
    """Return a word inside quotes.

    Those of what is typed have no quote in them; a target's name, which an executor chooses, may.
    """
    # In a quoted FTS5 string a quote is doubled; NUL would end the expression.
    return word.replace('"', '""').replace("\0", " ")


def parse_query(text: str) -> Query:
    """Return the question in `text`.

    Raises:
        InvalidQueryError: a filter names a kind or a state that is none.

    """
    query = Query()
    words: list[str] = []
    # What is typed is bounded; FTS5 has NFC text only.
    for token in _TOKEN.finditer(unicodedata.normalize("NFC", text[:400])):
        value = token["phrase"] if token["phrase"] is not None else token["word"]
        field = _FIELDS.get((token["field"] or "").lower())
        if field is None:
            # An unknown field is no filter: `http://x` is words.
            whole = value if token["phrase"] is not None else token[0]
            words += [" ".join(_words(whole))] if token["phrase"] is not None else _words(whole)
        elif field == "kind":
            try:
                query = replace(query, kind=Kind(value.lower()))
            except ValueError:
                raise InvalidQueryError(f"no kind {value!r}; kinds are {', '.join(Kind)}") from None
        elif field == "environment":
            query = replace(query, environment=value)
        elif field == "state":
            value = _SHOWN.get(value.lower(), value)
            if value not in _STATES:
                raise InvalidQueryError(
                    f"no state {value!r}; states are {', '.join(sorted(_STATES))}"
                )
            query = replace(query, state=value)
        else:
            query = replace(query, service=value)
    return replace(query, words=tuple(word for word in words if word))


def _words(text: str) -> list[str]:
    """Return the words the index would make of `text`.

    They are runs of letters and digits (FTS5's unicode61).
    """
    return [
        word[:_HEX_INDEXED] if _LONG_HEX.fullmatch(word) else word
        for word in re.split(r"[^\w]|_", text)
        if word and not _TAGGED.search(word)
    ]


INDEX_VERSION = 4
"""Grows when `index_text` changes.

Entries are taken out of the index by the very text they went in with.
"""


def index_text(event: Event) -> str:
    """Make the indexed text of an event: its words and its filters.

    So a filter is one more word and never a scan; the pair asked for most is one word too.
    """
    kind, environment, service = event.kind.value, event.environment, event.service
    # As it is shown: `passed`, `deployed`.
    shown = outcome(event.kind, event.state)
    # A change's number is its revision: once is enough.
    number = "" if event.number == event.revision else event.number
    revision = (
        event.revision[:_HEX_INDEXED] if _LONG_HEX.fullmatch(event.revision) else event.revision
    )
    texts = (
        service,
        event.actor,
        kind,
        event.state,
        "" if shown == event.state else shown,
        environment,
        event.ref,
        revision,
        event.title,
        number,
        event.reason,
    )
    return " ".join((*texts, _tags(kind, environment, service, event.state)))


@lru_cache(maxsize=4096)
def _tags(kind: str, environment: str, service: str, state: str) -> str:
    tags = {
        _tag("", "", service),
        _tag("", "", "", state),
        _tag(kind, "", ""),
        _tag("", environment, ""),
        _tag(kind, environment, ""),
    } - {""}
    return " ".join(sorted(tags))


def _tag(kind: str, environment: str, service: str, state: str = "") -> str:
    if not (kind or environment or service or state):
        return ""
    text = f"{kind}\x1f{environment.casefold()}\x1f{service.casefold()}\x1f{state}"
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    letters = []
    for _ in range(3):
        number, place = divmod(number, _PRIVATE_COUNT)
        letters.append(chr(_PRIVATE + place))
    return "".join(letters)
