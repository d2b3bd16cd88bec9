"""A damaged deploy.sqlite: nothing runs before its operator has looked, and nothing twice."""

from __future__ import annotations

import os

import pytest

from devstream_desktop.clock import now_ms
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.runs import Runs

pytestmark = pytest.mark.process


def garbage(path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


DAMAGES = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbage": garbage,
}


@pytest.mark.parametrize("how", DAMAGES)
async def test_nothing_runs_before_the_operator_removed_the_damaged_file(room, how):
    room.clock.ms = now_ms()  # by which old output is thrown away
    room.write()
    await room.start()
    event = room.request()
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    await room.deploys.stop()
    printed = room.log(event).stat().st_mtime_ns
    DAMAGES[how](room.home.deploy)
    for _ in range(2):
        with pytest.raises(
            RunsError,
            match=r"then remove .*deploy\.sqlite\.damaged-.*, and deploys go on within a minute",
        ):
            await room.start()
    assert not room.home.deploy.exists()
    for file in room.home.root.glob("deploy.sqlite.damaged-*"):
        file.unlink()
    await room.start()
    # The same request, as if its history were lost too, and it came again in time.
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    assert room.log(event).stat().st_mtime_ns == printed
    another = room.request()
    await room.ask(another)
    assert (await room.news.final(another.key)).state == "success"


async def test_a_record_that_lost_its_newest_rows_is_lost_as_a_whole(room):
    """As when a copy of before takes its place, or its -wal file is gone after a power cut."""
    room.clock.ms = now_ms()
    room.write()
    await room.start()
    before = room.home.deploy.read_bytes()
    event = room.request()
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    await room.deploys.stop()
    room.home.deploy.write_bytes(before)
    with pytest.raises(RunsError, match="and deploys go on within a minute"):
        await room.start()
    for file in room.home.root.glob("deploy.sqlite.damaged-*"):
        file.unlink()
    await room.start()
    assert room.deploys._runs.judged(event.key)
    await room.deploys.stop()
    await room.start()


async def test_damage_that_is_met_while_it_runs_is_told_with_what_to_do(room):
    room.write()
    deploys = await room.start()
    deploys._runs.database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    deploys._runs.database._connection.execute("PRAGMA cache_size = 0")
    with room.home.deploy.open("r+b") as file:
        file.write(b"\xa5" * room.home.deploy.stat().st_size)
    event = room.request()
    await room.ask(event)
    assert not room.log(event).exists()
    assert "start the node again: its message names what to do" in deploys.status().trouble


def test_a_new_database_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deploy.sqlite"

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            Runs(path).open()
    assert not path.exists()
    runs = Runs(path)
    runs.open()
    assert not runs.judged("any")
    runs.close()
    assert [file.name for file in tmp_path.iterdir()] == ["deploy.sqlite"]
