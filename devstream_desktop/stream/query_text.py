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
from typing import TypeVar

from msgspec.structs import replace

from devstream_desktop.language import N_, _
from devstream_desktop.stream.moment import parse_moment
from devstream_desktop.stream.query import ASKED, EVERYTHING, Is, Query
from devstream_desktop.stream.search_text import ALL_STATES, fold, typed_words
from devstream_desktop.stream.words import MEANINGS, STATES, Kind, Severity, outcome

_BETWEEN = N_("to on at in of after is was by")
"""Words that a screen writes between those of an event; the index has none of them."""
_PLURALS = {f"{kind.value}s": kind.value for kind in Kind}
_COMPOUND = re.compile(r"\w[-./@#]\w", re.ASCII)
MOST_TEXT = 400
"""Characters of a query that are read."""
_MOST_ALTERNATIVES = 12
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
    """A query that cannot be; the message says what is allowed."""


def parse_query(text: str) -> Query:
    """Return the question in `text`.

    Raises:
        InvalidQueryError: there is no such filter, its value can be none, or too many searches
            are joined.

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
    asked = dict.fromkeys(group for group in groups if not group.everything)
    groups = list(asked) or [Query()]
    if len(groups) > _MOST_ALTERNATIVES:
        said = _("more than {count} searches are joined with OR; leave some out")
        raise InvalidQueryError(said.format(count=_MOST_ALTERNATIVES))
    found = [one for group in groups for one in _meanings_of(group)]
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
    for attribute in ASKED:
        nothing = getattr(EVERYTHING, attribute)
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
    meant = _("do you mean {words}").format(words=_listed(near))
    return InvalidQueryError(f"{no}; {meant if near else _are(name, every)}")


def _are(name: str, words: Iterable[str]) -> str:
    """Say the words that a filter may have."""
    form = {
        "kind": _("kinds are {words}"),
        "severity": _("severities are {words}"),
        "state": _("states are {words}"),
        "is": _("it is one of {words}"),
    }[name]
    return form.format(words=_listed(words))


def _listed(words: Iterable[str]) -> str:
    """List words as they are to be typed."""
    return ", ".join(f'"{one}"' if " " in one else one for one in words)


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
