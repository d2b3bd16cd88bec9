"""The log: what it keeps and derives, also when the disk or the past is not as it should be."""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from devstream_desktop.history import epoch as epoch_module
from devstream_desktop.history import holdings, writer
from devstream_desktop.history.database import SCHEMA_VERSION, HistoryError, HistoryFullError
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.schema import migrations
from devstream_desktop.history.search_index import WEED
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.query_text import parse_query


def test_files_are_the_owners_alone(history: History) -> None:
    files = list(history.path.parent.glob("history.sqlite*"))
    assert history.path in files
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_arrivals_are_numbered_and_returned_in_order(history, feed, make, arrival) -> None:
    entries = [feed.entry(make()) for _ in range(5)]
    assert history.add([arrival(entry) for entry in entries]) == 5
    assert history.newest() == 5
    found, position = history.after(2, max_bytes=10**6, not_from="")
    assert [entry.seq for entry in found] == [3, 4, 5]
    assert position == 5
    assert found[0].body == entries[2].body


def test_a_start_reads_no_feed_without_gaps(history, feed, make, arrival, below) -> None:
    """A history has a million numbers, and their index takes a second to read."""
    entries = [feed.entry(make()) for _ in range(holdings.FEW + 100)]
    history.add([arrival(entry) for entry in entries])
    asked: list[str] = []
    below().set_trace_callback(asked.append)
    assert [record.runs for record in history.feeds()] == [((1, len(entries)),)]
    below().set_trace_callback(None)
    assert sum("COUNT" in statement for statement in asked) == 1
    assert not any("ROW_NUMBER" in statement for statement in asked)


def test_what_is_held_is_skipped(history, feed, make, arrival) -> None:
    entries = [feed.entry(make()) for _ in range(3)]
    history.add([arrival(entries[0])])
    assert history.add([arrival(entry) for entry in [*entries, entries[2]]]) == 3
    assert history.after(1, max_bytes=10**6, not_from="") == (entries[1:], 3)
    assert history.add([arrival(entry) for entry in entries]) == 3
    assert [run for record in history.feeds() for run in record.runs] == [(1, 3)]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(1, 40), max_size=30),
    lsn=st.integers(0, 700),
    max_bytes=st.sampled_from([1, 5_000, 10**6]),
    skip=st.booleans(),
)
def test_news_are_the_same_from_memory_and_from_the_disk(
    open_history, tmp_path, feed, make, arrival, sizes, lsn, max_bytes, skip
) -> None:
    for file in tmp_path.glob("history.sqlite*"):
        file.unlink()
    history = open_history()
    for number, size in enumerate(sizes):
        history.add(
            [arrival(feed.entry(make()), "one" if number % 3 else "other") for _ in range(size)]
        )
    here = history.after(lsn, max_bytes=max_bytes, not_from="one" if skip else "")
    history.close()
    again = open_history()
    assert again.after(lsn, max_bytes=max_bytes, not_from="one" if skip else "") == here
    again.close()


def test_what_is_settled_is_no_news(history, feed, make, arrival) -> None:
    entries = [feed.entry(make()) for _ in range(4)]
    history.add([arrival(entry) for entry in entries])
    history.settle(feed.feed, 3, entries[2])
    assert history.after(0, max_bytes=10**6, not_from="") == ([entries[3]], 4)


def test_a_batch_is_cut_at_its_size_but_never_empty(history, feed, make, arrival) -> None:
    entries = [feed.entry(make()) for _ in range(4)]
    history.add([arrival(entry) for entry in entries])
    sizes = [len(entry.body) + len(entry.signature) for entry in entries]
    assert len(history.after(0, max_bytes=1, not_from="")[0]) == 1
    assert len(history.after(0, max_bytes=sum(sizes[:2]), not_from="")[0]) == 2
    assert len(history.after(0, max_bytes=sum(sizes[:2]) - 1, not_from="")[0]) == 1
    assert [
        entry.seq
        for entry in history.entries(feed.feed, 1, 4, newest_first=True, max_bytes=sum(sizes[2:]))
    ] == [4, 3]


def test_a_peer_is_not_told_what_it_said(history, feed, new_feed, make, arrival) -> None:
    other, peer = new_feed(), device_id(os.urandom(32))
    history.add(
        [arrival(feed.entry(make()), sender=peer), arrival(other.entry(make()), sender="third")]
    )
    assert [entry.feed for entry in history.after(0, max_bytes=10**6, not_from=peer)[0]] == [
        other.feed
    ]
    found, position = history.after(0, max_bytes=10**6, not_from="", but=other.feed)
    assert [entry.feed for entry in found] == [feed.feed]
    assert position == 2


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32), few=st.sampled_from([0, 2, 500]), halvings=st.sampled_from([1, 8])
)
def test_runs_are_what_is_held_in_whatever_order_it_came(
    seed: int, few: int, halvings: int, tmp_path: Path, new_feed, make, arrival, monkeypatch
) -> None:
    # Counted, halved or read: the same is found.
    monkeypatch.setattr(holdings, "FEW", few)
    monkeypatch.setattr(holdings, "HALVINGS", halvings)
    rng = random.Random(seed)
    history = History(
        tmp_path / f"{seed}-{few}-{halvings}.sqlite", FeedMirror(None), bytes(32), "team"
    )
    feed = new_feed()
    entries = [feed.entry(make()) for _ in range(12)]
    held = rng.sample(entries, rng.randint(0, 12))
    for entry in held:
        history.add([arrival(entry)])
    numbers = sorted(entry.seq for entry in held)
    runs = [run for record in history.feeds() for run in record.runs]
    assert [number for first, last in runs for number in range(first, last + 1)] == numbers
    assert all(earlier[1] + 1 < later[0] for earlier, later in itertools.pairwise(runs))
    history.close()


