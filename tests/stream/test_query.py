"""Text in the search field is words and filters, never syntax."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.query import InvalidQueryError, Query, parse_query
from devstream_desktop.stream.words import Kind


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("retry card", Query(words=("retry", "card"))),
        (
            "kind:deploy env:production card",
            Query(words=("card",), kind=Kind.DEPLOY, environment="production"),
        ),
        ("state:failed", Query(state="failed")),
        ('s:shop "card capture"', Query(words=("card capture",), service="shop")),
        ("http://x/y", Query(words=("http", "x", "y"))),
        ("SHOP-912", Query(words=("SHOP", "912"))),
    ],
)
def test_parsing(text: str, query: Query) -> None:
    assert parse_query(text) == query


def test_an_unknown_kind_says_which_there_are() -> None:
    with pytest.raises(InvalidQueryError, match="kinds are change, build"):
        parse_query("kind:explosion")
    with pytest.raises(InvalidQueryError, match="states are accepted, active, approved, asked"):
        parse_query("state:exploded")


@given(st.text(max_size=60))
def test_no_input_is_a_syntax_error_of_the_index(text: str) -> None:
    try:
        query = parse_query(text)
    except InvalidQueryError:
        return
    if query.everything:
        return
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5 (text, prefix = '1 2 3')")
    database.execute("SELECT rowid FROM words WHERE words MATCH ?", (query.match(),)).fetchall()
    database.close()
