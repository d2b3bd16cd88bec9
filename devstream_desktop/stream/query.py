"""Search query: words and filters, from a person's text. The window and the command share it.

retry card             both words, each also as the beginning of a longer one
"card capture"         the words next to each other
kind:deploy env:prod   filters; also service: state: branch: actor: severity: is: since: until:
-bot -kind:change      without; NOT bot
SHOP-554               one word, whose parts stand next to each other
shop OR cart           either

Small words between others, such as `to` in `deployed to production`, are of the sentence that a
screen makes, and are not looked for. A word that lines show for their meaning, such as `fixed` or
`firing again`, finds the lines that show it, besides those with the word in their text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from devstream_desktop.language import N_, _
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.moment import parse_moment
from devstream_desktop.stream.search_text import (
    ALL_STATES,
    EVERY_KIND,
    fold,
    tag,
    typed_words,
)
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import transition
from devstream_desktop.stream.words import MEANINGS, STATES, Kind, Severity, outcome

_BETWEEN = N_("to on at in of after is was by")
"""Words that a screen writes between those of an event; the index has none of them."""
_PLURALS = {f"{kind.value}s": kind.value for kind in Kind}
_COMPOUND = re.compile(r"\w[-./@#]\w", re.ASCII)
MOST_TEXT = 400
"""Characters of a query that are read."""
_MOST_ALTERNATIVES = 12
_RARE = 4
"""Letters of a word beyond which it is rarer than most filters."""
_MOST_NESTED = 8
"""FTS5 takes an expression of a bounded depth."""
_NOWHERE = f'"{tag("nothing", "nowhere")}"'
"""A word that no row has."""
_TOKEN = re.compile(
    r'(?P<no>-(?=[\w"]))?(?:(?P<field>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>\S*))'
)
_FIELDS = {
    "kind": "kind",
    "k": "kind",
    "env": "environment",
    "environment": "environment",
    "e": "environment",
    "service": "service",
    "s": "service",
    "state": "state",
    "branch": "branch",
    "actor": "actor",
    "severity": "severity",
    "is": "is",
    "since": "since",
    "until": "until",
}
FILTERS = ("kind", "state", "service", "env", "branch", "actor", "severity", "is", "since", "until")
"""Filters by the names that are shown and completed."""


_Word = TypeVar("_Word", bound=StrEnum)


class InvalidQueryError(ValueError):
    """A filter that cannot be; the message says what is allowed."""


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
        return tuple(getattr(self, name) for name in _ASKED)

    @property
    def everything(self) -> bool:
        return self == _EVERYTHING

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
            tag("severity", self.severity.word) if self.severity else "",
            both or tag("kind", self.kind.value if self.kind else "") or tag("environment", name),
        ]
        terms += [f'"{_quoted(one)}"' for one in tags if one]
        for choice in (
            [tag("state", state) for state in self.states],
            [tag("actor", name) for name in self.names] if Is.MINE in self.now else [],
        ):
            if choice:
                terms.append(_either(choice))
        return terms + [word for length, word in typed if length < _RARE]


_ASKED = tuple(name for name in Query.__struct_fields__ if name not in ("names", "seen"))
"""Fields that say what is asked."""
_EVERYTHING = Query()


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


def parse_query(text: str) -> Query:
    """Return the question in `text`.

    Raises:
        InvalidQueryError: there is no such filter, or its value can be none.

    """
    # What is typed is bounded; FTS5 has NFC text only.
    typed = unicodedata.normalize("NFC", text[:MOST_TEXT])
    groups: list[Query] = [Query()]
    negative = False
    for token in _TOKEN.finditer(typed):
        if not token[0]:
            continue
        if token[0] == "OR":
            groups.append(Query())
        elif token[0] == "NOT":
            negative = True
            continue
        else:
            groups[-1] = _with(groups[-1], token, negative=negative)
        negative = False
    groups = [_without_small_words(group) for group in groups]
    # Beside an OR nothing may be typed yet, or what is no word.
    groups = [group for group in groups if group != _EVERYTHING] or [Query()]
    found = [one for group in groups for one in _meanings_of(group)][:_MOST_ALTERNATIVES]
    return replace(found[0], alternatives=tuple(found[1:]))


def _without_small_words(query: Query) -> Query:
    """Leave out the words of the sentence, unless there are no others."""
    small = {*_BETWEEN.split(), *_(_BETWEEN).split()}
    rest = tuple(word for word in query.words if word.casefold() not in small)
    return replace(query, words=rest) if rest else query


def _with(query: Query, token: re.Match[str], *, negative: bool) -> Query:
    """Add one word or filter to a query."""
    phrase, word = token["phrase"], token["word"]
    value = phrase if phrase is not None else word
    name, negative = (token["field"] or "").lower(), negative or token["no"] is not None
    known = _FIELDS.get(name)
    if not name or (known is None and (not value or value.startswith("//"))):
        # `http://x` and `fix: it` are words.
        whole = value if phrase is not None else token[0].removeprefix(token["no"] or "")
        parts = typed_words(whole)
        # `SHOP-554` is no shop of which something begins with 554.
        joined = phrase is not None or _COMPOUND.search(whole) is not None
        words = (" ".join(parts),) if joined else tuple(_PLURALS.get(one, one) for one in parts)
        words = tuple(one for one in words if one)
        if negative and words:
            meant = {said for said in MEANINGS if all(_says(said, one) for one in words)}
            return replace(
                query,
                without=(*query.without, Query(words=words)),
                not_meant=query.not_meant.union(meant),
            )
        return replace(query, words=(*query.words, *words))
    if known is None:
        said = _(
            "there is no filter {filter}: – filters are {filters}; write a text with a colon in"
            " quotes"
        )
        filters = " ".join(f"{one}:" for one in FILTERS)
        raise InvalidQueryError(said.format(filter=name, filters=filters))
    if not value:
        needed = _("{filter}: needs a value").format(filter=name)
        raise InvalidQueryError(f"{needed}; {_allowed(known)}")
    one = _filter(known, value)
    if not negative:
        return _both(query, one, name)
    if one.now:
        return replace(query, not_now=query.not_now | one.now)
    if one.meaning:
        return replace(query, not_meant=query.not_meant | {one.meaning})
    if one.since or one.until:
        said = _("{filter} cannot be left out; say what you look for")
        raise InvalidQueryError(said.format(filter=f"-{name}:{value}"))
    return replace(query, without=(*query.without, one))


def _both(query: Query, one: Query, name: str) -> Query:
    """Return a query with a filter more; two different values of one filter cannot both hold."""
    changes: dict[str, object] = {}
    for attribute in _ASKED:
        nothing = getattr(_EVERYTHING, attribute)
        value, before = getattr(one, attribute), getattr(query, attribute)
        if value == nothing:
            continue
        if attribute == "now":
            value = before | value
        elif before not in (nothing, value):
            said = _("{filter}: is there twice; join two searches with OR")
            raise InvalidQueryError(said.format(filter=name))
        changes[attribute] = value
    return replace(query, **changes)


def _filter(name: str, value: str) -> Query:
    match name:
        case "kind":
            word = value.lower()
            return Query(kind=_one_of(Kind, _PLURALS.get(word, word), "kind"))
        case "severity":
            words = {one.word: one for one in Severity}
            if value.lower() not in words:
                raise _none("severity", value, words)
            return Query(severity=words[value.lower()])
        case "is":
            return Query(now=frozenset({_one_of(Is, value, "is")}))
        case "state":
            return _state(" ".join(value.lower().replace("_", " ").split()))
        case "since":
            return Query(since=_moment(value))
        case "until":
            # A day is meant with its evening.
            return Query(until=_moment(value, end=True))
        case "environment":
            return Query(environment=value)
        case "branch":
            return Query(branch=value)
        case "actor":
            return Query(actor=value)
        case _:
            return Query(service=value)


def _one_of(words: type[_Word], value: str, name: str) -> _Word:
    try:
        return words(value.lower())
    except ValueError:
        raise _none(name, value, [one.value for one in words]) from None


def _none(name: str, value: str, allowed: Iterable[str]) -> InvalidQueryError:
    every = list(allowed)
    near = [one for one in every if one.startswith(value.lower())]
    no = _("no {filter} {value!r}").format(filter=name, value=value)
    meant = _("do you mean {words}").format(words=", ".join(near))
    return InvalidQueryError(f"{no}; {meant if near else _are(name, every)}")


def _are(name: str, words: Iterable[str]) -> str:
    """Say the words that a filter may have."""
    form = {
        "kind": _("kinds are {words}"),
        "severity": _("severities are {words}"),
        "state": _("states are {words}"),
        "is": _("it is one of {words}"),
    }[name]
    return form.format(words=", ".join(words))


_SHOWN: dict[str, frozenset[str]] = {}
for _kind, _states in STATES.items():
    for _one in _states:
        # `failed` is what a deploy's row says too: "deploy failed".
        _said = outcome(_kind, _one)
        for _word in {_one.replace("_", " "), _said, _said.rpartition(" ")[2]}:
            _SHOWN[_word] = _SHOWN.get(_word, frozenset()) | {_one}


def _state(word: str) -> Query:
    if word in MEANINGS:
        return Query(meaning=word)
    found = _SHOWN.get(word)
    if found is None:
        allowed = sorted({*(one.replace("_", " ") for one in ALL_STATES), *_SHOWN, *MEANINGS})
        raise _none("state", word, allowed)
    return Query(state=min(found)) if len(found) == 1 else Query(states=tuple(sorted(found)))


def _moment(value: str, *, end: bool = False) -> int:
    try:
        return parse_moment(value, end=end)
    except ValueError:
        no = _("{value!r} is no time").format(value=value)
        raise InvalidQueryError(f"{no}; {_allowed('since')}") from None


def _allowed(name: str) -> str:
    """Say what a filter's value may be."""
    match name:
        case "kind":
            return _are(name, Kind)
        case "severity":
            return _are(name, [one.word for one in Severity])
        case "is":
            return _are(name, Is)
        case "state":
            return _("such as {example} or {other}").format(
                example="state:failed", other="state:fixed"
            )
        case "since" | "until":
            return _("write {example} for two days ago, or {day}, or {moment}").format(
                example="2d", day=_("yesterday"), moment="2026-11-22T18:30"
            )
        case _:
            return _("a name as the stream has it")


def _meanings_of(query: Query) -> list[Query]:
    """Return the query, and its forms with a meaning instead of words."""
    found = [query]
    if query.meaning:
        return found
    for said in MEANINGS:
        rest = tuple(word for word in query.words if not _says(said, word))
        if rest != query.words:
            found.append(replace(query, words=rest, meaning=said))
    return found


def _says(said: str, typed: str) -> bool:
    """Tell whether a typed word is or begins one of a meaning's."""
    word, parts = fold(typed).casefold(), said.split()
    return word in (said, *parts) or (
        len(word) > 3 and any(part.startswith(word) for part in parts)
    )
