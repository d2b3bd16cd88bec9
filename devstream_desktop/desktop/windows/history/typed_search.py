"""A typed search: a state may also be said by the word that the screen shows for it.

The index knows the words of `stream/words.py`, which are English. In German `behoben` is looked
for as `behoben OR fixed OR resolved`: as it stands in a text, and as a state.
"""

from __future__ import annotations

import re
from itertools import islice, product

from devstream_desktop.language import _
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import MOST_TEXT, parse_query
from devstream_desktop.stream.words import OUTCOMES, Kind, Severity

_KINDS = frozenset(kind.value for kind in Kind)
_SEVERITIES = frozenset(severity.word for severity in Severity)
_VIEWS = {
    "Deploys": Kind.DEPLOY.value,
    "Changes": Kind.CHANGE.value,
    "Tickets": Kind.TICKET.value,
}
"""Kinds by the names of their views in the window."""
_MOST = 8
"""Readings of one text."""


def read_search(text: str) -> Query:
    """Return the question in `text`.

    Raises:
        InvalidQueryError: there is no such filter, or its value can be none.

    """
    return parse_query(_in_english(text))


def _in_english(text: str) -> str:
    """Add each reading with shown words as the index's own."""
    meant = _shown_words()
    if not meant:
        return text
    # The longest first: one word may begin another. What stands in quotes is one word.
    said = "|".join(map(re.escape, sorted(meant, key=len, reverse=True)))
    token = rf'(?<![\w:-])(-?)([a-z]+:)?("[^"]*"?|(?:{said})(?![\w:-]))'
    choices, end = list[list[str]](), 0
    text = text[:MOST_TEXT]
    for match in re.finditer(token, text, re.IGNORECASE):
        sign, name = match[1], (match[2] or "").lower()
        words = [
            f'{sign}{name}"{word}"'
            for word in meant.get(match[3].strip('"').lower(), ())
            if not name or _may_have(name, word)
        ]
        # A filter has the index's own values. In a text the word may stand as it is shown.
        as_typed = [] if name and words else [match[0]]
        # None of its meanings is wanted, where the word is not.
        readings = [" ".join((*as_typed, *words))] if sign else [*as_typed, *words]
        choices += [[text[end : match.start()]], readings]
        end = match.end()
    choices.append([text[end:]])
    whole = ""
    for reading in map("".join, islice(product(*choices), _MOST)):
        longer = f"{whole} OR {reading}" if whole else reading
        # What a query cuts off would be another question.
        if whole and len(longer) > MOST_TEXT:
            break
        whole = longer
    return whole


def _may_have(name: str, word: str) -> bool:
    """Tell whether a filter, such as `kind:`, may have an index's word."""
    allowed = {"state:": OUTCOMES, "kind:": _KINDS, "severity:": _SEVERITIES}
    return word in allowed.get(name, ())


def _shown_words() -> dict[str, list[str]]:
    """Return the index's words by the shown ones that differ."""
    meant: dict[str, list[str]] = {}
    for word in sorted({*OUTCOMES, *_KINDS, *_SEVERITIES}):
        if (shown := _(word).lower()) != word:
            meant.setdefault(shown, []).append(word)
    claimed = _("{person} is on it").replace("{person}", "").strip().lower()
    if claimed != "is on it":
        meant.setdefault(claimed, []).append("on it")
    for many, kind in _VIEWS.items():
        if (shown := _(many).lower()) != many.lower():
            meant.setdefault(shown, []).append(kind)
    return meant
