"""A typed search: a state may also be said by the word that the screen shows for it.

The index knows the words of `stream/words.py`, which are English. In German `behoben` is looked
for as `behoben OR fixed OR resolved`: as it stands in a text, and as a state.
"""

from __future__ import annotations

import re
from itertools import islice, product

from devstream_desktop.language import _
from devstream_desktop.stream.query import MOST_TEXT, Query, parse_query
from devstream_desktop.stream.words import OUTCOMES

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
    token = rf'(?<![\w:-])(-?)((?:[a-z]+:)?"[^"]*"?|(?:{said})(?![\w:-]))'
    choices, end = list[list[str]](), 0
    text = text[:MOST_TEXT]
    for match in re.finditer(token, text, re.IGNORECASE):
        words = [f'{match[1]}"{word}"' for word in meant.get(match[2].strip('"').lower(), ())]
        # None of its meanings is wanted, where the word is not.
        readings = [" ".join((match[0], *words))] if match[1] else [match[0], *words]
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


def _shown_words() -> dict[str, list[str]]:
    """Return the index's words by the shown ones that differ."""
    meant: dict[str, list[str]] = {}
    for word in sorted(OUTCOMES):
        if (shown := _(word)) != word:
            meant.setdefault(shown.lower(), []).append(word)
    return meant
