"""Text in the search field is words and filters, never syntax."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.completion import complete
from devstream_desktop.stream.query import Is, Query
from devstream_desktop.stream.query_text import InvalidQueryError, parse_query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.words import Kind, Transition


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("retry card", Query(words=("retry", "card"))),
        (
            "kind:deploy env:production card",
            Query(words=("card",), kind=Kind.DEPLOY, environment="production"),
        ),
        ("state:success", Query(state="success")),
        ("state:failed", Query(states=("failed", "failure"))),
        ('state:"still failing"', Query(meaning=Transition.STILL_FAILING)),
        ("-kind:test", Query(without=(Query(kind=Kind.TEST),))),
        ("a-b", Query(words=("a b",))),
        ("fix: it", Query(words=("fix", "it"))),
        ("since:2d is:red", Query(since=-172_800_000, now=frozenset({Is.RED}))),
        ("one OR two", Query(words=("one",), alternatives=(Query(words=("two",)),))),
        ("one OR", Query(words=("one",))),
        ("画面 x", Query(words=("画面", "x"))),
        ("支払い", Query(words=("支払 払い",))),
        ('s:shop "card capture"', Query(words=("card capture",), service="shop")),
        ("http://x/y", Query(words=("http x y",))),
        ("SHOP-912", Query(words=("SHOP 912",))),
        ("-SHOP-912", Query(without=(Query(words=("SHOP 912",)),))),
        ("deployed to production", Query(words=("deployed", "production"))),
        ("to", Query(words=("to",))),
        ('"to be"', Query(words=("to be",))),
        ("NOT kind:test", Query(without=(Query(kind=Kind.TEST),))),
        ("NOT card shop", Query(words=("shop",), without=(Query(words=("card",)),))),
        ("NOT", Query()),
        ("kind:deploys", Query(kind=Kind.DEPLOY)),
        ("tests", Query(words=("test",))),
    ],
)
def test_parsing(text: str, query: Query) -> None:
    assert parse_query(text) == query


def test_a_day_is_meant_with_its_evening() -> None:
    query = parse_query("since:2026-11-22 until:2026-11-22")
    begin = datetime(2026, 11, 22).astimezone()
    assert query.since == begin.timestamp() * 1000
    assert query.until == (begin + timedelta(days=1)).timestamp() * 1000


def test_days_have_names() -> None:
    today = datetime.combine(datetime.now().astimezone().date(), time()).astimezone()
    assert parse_query("since:today").since == today.timestamp() * 1000
    yesterday = parse_query("since:yesterday until:yesterday")
    assert yesterday.until == today.timestamp() * 1000
    last = datetime.fromtimestamp(parse_query("since:Monday").since / 1000).astimezone()
    assert last.weekday() == 0
    assert (today - last).days < 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind:explosion", "kinds are change, build"),
        ("kind:depl", "no kind 'depl'; do you mean deploy"),
        ("kind:", "kind: needs a value; kinds are change"),
        ("state:exploded", "states are accepted, active, approved, asked"),
        ("environmnt:production", "no filter environmnt: – filters are kind:"),
        ("severity:bad", "severities are info, notice"),
        ("is:broken", "it is one of red, open, mine"),
        ("since:soon", "'soon' is no time; write 2d"),
        ("kind:test kind:build", "kind: is there twice; join two searches with OR"),
        (" OR ".join(f"shop-{n}" for n in range(13)), "more than 12 searches are joined with OR"),
        ("service:", "service: needs a value"),
    ],
)
def test_a_filter_that_cannot_be_says_what_can(text: str, said: str) -> None:
    with pytest.raises(InvalidQueryError, match=re.escape(said)):
        parse_query(text)


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("se", ["service:", "severity:"]),
        ("x env:pro", ["env:production"]),
        ("-kind:de", ["-kind:deploy", "-kind:incident"]),
        ("is:", ["is:red", "is:open", "is:mine", "is:unseen", "is:claimed"]),
        ("actor:GROSS", ["actor:Größ"]),
        ("state:still", ['state:"still failing"']),
        ("plain", []),
    ],
)
def test_completion_is_of_what_the_history_holds(typed: str, becomes: list[str]) -> None:
    values = {"env": ("production", "staging"), "actor": ("ana", "Größ")}
    assert complete(typed, values) == becomes


@given(
    rows=st.lists(st.text("abc ", max_size=30), max_size=8),
    words=st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=12),
)
def test_the_order_and_nesting_of_words_change_nothing(rows: list[str], words: list[str]) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5 (text, prefix = '1 2 3')")
    database.executemany("INSERT INTO words (text) VALUES (?)", [(row,) for row in rows])
    match = Query(words=tuple(words)).match()
    found = database.execute("SELECT text FROM words WHERE words MATCH ?", (match,)).fetchall()
    database.close()
    answering = [
        row
        for row in rows
        if all(any(one.startswith(word) for one in row.split()) for word in words)
    ]
    assert sorted(text for (text,) in found) == sorted(answering)


def test_very_many_words_are_no_expression_too_deep() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")
    database.execute("INSERT INTO words (text) VALUES ('a b')")
    found = database.execute(
        "SELECT text FROM words WHERE words MATCH ?", (parse_query("a b " * 400).match(),)
    ).fetchall()
    database.close()
    assert found == [("a b",)]


@given(st.text(max_size=60))
def test_no_input_is_a_syntax_error_of_the_index(text: str) -> None:
    try:
        query = parse_query(text)
    except InvalidQueryError:
        return
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5 (text, prefix = '1 2 3')")
    for match in filter(None, (one.match() for one in query.either())):
        database.execute("SELECT rowid FROM words WHERE words MATCH ?", (match,)).fetchall()
    database.close()


def test_a_query_is_the_same_whoever_asks_it() -> None:
    query = parse_query("is:mine retry OR is:unseen")
    asked = query.asked_by(["ana"], Seen(arrival=7))
    assert asked.names == asked.alternatives[0].names == ("ana",)
    assert query == asked
    assert not query != asked  # noqa: SIM202 - the operator that a list's comparison takes
    assert hash(query) == hash(asked)
    assert query != parse_query("is:mine retry")
    assert Query().asked_by(["ana"], Seen(arrival=7)).everything
    assert not query.everything


def test_twelve_alternatives_with_all_their_meanings_are_asked() -> None:
    words = [f"shop{n}" for n in range(11)] + ["fixed"]
    query = parse_query(" OR ".join([*words, "shop0"]))
    assert [one.words for one in query.either() if not one.meaning] == [(one,) for one in words]
    assert [one.meaning for one in query.either() if one.meaning] == ["fixed"]