def test_settling_forgets_rows_lines_and_words_and_keeps_the_tip(
    history, reader, feed, make, arrival, check_index
) -> None:
    from devstream_desktop.stream.query import Query

    entries = [feed.entry(make(title=f"word{number}")) for number in range(6)]
    history.add([arrival(entry) for entry in entries])
    history.settle(feed.feed, 4, entries[3])
    record = history.feeds()[0]
    assert (record.floor, record.runs) == (4, ((5, 6),))
    assert record.tip == entries[3]
    assert history.entry(feed.feed, 4) == entries[3]
    assert history.entry(feed.feed, 3) is None
    assert reader.count() == 2
    assert reader.page(Query(words=("word2",))) == []
    assert len(reader.page(Query(words=("word5",)))) == 1
    check_index()


def test_what_is_freed_goes_back_to_the_disk(history, feed, make, arrival) -> None:
    entries = [
        feed.entry(make(title="long title " * 12, url="https://example.com/" + "x" * 400))
        for _ in range(WEED + 100)
    ]
    history.add([arrival(entry) for entry in entries])
    history.checkpoint()
    before = history.path.stat().st_size
    history.settle(feed.feed, WEED, entries[WEED - 1])
    while history.tend():
        pass
    history.checkpoint()
    assert history.path.stat().st_size < before / 2


with closing(sqlite3.connect(":memory:")) as _empty:
    STEPS = [step.name for step in migrations.pending(Database(_empty))]


def test_the_version_of_a_database_counts_its_migrations() -> None:
    assert len(STEPS) == SCHEMA_VERSION


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_history_of_an_earlier_schema_is_taken_over(
    version: int, open_history, tmp_path, reader, feed, make
) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        migrations.apply(Database(old), stop_before=STEPS[version])
        old.execute(f"PRAGMA user_version = {version}")
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("INSERT INTO feeds (feed) VALUES (?)", (feed.feed,))
        old.execute("INSERT INTO senders (device) VALUES ('')")
        for number in range(3):
            entry = feed.entry(make(title=f"old{number}"))
            old.execute(
                "INSERT INTO log VALUES (?, 1, ?, 1, 1, ?, ?)",
                (entry.seq, entry.seq, entry.body, entry.signature),
            )
    history = open_history()
    assert history.newest() == 3
    assert [line.event.title for line in reader.page(parse_query("old1"))] == ["old1"]
    with closing(sqlite3.connect(path)) as now:
        assert now.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_numbers_of_arrival_are_never_used_again(open_history, feed, make, arrival) -> None:
    history = open_history()
    entries = [feed.entry(make()) for _ in range(3)]
    history.add([arrival(entry) for entry in entries])
    history.settle(feed.feed, 3, entries[2])
    history.close()
    again = open_history()
    assert again.newest() == 3
    assert again.add([arrival(feed.entry(make()))]) == 4


def test_a_dropped_feed_is_gone_and_may_come_again(history, feed, make, arrival) -> None:
    entry = feed.entry(make())
    history.add([arrival(entry)])
    history.settle(feed.feed, 1, entry)
    history.freeze(feed.feed, (entry, entry))
    history.drop(feed.feed)
    assert feed.feed not in {row.feed for row in history.feeds()}
    assert history.proofs() == {}
    history.add([arrival(feed.entry(make()))])
    assert [
        (row.floor, row.frozen, row.runs) for row in history.feeds() if row.feed == feed.feed
    ] == [(0, False, ((2, 2),))]


def test_a_frozen_feed_travels_no_more_and_keeps_its_proof(
    open_history, feed, make, arrival
) -> None:
    history = open_history()
    first, second = feed.entry(make()), feed.entry(make())
    history.add([arrival(first), arrival(second)])
    history.freeze(feed.feed, (first, second))
    assert history.after(0, max_bytes=10**6, not_from="") == ([], 2)
    history.close()
    again = open_history()
    assert again.proofs() == {feed.feed: (first, second)}
    assert again.feeds()[0].frozen


def test_the_index_is_new_after_an_unclean_stop_only(open_history, below) -> None:
    first = open_history()
    index = first.index
    first.close()
    second = open_history()
    assert second.index == index
    below().close()
    assert open_history().index != index


