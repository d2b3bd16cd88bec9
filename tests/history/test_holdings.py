"""A start knows the held numbers of each feed without a walk through the log."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstream_desktop.history import holdings
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.integrity import problems
from devstream_desktop.history.log import History


def held(history: History) -> dict[bytes, set[int]]:
    """The numbers as the history tells them."""
    return {
        record.feed: {seq for first, last in record.runs for seq in range(first, last + 1)}
        for record in history.feeds()
        if record.runs
    }


def rows(history: History) -> dict[bytes, set[int]]:
    """The numbers of which there is a row."""
    found: dict[bytes, set[int]] = {}
    for feed, seq in history._connection.execute(
        "SELECT feeds.feed, seq FROM log JOIN feeds ON feeds.id = log.feed"
    ):
        found.setdefault(feed, set()).add(seq)
    return found


@pytest.mark.parametrize("clean", [True, False])
def test_a_start_looks_only_at_what_came_since_the_note(
    clean, tmp_path: Path, open_history, below, new_feed, make, arrival, monkeypatch
) -> None:
    monkeypatch.setattr(holdings, "SINCE", 100)
    history = open_history()
    feeds = [new_feed(), new_feed()]
    entries = [feed.entry(make()) for _ in range(80) for feed in feeds]
    history.add([arrival(entry) for entry in entries])
    while history.tend():
        pass
    late = feeds[0].entry(make())
    history.add([arrival(late)])
    if clean:
        history.close()
    else:
        below().close()
    again = open_history()
    asked: list[str] = []
    below().set_trace_callback(asked.append)
    assert held(again) == {feeds[0].feed: set(range(1, 82)), feeds[1].feed: set(range(1, 81))}
    assert again.lacking(b"\0" * 8, 7) == 7
    below().set_trace_callback(None)
    of_log = [statement for statement in asked if " log" in statement]
    since = 161 if clean else 160
    assert of_log
    assert all(f"lsn > {since}" in statement for statement in of_log)
    plan = below().execute(f"EXPLAIN QUERY PLAN {of_log[0]}").fetchall()
    assert any("SEARCH log USING INTEGER PRIMARY KEY" in step[-1] for step in plan), plan


def test_without_a_note_or_with_a_spoiled_one_the_log_is_counted(
    open_history, new_feed, make, arrival, sql
) -> None:
    history = open_history()
    feed = new_feed()
    history.add([arrival(feed.entry(make())) for _ in range(5)])
    history.close()
    for change in (
        "UPDATE meta SET value = x'c1' WHERE name = 'held'",
        "DELETE FROM meta WHERE name = 'held'",
    ):
        sql(change)
        again = open_history()
        assert held(again) == {feed.feed: {1, 2, 3, 4, 5}}
        again.close()


def test_a_feed_with_very_many_gaps_leaves_no_note(
    open_history, new_feed, make, arrival, sql, monkeypatch
) -> None:
    monkeypatch.setattr(holdings, "MOST_RUNS", 3)
    history = open_history()
    feed = new_feed()
    entries = [feed.entry(make()) for _ in range(8)]
    history.add([arrival(entry) for entry in entries[::2]])
    history.close()
    assert sql("SELECT COUNT(*) FROM meta WHERE name = 'held'") == [(0,)]
    assert held(open_history()) == {feed.feed: {1, 3, 5, 7}}


def test_a_feed_that_was_forgotten_may_come_again(open_history, new_feed, make, arrival) -> None:
    history = open_history()
    feed = new_feed()
    entries = [feed.entry(make()) for _ in range(5)]
    history.add([arrival(entry) for entry in entries])
    history.close()
    again = open_history()
    again.settle(feed.feed, 5, entries[4])
    again.drop(feed.feed)
    again.add([arrival(entry) for entry in entries[:2]])
    assert held(again) == {feed.feed: {1, 2}}


def test_the_whole_check_compares_the_note_with_the_log(
    open_history, new_feed, make, arrival, sql
) -> None:
    history = open_history()
    feed = new_feed()
    history.add([arrival(feed.entry(make())) for _ in range(5)])
    history.close()
    assert problems(history.path) == ()
    sql("DELETE FROM lines WHERE lsn = 2")
    sql("DELETE FROM log WHERE lsn = 2")
    assert any("noted as held" in problem for problem in problems(history.path))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_what_is_held_is_what_has_rows_whatever_happened(
    seed: int, tmp_path: Path, new_feed, make, arrival, monkeypatch
) -> None:
    """In whatever order entries come, expire, are set aside, and a node is stopped or killed."""
    rng = random.Random(seed)
    monkeypatch.setattr(holdings, "SINCE", rng.choice([1, 3, 8]))
    monkeypatch.setattr(holdings, "MOST_RUNS", rng.choice([2, 100]))
    path = tmp_path / f"{seed}.sqlite"

    def opened() -> History:
        return History(path, FeedMirror(None), bytes(32), "team")

    feeds = [new_feed() for _ in range(3)]
    entries = {feed.feed: [feed.entry(make()) for _ in range(9)] for feed in feeds}
    history = opened()
    for _ in range(20):
        feed = rng.choice(feeds).feed
        match rng.choice(("add", "add", "add", "settle", "tend", "drop", "spoil", "stop", "kill")):
            case "add":
                floor = next((one.floor for one in history.feeds() if one.feed == feed), 0)
                some = [one for one in entries[feed] if one.seq > floor and rng.random() < 0.4]
                history.add([arrival(entry) for entry in some])
            case "settle":
                floor = rng.randint(1, 9)
                history.settle(feed, floor, entries[feed][floor - 1])
            case "tend":
                history.tend()
            case "drop" if feed not in rows(history):
                history.drop(feed)
            case "spoil":
                history._connection.execute(
                    "UPDATE log SET body = x'00' WHERE lsn = (SELECT lsn FROM log LIMIT 1)"
                )
                history.after(0, max_bytes=1 << 20, not_from="")
                history.tend()
            case "stop":
                history.close()
                history = opened()
            case "kill":
                history._connection.close()
                history = opened()
        assert held(history) == rows(history)
        assert problems(path) == ()
        for record in history.feeds():
            above = sum(seq <= 7 for seq in rows(history).get(record.feed, ()))
            assert history._feeds.lacking(record.feed, 7) == max(
                0, 7 - min(7, record.floor) - above
            )
    with closing(history._connection):
        pass
