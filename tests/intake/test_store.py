"""The store's one thread.

Groups, failures that stay alone, closing, and a database of another age.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest

from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.store import Store, StoreError
from devstream_desktop.intake.webhook.spool import Spool, Taken


@pytest.fixture
async def store(home):
    store = Store(home.intake)
    await store.open()
    yield store
    await store.close()


async def test_notes_are_kept_and_forgotten(store, home):
    notes = Notes(store)
    assert await notes.read("a") == b""
    await notes.write("a", b"1")
    await notes.write("a", b"2")
    await store.close()
    again = Store(home.intake)
    await again.open()
    assert await Notes(again).read("a") == b"2"
    await Notes(again).write("a", b"")
    assert await Notes(again).read("a") == b""
    await again.close()


async def test_work_that_raises_undoes_only_itself(store):
    def good(connection):
        connection.execute("INSERT INTO note VALUES (?, ?)", ("good", b"1"))
        return "done"

    def bad(connection):
        connection.execute("INSERT INTO note VALUES (?, ?)", ("bad", b"1"))
        raise ValueError("not this one")

    results = await asyncio.gather(store.run(good), store.run(bad), return_exceptions=True)
    assert results[0] == "done"
    assert isinstance(results[1], ValueError)
    notes = Notes(store)
    assert (await notes.read("good"), await notes.read("bad")) == (b"1", b"")


async def test_a_full_disk_fails_every_waiter_of_the_group_and_the_next_works(store):
    await store.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    notes = Notes(store)
    results = await asyncio.gather(
        *(notes.write(str(n), b"x" * 10_000) for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, StoreError) and "full" in str(result) for result in results)
    await store.run(
        lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone()
    )
    await notes.write("after", b"1")
    assert await notes.read("after") == b"1"


async def test_waiting_work_is_one_transaction(store):
    """The thread is held while work arrives; what arrived is then committed together."""
    loop = asyncio.get_running_loop()
    started, release = asyncio.Event(), asyncio.Event()
    commits = []

    def hold(connection):
        connection.set_trace_callback(
            lambda statement: commits.append(statement) if statement == "COMMIT" else None
        )
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)

    held = asyncio.ensure_future(store.run(hold))
    await started.wait()
    notes = Notes(store)
    writes = [asyncio.ensure_future(notes.write(str(number), b"1")) for number in range(100)]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(held, *writes)
    assert len(commits) == 2


async def test_a_closed_store_says_so(store):
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.run(lambda connection: None)


async def test_a_store_of_a_newer_devstream_is_left_alone(home):
    def newer() -> None:
        connection = sqlite3.connect(home.intake)
        connection.execute("PRAGMA user_version = 99")
        connection.close()

    await asyncio.to_thread(newer)
    with pytest.raises(StoreError, match="newer devstream"):
        await Store(home.intake).open()


async def test_what_is_asked_for_in_one_turn_of_the_loop_shares_one_commit(store):
    statements: list[str] = []
    await store.run(lambda connection: connection.set_trace_callback(statements.append))
    statements.clear()
    notes = Notes(store)
    await asyncio.gather(*(notes.write(str(number), b"x") for number in range(50)))
    assert statements.count("COMMIT") == 1
    await store.run(lambda connection: connection.set_trace_callback(None))


async def test_items_of_one_turn_are_worked_on_together_and_each_gets_its_result(store):
    groups = []

    def doubled(connection, items):
        groups.append(items)
        return [2 * item for item in items]

    def refused(connection, items):
        raise ValueError(f"not {items}")

    work = [store.each(doubled, number) for number in range(10)]
    bad = [store.each(refused, number) for number in range(2)]
    after = store.each(doubled, 10)
    results = await asyncio.gather(*work, *bad, after, return_exceptions=True)
    assert results[:10] + results[12:] == [2 * number for number in range(11)]
    assert [str(result) for result in results[10:12]] == ["not [0, 1]"] * 2
    assert groups == [list(range(10)), [10]]


async def test_an_id_that_comes_twice_in_one_group_is_stored_once(store):
    spool = Spool(store)
    offered = [("gh", "1"), ("gh", "2"), ("gh", "1"), ("gl", "1"), ("gh", ""), ("gh", "")]
    bodies = [b"%d" % number for number in range(len(offered))]
    taken = await asyncio.gather(
        *(spool.put(*names, {}, body, 1) for names, body in zip(offered, bodies, strict=True))
    )
    stored, seen = Taken.STORED, Taken.SEEN
    assert taken == [stored, stored, seen, stored, stored, stored]
    assert [row.body for row in await spool.next(10)] == [b"0", b"1", b"3", b"4", b"5"]
    assert spool.waiting == 5
    assert await spool.put("gl", "1", {}, b"again", 1) is seen


async def test_a_burst_of_any_size_is_stored_in_the_order_in_which_it_came(store):
    # A tenth of what SQLite takes by default, and more than a group needs.
    number = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    await store.run(lambda connection: connection.setlimit(number, 3_200))
    spool = Spool(store)
    taken = await asyncio.gather(
        *(spool.put("gh", f"delivery {number}", {}, b"%d" % number, 1) for number in range(3_000))
    )
    assert set(taken) == {Taken.STORED}
    assert [row.body for row in await spool.next(3_000)] == [b"%d" % n for n in range(3_000)]


async def test_a_delivery_that_is_done_is_not_written_again(store, home):
    spool = Spool(store)
    await spool.put("gh", "", {}, b"x" * 2_000_000, 1)
    await store.run(
        lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() and None
    )
    wal = home.intake.with_name(home.intake.name + "-wal")
    before = (await asyncio.to_thread(wal.stat)).st_size
    await spool.done(await spool.next(10))
    assert await spool.next(10) == []
    assert (await asyncio.to_thread(wal.stat)).st_size - before < 100_000


async def test_what_waits_in_a_spool_of_the_first_schema_is_taken_over(home):
    def old() -> None:
        with contextlib.closing(sqlite3.connect(home.intake)) as connection:
            connection.executescript(
                "CREATE TABLE raw (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                " source TEXT NOT NULL, headers TEXT NOT NULL,"
                " body BLOB NOT NULL, received INTEGER NOT NULL, outcome TEXT) STRICT;"
                "CREATE INDEX raw_waiting ON raw (id) WHERE outcome IS NULL;"
                "CREATE TABLE delivery (source TEXT NOT NULL, id TEXT NOT NULL,"
                " received INTEGER NOT NULL,"
                " PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;"
                "CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
                " STRICT, WITHOUT ROWID;"
                "INSERT INTO raw VALUES (1, 'gh', '{}', x'31', 5, '1 events'),"
                " (2, 'gh', '{}', x'32', 6, NULL);"
                "PRAGMA user_version=1;"
            )

    await asyncio.to_thread(old)
    store = Store(home.intake)
    await store.open()
    spool = Spool(store)
    await spool.open()
    assert spool.waiting == 1
    assert [(row.id, row.body) for row in await spool.next(10)] == [(2, b"2")]
    assert await spool.prune(1 << 46) == 1
    await store.close()


async def test_the_sources_take_turns_and_each_keeps_its_order(store):
    spool = Spool(store)
    for number in range(40):
        await spool.put("loud", "", {}, b"%d" % number, number)
    for number in range(3):
        await spool.put("calm", "", {}, b"%d" % number, 100 + number)
    first = await spool.next(10)
    assert [(row.source, row.body) for row in first] == [
        *(("loud", b"%d" % number) for number in range(7)),
        *(("calm", b"%d" % number) for number in range(3)),
    ]
    await spool.done(first)
    assert [row.body for row in await spool.next(10)] == [b"%d" % n for n in range(7, 17)]
    # One that cannot be worked off now holds up nothing.
    await spool.put("calm", "", {}, b"later", 200)
    assert [row.source for row in await spool.next(10, {"loud"})] == ["calm"]
    assert await spool.next(10, {"loud", "calm"}) == []


async def test_large_deliveries_of_one_source_leave_room_for_another(store):
    spool = Spool(store)
    for _ in range(4):
        await spool.put("loud", "", {}, bytes(5_000_000), 1)
    await spool.put("calm", "", {}, b"small", 2)
    assert [row.source for row in await spool.next(10)] == ["loud", "calm"]


async def test_what_is_done_does_not_fill_the_disk(store, home, monkeypatch):
    monkeypatch.setattr("devstream_desktop.intake.webhook.spool.MAX_KEPT_BYTES", 2_000_000)
    spool = Spool(store)
    for number in range(20):
        await spool.put("loud", "", {}, bytes(300_000), number)
    assert await spool.prune(0) == 0
    # What waits is never deleted, and of the rest the newest stay.
    await spool.done((await spool.next(20))[:15])
    assert await spool.prune(0) == 14
    assert len(await spool.next(20)) == 5
    await spool.done(await spool.next(20))
    assert await spool.prune(0) == 0
    # The free pages are used again: the file does not grow.
    before = await size_of(store, home)
    for number in range(10):
        await spool.put("loud", "", {}, bytes(300_000), number)
    assert await size_of(store, home) == before


async def size_of(store, home) -> int:
    """The size of the file with all that was written."""
    await store.run(
        lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() and None
    )
    return (await asyncio.to_thread(home.intake.stat)).st_size
