"""A search, as it is written on a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devstream_desktop.cli.arguments import UsageError
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Is, Query
from devstream_desktop.stream.query_text import InvalidQueryError, parse_query
from devstream_desktop.stream.seen import Seen

QUERY = "words and filters, as in the window; after --, one may begin with -"

_FILTER = re.compile(r'(-?(?:kind|state|severity|is|since|until)):([^"]*\s[^"]*)', re.IGNORECASE)
"""A filter of few values, whose value has a blank in it."""


def question(home: Home, words: Sequence[str]) -> Query:
    """Return the search in these words, for the home's person.

    Raises:
        UsageError: a filter cannot be.
        PreferencesError: the person's names cannot be read.
    """
    try:
        query = parse_query(" ".join(map(_quoted, words)))
    except InvalidQueryError as error:
        raise UsageError(str(error)) from None
    names = _own_names(home) if query.asks(Is.MINE) else frozenset()
    seen = _seen(home) if query.asks(Is.UNSEEN) else Seen()
    return query.asked_by(names, seen)


def _quoted(word: str) -> str:
    """Put back the quotes that a shell took from a filter."""
    found = _FILTER.fullmatch(word)
    if found is None:
        return word
    quoted = f'{found[1]}:"{found[2]}"'
    try:
        parse_query(quoted)
    except InvalidQueryError:
        # Several filters in one pair of the shell's quotes.
        return word
    return quoted


def _own_names(home: Home) -> frozenset[str]:
    # Here and below late: few searches ask for a person.
    from devstream_desktop.cli.own_names import own_names

    return own_names(home)


def _seen(home: Home) -> Seen:
    """Return what was seen at this home's desk; a home without one has seen everything."""
    if not home.desk.exists():
        return Seen()
    from devstream_desktop.desk.store import DeskStore

    with DeskStore(home.desk) as store:
        return store.seen()
