"""A question to the stream: words and filters that all hold.

`query_text` reads one that a person typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from itertools import product

import msgspec
from msgspec.structs import replace

from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.search_text import EVERY_KIND, tag
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import transition
from devstream_desktop.stream.words import MEANINGS, STATES, Kind, Severity

_RARE = 4
"""Letters of a word beyond which it is rarer than most filters."""
_MOST_NESTED = 8
"""FTS5 takes an expression of a bounded depth."""
_NOWHERE = f'"{tag("nothing", "nowhere")}"'
"""A word that no row has."""


class Is(StrEnum):
    """State of a thing now, or of a line to whoever asks."""

    RED = "red"
    OPEN = "open"
    MINE = "mine"
    UNSEEN = "unseen"
    CLAIMED = "claimed"


class Query(msgspec.Struct, frozen=True, eq=False):
    """Words and filters that all hold; empty ones hold for everything.

    Two are the same whoever asks them.
    """

    words: tuple[str, ...] = ()
    kind: Kind | None = None
    environment: str = ""
    service: str = ""
    state: str = ""
    states: tuple[str, ...] = ()
    """States of which one holds; a screen has one word for them."""
    branch: str = ""
    actor: str = ""
    severity: Severity | None = None
    """This one and worse."""
    meaning: str = ""
    """Word of `MEANINGS`."""
    not_meant: frozenset[str] = frozenset()
    now: frozenset[Is] = frozenset()
    not_now: frozenset[Is] = frozenset()
    since: int = 0
    """UTC milliseconds; a negative number is so long before the question; 0: ever."""
    until: int = 0
    without: tuple[Query, ...] = ()
    """None of these holds; each is one word or filter of the index."""
    names: tuple[str, ...] = ()
    """Names of whoever asks, for `is:mine`."""
    seen: Seen = Seen()
    """The mark of whoever asks, for `is:unseen`."""
    alternatives: tuple[Query, ...] = ()
    """Other queries of which one may hold instead."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self._asked() == other._asked()

    def __ne__(self, other: object) -> bool:
        # A struct has one of its own, which does not ask `__eq__`.
        return not self == other

    def __hash__(self) -> int:
        return hash(self._asked())

    def _asked(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in ASKED)

    @property
    def everything(self) -> bool:
        return self == EVERYTHING

    def asked_by(self, names: Iterable[str], seen: Seen) -> Query:
        """Return a person's query, with their names and what they have seen."""
        known = tuple(names)
        others = tuple(one.asked_by(known, seen) for one in self.alternatives)
        return replace(self, names=known, seen=seen, alternatives=others)

    def asks(self, state: Is) -> bool:
        """Tell whether a state is asked for, or against."""
        return any(state in one.now | one.not_now for one in self.either())

    def either(self) -> tuple[Query, ...]:
        """Return the queries of which one must hold."""
        return (replace(self, alternatives=()), *self.alternatives)

    def match(self) -> str:
        """Write the FTS5 expression of what the index knows; empty where it need not be asked.

        Every word is quoted, so that input is never syntax. The alternatives are queries of their
        own.
        """
        terms = self._terms()
        without = [" AND ".join(one._terms()) for one in self.without]  # noqa: SLF001 - its own
        # A meaning is no word of the index; its states are, where it need be asked anyway.
        states = _states_of(self.meaning) if terms or without else ()
        if states:
            terms.append(_either(tag("state", state) for state in states))
        if not without:
            return _all(terms)
        found = _all(terms) or EVERY_KIND
        return f"({found}) NOT ({' OR '.join(f'({one})' for one in without)})"

    @property
    def impossible(self) -> bool:
        """No row can answer: its meaning is one of other kinds."""
        return bool(self.meaning and self.kind and self.kind not in MEANINGS[self.meaning].kinds)

    def _terms(self) -> list[str]:
        # The longest words first, which are the rarest; short ones, which nearly every row has,
        # after the filters.
        words = sorted(self.words, key=len, reverse=True)
        # A phrase of pairs ends where it is typed; any other word may go on.
        typed = [(len(word), f'"{_quoted(word)}"*') for word in words]
        terms = [word for length, word in typed if length >= _RARE]
        name = environment_name(self.environment)
        both = tag("kind environment", self.kind.value, name) if self.kind and name else ""
        tags = [
            tag("service", self.service),
            tag("state", self.state),
            tag("branch", self.branch),
            tag("actor", self.actor),
            tag("severity", self.severity.word)
            if self.severity and self.severity > Severity.INFO
            else "",
            both or tag("kind", self.kind.value if self.kind else "") or tag("environment", name),
        ]
        terms += [f'"{_quoted(one)}"' for one in tags if one]
        for choice in (
            [tag("state", state) for state in self.states],
            [tag("actor", name) for name in self.names] if Is.MINE in self.now else [],
        ):
            if choice:
                terms.append(_either(choice))
        if self.severity is Severity.INFO:
            # Every row is that or worse, and the index has no word for it.
            terms.append(f"({EVERY_KIND})")
        return terms + [word for length, word in typed if length < _RARE]


ASKED = tuple(name for name in Query.__struct_fields__ if name not in ("names", "seen"))
"""Fields that say what is asked."""
EVERYTHING = Query()


@lru_cache
def _states_of(said: str) -> tuple[str, ...]:
    """Return the states that can have a meaning; none where any can."""
    if not said:
        return ()
    change, kinds = MEANINGS[said]
    return tuple(
        sorted(
            {
                state
                for kind in kinds
                for state, before in product(STATES[kind], STATES[kind])
                if transition(kind, state, before) is change
            }
        )
    )


def _either(words: Iterable[str]) -> str:
    return f"({' OR '.join(f'{chr(34)}{one}{chr(34)}' for one in words)})"


def _all(terms: list[str]) -> str:
    """Join terms, each asked only of rows that those before it find.

    FTS5 moves every part of a flat AND on to each row that one of them has, and reads the long
    lists of short words for rows that another word leaves out. What is nested in a NOT it keeps
    together.
    """
    found = ""
    for term in terms[:_MOST_NESTED]:
        nested = f"(({found}) NOT {_NOWHERE})" if " AND " in found else found
        found = f"{nested} AND {term}" if found else term
    return " AND ".join(filter(None, (found, *terms[_MOST_NESTED:])))


def _quoted(word: str) -> str:
    """Return a word inside quotes.

    Those of what is typed have no quote in them; a target's name, which an executor chooses, may.
    """
    # In a quoted FTS5 string a quote is doubled; NUL would end the expression.
    return word.replace('"', '""').replace("\0", " ")
