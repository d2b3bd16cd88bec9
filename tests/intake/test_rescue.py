"""A damaged intake.sqlite.

Deliveries that were answered and wait are kept where they can be read, and pollers know where they
were.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from devstream_desktop import sqlite_file
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.store import Store, StoreError
from devstream_desktop.intake.webhook.spool import Spool, Taken

WAITING = 200
BODY = b"a body that says which it is: %d " + b"x" * 300


async def fill(path: Path) -> None:
    store = Store(path)
    await store.open()
    spool, notes = Spool(store), Notes(store)
    await spool.open()
    for number in range(WAITING):
        assert (
            await spool.put("hub", f"delivery-{number}", {"a": "b"}, BODY % number, 5)
            is Taken.STORED
        )
    await notes.write("git/shop", b"where it is")
    await store.close()


async def left(path: Path) -> tuple[set[bytes], bytes]:
    store = Store(path)
    await store.open()
    spool, notes = Spool(store), Notes(store)
    await spool.open()
    rows = {row.body for row in await spool.next(2 * WAITING)}
    note = await notes.read("git/shop")
    assert await spool.put("hub", "", {}, b"taken in afterwards", 5) is Taken.STORED
    await store.close()
    return rows, note


def spoil(path: Path, at: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(at).randbytes(count))


DAMAGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "first bytes": (lambda path: spoil(path, 0, 16), WAITING),
    "header": (lambda path: spoil(path, 0, 100), WAITING),
    "a page in the middle": (
        lambda path: spoil(path, path.stat().st_size // 8192 * 4096, 4096),
        WAITING // 2,
    ),
    "cut in half": (lambda path: os.truncate(path, path.stat().st_size // 8192 * 4096), 1),
    "emptied": (lambda path: path.write_bytes(b""), 0),
    "garbage": (lambda path: spoil(path, 0, path.stat().st_size), 0),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_what_can_be_read_is_kept_and_the_rest_set_aside(how: str, tmp_path: Path) -> None:
    path = tmp_path / "intake.sqlite"
    asyncio.run(fill(path))
    damage, least = DAMAGES[how]
    damage(path)
    rows, note = asyncio.run(left(path))
    assert rows <= {BODY % number for number in range(WAITING)}
    assert len(rows) >= least
    assert note == b"where it is" or least < WAITING // 2
    assert len(sqlite_file.asides(path)) == 1
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
    again, _ = asyncio.run(left(path))
    assert again == rows | {b"taken in afterwards"}
    assert len(sqlite_file.asides(path)) == 1


def test_a_database_of_a_newer_devstream_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "intake.sqlite"
    asyncio.run(fill(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match="newer devstream"):
        asyncio.run(left(path))
    assert sqlite_file.asides(path) == []


def test_only_two_damaged_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "intake.sqlite"
    for _ in range(4):
        if not path.exists():
            asyncio.run(fill(path))
        spoil(path, 0, 16)
        asyncio.run(left(path))
    assert len(sqlite_file.asides(path)) == 2
