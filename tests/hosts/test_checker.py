"""The judge of the eight hosts is judged.

Each wrong that it looks for is noticed, and nothing else.
"""

from __future__ import annotations

import dataclasses
import sqlite3

import msgspec
import pytest
from checker import Acknowledged, Held, Look, judge, read_acknowledged, read_log

DAY = 86_400_000
NOW = 1_800_000_000_000
NODES = ("ana", "bob", "cy")


def event(n: int, at: int = NOW - 60_000) -> Held:
    return Held(b"feed", n, bytes([n]), f"key{n}", at)


def told(*held: Held) -> list[Acknowledged]:
    return [Acknowledged("ana", item.key, item.at) for item in held]


@pytest.fixture
def logs() -> dict[str, list[Held]]:
    return {node: [event(1), event(2), event(3)] for node in NODES}


def verdict(logs, acknowledged=(), looks=()):
    return judge(acknowledged, logs, looks, now=NOW, retention_ms=DAY)


def test_a_team_that_kept_its_word_is_found_so(logs) -> None:
    looks = [Look("ana", NOW - 50_000, {"key1": NOW - 60_000}), Look("ana", NOW - 40_000, {})]
    assert verdict(logs, told(event(1), event(2)), looks)


def test_what_was_acknowledged_and_is_missing_at_one_node_is_lost(logs) -> None:
    logs["cy"].pop()
    found = verdict(logs, told(event(2), event(3)))
    assert found.lost == ["key3 of ana is not at cy"]
    assert not found


def test_what_is_missing_everywhere_is_lost_though_all_are_equal(logs) -> None:
    found = verdict(logs, told(event(4)))
    assert len(found.lost) == 3
    assert not found.unequal


def test_what_is_stamped_ahead_is_nowhere_yet(logs) -> None:
    logs["ana"].append(dataclasses.replace(event(1, NOW + 2 * DAY), seq=9))
    assert verdict(logs, told(event(1)))
    logs["ana"].append(event(4, NOW + 2 * DAY))
    assert len(verdict(logs, told(event(4))).lost) == 3


def test_what_has_expired_is_not_lost(logs) -> None:
    assert verdict(logs, told(event(4, NOW - DAY - 1)))


def test_a_fact_that_is_there_twice_is_doubled(logs) -> None:
    for rows in logs.values():
        rows.append(dataclasses.replace(event(1), seq=9, digest=b"other"))
    assert len(verdict(logs).doubled) == 3


def test_a_fact_that_its_author_said_again_when_its_clock_was_set_is_not_doubled(logs) -> None:
    author, stamp = b"a" * 32, NOW - 60_000
    for rows in logs.values():
        rows[0] = Held(author + b"1", 1, b"1", "key1", stamp)
        rows.append(Held(author + b"2", 1, b"again", "key1", stamp - 700_000))
    assert verdict(logs, told(event(1)))
    wrong = {"too near": author + b"2", "one feed": author + b"1", "another's": b"b" * 32 + b"2"}
    for what, feed in wrong.items():
        at = stamp - 50_000 if what == "too near" else stamp - 700_000
        for rows in logs.values():
            rows[-1] = Held(feed, 2, b"again", "key1", at)
        assert len(verdict(logs).doubled) == 3, what


def test_a_fact_that_is_held_and_not_shown_is_hidden(logs) -> None:
    logs["bob"][0] = dataclasses.replace(logs["bob"][0], shown=False)
    assert verdict(logs).hidden == ["key1 is held at bob and shown nowhere"]
    logs["bob"].append(dataclasses.replace(event(1), seq=9, at=NOW - 700_000, feed=b"feed"))
    assert not verdict(logs).hidden


def test_one_number_with_two_meanings_is_doubled(logs) -> None:
    logs["bob"][0] = dataclasses.replace(logs["bob"][0], digest=b"other")
    found = verdict(logs)
    assert found.doubled == ["number 1 of feed 66656564 is another event at bob"]


def test_an_expired_event_that_a_node_had_let_go_and_has_again_is_returned(logs) -> None:
    old = event(7, NOW - DAY - 30_000)
    looks = [
        Look("cy", NOW - 60_000, {"key7": old.at}),
        Look("cy", NOW - 10_000, {}),
        Look("bob", NOW - 10_000, {"key7": old.at}),
    ]
    assert verdict(logs, looks=looks)
    logs["bob"].append(old)
    assert verdict(logs, looks=looks)
    logs["cy"].append(old)
    found = verdict(logs, looks=looks)
    assert found.returned == ["key7 had expired and left cy, and is there again"]


def test_an_expired_event_that_comes_to_one_who_never_had_it_is_returned(logs) -> None:
    old = event(7, NOW - DAY - 30_000)
    looks = [
        Look("bob", NOW - 20_000, {"key7": old.at}),
        Look("cy", NOW - 10_000, {}),
        Look("cy", NOW - 5_000, {"key7": old.at}),
    ]
    assert len(verdict(logs, looks=looks).returned) == 1


def test_histories_that_differ_are_unequal_though_nothing_of_it_was_acknowledged(logs) -> None:
    logs["ana"].append(event(5))
    found = verdict(logs)
    assert found.unequal == [
        "bob lacks 1 of 4 that others hold",
        "cy lacks 1 of 4 that others hold",
    ]
    assert not found.lost


def test_only_what_lives_must_be_equal(logs) -> None:
    logs["ana"].append(event(5, NOW - DAY - 1))
    assert verdict(logs)


def test_it_reads_databases_and_acknowledgements_by_their_formats_alone(tmp_path) -> None:
    path = tmp_path / "history.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE feeds (id INTEGER PRIMARY KEY, proof BLOB); CREATE TABLE log (lsn INTEGER "
        "PRIMARY KEY, feed INTEGER, body BLOB);"
        " CREATE TABLE lines (lsn INTEGER); INSERT INTO lines VALUES (3);"
    )
    for lsn, feed, author, seq in (
        (1, 1, b"feed", 1),
        (2, 2, b"feed", 2),
        (3, 1, b"feed", 3),
        (4, 1, b"liar", 4),
    ):
        body = msgspec.msgpack.encode(
            [1, author, seq, NOW << 16, b"", ["build", "failed", "shop", "b", f"key{seq}"]]
        )
        connection.execute("INSERT INTO log VALUES (?, ?, ?)", (lsn, feed, body))
    connection.executescript("INSERT INTO feeds VALUES (1, NULL), (2, x'00');")
    connection.close()
    hidden, shown = read_log(path, ignored=b"liar")
    assert (hidden.feed, hidden.seq, hidden.key, hidden.at, hidden.shown) == (
        b"feed",
        1,
        "key1",
        NOW,
        False,
    )
    assert (shown.key, shown.shown) == ("key3", True)
    assert [row.key for row in read_log(path)] == ["key1", "key3", "key4"]
    (tmp_path / "told").write_text('{"node": "ana", "key": "key1", "at": 5}\n')
    assert read_acknowledged(tmp_path / "told") == [Acknowledged("ana", "key1", 5)]
    assert read_acknowledged(tmp_path / "nothing") == []
