"""Entries that cannot be read stop neither a start nor an answer.

They are set aside, counted and named, and may come again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.history.integrity import problems
from devstream_desktop.history.quarantine import MOST, stored_entry, stored_event, stored_proof
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.entry import Entry, device_id
from devstream_desktop.stream.query import Query

DEVICE = bytes(range(32))
POISON = {
    "deep": lambda entry: msgspec.msgpack.encode(
        [2, entry.feed, entry.seq, entry.hlc, entry.prev, msgspec.Raw(b"\x91" * 977 + b"\1")]
    ),
    "cut": lambda entry: entry.body[:-7],
    "garbage": lambda _: b"\xc1" * 300,
    "empty": lambda _: b"",
    "text": lambda _: "no bytes at all",
    "number": lambda _: 7,
    "no event": lambda entry: entry.body.replace(b"pushed", b"pulled"),
}


@pytest.fixture
def filled(open_history, new_feed, make, arrival) -> tuple[list[Entry], Path]:
    """Three feeds of eight entries, one of them this device's own.

    One has a tip, one a proof, and some rows wait for the index.
    """
    history = open_history()
    feeds = [new_feed(), new_feed(), new_feed(DEVICE + history.epoch)]
    entries = [feed.entry(make(title=f"fact {n}")) for n in range(8) for feed in feeds]
    history.add([arrival(entry) for entry in entries])
    history.settle(feeds[0].feed, 2, entries[3])
    history.freeze(feeds[1].feed, (entries[1], entries[4]))
    history.close()
    return entries, history.path


def spoil(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(sql, values).rowcount == 1


def answer(history) -> None:
    """Everything that a node asks of its log."""
    for row in history.feeds():
        for first, last in row.runs:
            history.entry(row.feed, last)
            history.entries(row.feed, first, last, newest_first=True, max_bytes=1 << 20)
    history.proofs()
    lsn = -1
    while lsn != (lsn := history.after(lsn, max_bytes=1000, not_from="")[1]):
        pass
    history.tend()


@pytest.mark.parametrize("what", POISON)
@pytest.mark.parametrize("at", ["head", "own head", "middle"])
def test_an_entry_that_cannot_be_read_is_set_aside_and_may_come_again(
    what, at, open_history, filled, arrival
) -> None:
    entries, path = filled
    entry = {"head": entries[-3], "own head": entries[-1], "middle": entries[12]}[at]
    (lsn,) = [number for number, one in enumerate(entries, 1) if one is entry]
    spoil(path, "UPDATE log SET body = ? WHERE lsn = ?", POISON[what](entry), lsn)
    assert problems(path) == () or what == "no event", "one entry is no damaged database"
    with Reader(path) as reader:
        assert len(reader.page(Query(), limit=100)) == 21
        assert len(list(reader.all_since(0))) == 21
        assert [
            line
            for line in reader.page(Query(words=("fact",)), limit=100)
            if f"fact {entry.seq - 1}" in line.event.title
        ]
        named = f"entry {entry.seq} of device {device_id(entry.feed[:32])[:8]}"
        assert (what == "no event") or any(named in sentence for sentence in reader.troubles(5))
    history = open_history()
    answer(history)
    assert (what == "no event") or named in history.quarantined
    history.add([arrival(entry)])
    answer(history)
    assert history.entry(entry.feed, entry.seq) is not None
    history.close()
    again = open_history()
    assert (what == "no event") or named in again.quarantined, "it is told after the next start too"
    again.close()
    if what != "no event":
        with Reader(path) as reader:
            assert len(reader.page(Query(), limit=100)) == 22
            (sentence,) = reader.troubles(5)
            assert "set aside" in sentence


@pytest.mark.parametrize("what", sorted(POISON.keys() - {"no event"}))
@pytest.mark.parametrize("column", ["tip_body", "proof"])
def test_a_tip_or_proof_that_cannot_be_read_stops_no_start(
    what, column, open_history, filled
) -> None:
    entries, path = filled
    spoil(
        path, f"UPDATE feeds SET {column} = ? WHERE {column} IS NOT NULL", POISON[what](entries[3])
    )
    history = open_history()
    answer(history)
    if (what, column) != ("empty", "proof"):
        assert (
            "the last settled entry" if column == "tip_body" else "a proof"
        ) in history.quarantined
    rows = {row.feed: row for row in history.feeds()}
    assert rows[entries[1].feed].frozen, "what was proven once is believed"
    assert rows[entries[0].feed].floor == 2
    history.close()
    with Reader(path) as reader:
        assert all("set aside" in sentence for sentence in reader.troubles(5))


def test_poison_in_the_middle_goes_when_it_is_met_and_when_its_feed_is_settled(
    open_history, filled
) -> None:
    entries, path = filled
    spoil(path, "UPDATE log SET body = ? WHERE lsn = 12", POISON["garbage"](entries[11]))
    history = open_history()
    assert history.quarantined == ""
    feed = entries[11].feed
    history.settle(feed, 5, None)
    answer(history)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT 1 FROM lines WHERE lsn = 12").fetchone() is None
    assert problems(path) == ()
    history.close()


def test_a_fact_whose_row_cannot_be_read_can_be_told_again(
    open_history, filled, new_feed, arrival
) -> None:
    entries, path = filled
    spoil(path, "UPDATE log SET body = ? WHERE lsn = 9", POISON["cut"](entries[8]))
    history = open_history()
    event = stored_event(entries[8].body, entries[8].signature)
    history.add([arrival(new_feed().entry(event))])
    history.close()
    with Reader(path) as reader:
        assert [
            line.event for line in reader.page(Query(), limit=100) if line.event.key == event.key
        ] == [event]


def test_texts_that_are_no_utf8_stop_nobody(open_history, filled) -> None:
    _, path = filled
    open_history().follow({"d" * 52: "dora"}, {})
    for sql in (
        "UPDATE senders SET device = CAST(x'ff' AS TEXT)",
        "UPDATE people SET person = CAST(x'ff' AS TEXT)",
        "UPDATE lines SET state = CAST(x'ff' AS TEXT) WHERE lsn = 12",
        "UPDATE facets SET value = CAST(x'ff' AS TEXT) WHERE name = 'service'",
    ):
        spoil(path, sql)
    answer(open_history())
    with Reader(path) as reader:
        assert len(reader.page(Query(), limit=100)) == 22
        assert reader.facets()


def test_only_so_much_is_kept(open_history, filled, arrival, new_feed, make) -> None:
    _, path = filled
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO aside (what, content, at) VALUES ('old', x'', 0)", [()] * (MOST + 9)
        )
    history = open_history()
    assert history.quarantined == ""
    history.close()


@given(
    st.binary(max_size=200) | st.text() | st.integers() | st.none(),
    st.binary(min_size=64, max_size=64) | st.none(),
)
def test_whatever_the_database_holds_is_read_or_is_none(body, signature) -> None:
    for found in (stored_entry(body, signature), stored_event(body, signature)):
        assert found is None
    assert stored_proof(body) is None


def test_a_head_that_cannot_be_read_counts_as_missing_at_once(open_history, filled) -> None:
    entries, path = filled
    spoil(path, "UPDATE log SET body = ? WHERE lsn = 24", POISON["deep"](entries[23]))
    history = open_history()
    (runs,) = (row.runs for row in history.feeds() if row.feed == entries[23].feed)
    assert runs == ((1, 7),), "so that peers give it again, and this device never appends behind it"
    assert history.epoch != entries[23].feed[32:]
