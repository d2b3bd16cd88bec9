"""A search, as it is written on a command line."""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.cli.arguments import UsageError
from devstream_desktop.cli.own_names import own_names
from devstream_desktop.home import Home
from devstream_desktop.stream.query import InvalidQueryError, Is, Query, parse_query

QUERY = "words and filters, as in the window; after --, one may begin with -"


def question(home: Home, words: Sequence[str]) -> Query:
    """Return the search in these words, for the home's person.

    Raises:
        UsageError: a filter cannot be.
        PreferencesError: the person's names cannot be read.
    """
    try:
        query = parse_query(" ".join(words))
    except InvalidQueryError as error:
        raise UsageError(str(error)) from None
    if any(Is.MINE in one.now | one.not_now for one in query.either()):
        return query.asked_by(own_names(home), seen=-1)
    return query