def test_the_epoch_goes_on_after_a_clean_stop_and_a_kill(
    open_history, new_feed, make, arrival, below
) -> None:
    history = open_history()
    epoch = history.epoch
    own = new_feed(bytes(range(32)) + epoch)
    history.add([arrival(own.entry(make()))], durable=True)
    below().close()
    assert open_history().epoch == epoch


def test_a_restored_database_begins_a_new_epoch(
    open_history, tmp_path, new_feed, make, arrival
) -> None:
    history = open_history()
    epoch = history.epoch
    own = new_feed(bytes(range(32)) + epoch)
    history.add([arrival(own.entry(make()))], durable=True)
    history.close()
    backup = (tmp_path / "history.sqlite").read_bytes()
    later = open_history()
    later.add([arrival(own.entry(make()))], durable=True)
    later.close()
    for file in tmp_path.glob("history.sqlite*"):
        file.unlink()
    (tmp_path / "history.sqlite").write_bytes(backup)
    assert open_history().epoch != epoch


def test_a_copy_of_the_whole_home_begins_a_new_epoch_and_the_original_does_not(
    tmp_path, new_feed, make, arrival
) -> None:
    def opened(folder: Path) -> History:
        return History(
            folder / "history.sqlite", FeedMirror(folder / "feed.json"), bytes(range(32)), "team"
        )

    (tmp_path / "home").mkdir()
    history = opened(tmp_path / "home")
    epoch = history.epoch
    history.add([arrival(new_feed(bytes(range(32)) + epoch).entry(make()))], durable=True)
    history.close()
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    copy, original = opened(tmp_path / "copy"), opened(tmp_path / "home")
    assert original.epoch == epoch
    assert copy.epoch != epoch
    assert copy.newest() == 1
    renewed = copy.epoch
    copy.close()
    original.close()
    again = opened(tmp_path / "copy")
    assert again.epoch == renewed
    again.close()
    (tmp_path / "home").rename(tmp_path / "moved")
    moved = opened(tmp_path / "moved")
    assert moved.epoch == epoch
    moved.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b"{"),
        lambda file: file.write_bytes(b""),
    ],
)
def test_a_database_without_its_mirror_begins_a_new_epoch(open_history, tmp_path, damage) -> None:
    history = open_history()
    epoch = history.epoch
    history.close()
    damage(tmp_path / "feed.json")
    assert open_history().epoch != epoch


def test_a_full_disk_stores_nothing_and_says_so(
    history, reader, feed, make, arrival, below
) -> None:
    history.add([arrival(feed.entry(make()))])
    pages = below().execute("PRAGMA page_count").fetchone()[0]
    below().execute(f"PRAGMA max_page_count = {pages}")
    big = [
        feed.entry(make(title="long title " * 12, url="https://example.com/" + "x" * 400))
        for _ in range(400)
    ]
    with pytest.raises(HistoryFullError, match="the event was not stored; free some space"):
        history.add([arrival(entry) for entry in big])
    assert history.newest() == 1
    assert reader.count() == 1
    below().execute("PRAGMA max_page_count = 1000000")
    assert history.add([arrival(entry) for entry in big]) == 401
    assert reader.count() == 401


def test_an_own_entry_is_not_stored_when_the_mirror_cannot_be_written(
    history, new_feed, make, arrival, monkeypatch
) -> None:
    own = new_feed(bytes(range(32)) + history.epoch)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(epoch_module, "write_private", full)
    with pytest.raises(HistoryFullError):
        history.add([arrival(own.entry(make()))], durable=True)
    assert history.newest() == 0


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"not a database, but long enough to look at" * 200)
    with pytest.raises(HistoryError, match="is damaged"):
        History(tmp_path / "history.sqlite", FeedMirror(None), bytes(32), "team")


def test_a_newer_database_is_left_alone(open_history, tmp_path: Path, below) -> None:
    history = open_history()
    below().execute("PRAGMA user_version = 99")
    below().execute(
        "INSERT INTO _sqlite_migrations (migration_set, name)"
        " VALUES ('devstream-history', 'of tomorrow')"
    )
    history.close()
    with pytest.raises(HistoryError, match="newer devstream"):
        open_history()


def test_a_long_write_ahead_log_is_folded_in_between_the_parts_of_a_catch_up(
    history, feed, make, arrival, below, monkeypatch
) -> None:
    monkeypatch.setattr(writer, "LONG_WAL", 400_000)
    below().execute("PRAGMA journal_size_limit = 40000")
    folds = 0
    for _ in range(30):
        history.add([arrival(feed.entry(make(title="x" * 90))) for _ in range(20)])
        if history.should_fold:
            history.checkpoint()
            folds += 1
            assert not history.should_fold, "until something is written again"
        # It begins anew, and is cut to what is kept of it.
        assert history.unfolded() < 800_000
    assert 0 < folds < 30
