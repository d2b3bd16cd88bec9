"""The store's one thread: groups, failures that stay alone, closing, and a database of another age."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from devstream_desktop.intake.spool import Notes
from devstream_desktop.intake.store import Store, StoreError


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
    results = await asyncio.gather(*(notes.write(str(n), b"x" * 10_000) for n in range(5)), return_exceptions=True)
    assert all(isinstance(result, StoreError) and "full" in str(result) for result in results)
    await store.run(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone())
    await notes.write("after", b"1")
    assert await notes.read("after") == b"1"


async def test_waiting_work_is_one_transaction(store):
    """The thread is held while work arrives; what arrived is then committed together."""
    loop = asyncio.get_running_loop()
    started, release = asyncio.Event(), asyncio.Event()
    commits = []

    def hold(connection):
        connection.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
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
