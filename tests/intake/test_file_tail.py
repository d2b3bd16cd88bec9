"""A log file as a source of a node.

What is written is in the stream within a second, over restarts, and what fails is said.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import logfile
from devstream_desktop.cli.source.type_parser import parser_of
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.source_file import save_sources
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.poll import file_tail
from devstream_desktop.intake.poll.file_tail import FileTail
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.service import Intake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def say(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@pytest.fixture
async def tail(notes, stream, clock, path):
    tails: list[FileTail] = []

    def start() -> FileTail:
        health = Health("app", stream.publish, notes)
        info = SourceInfo("app", options={"path": str(path)})
        tails.append(
            FileTail(
                info,
                logfile,
                0,
                notes,
                health,
                RateLimiter("app", health, Publisher(stream.publish), clock),
                clock,
            )
        )
        return tails[-1]

    yield start
    for one in tails:
        await one.close()


async def test_new_lines_are_told_and_what_was_there_is_not(tail, stream, path):
    say(path, "ERROR old")
    one = tail()
    await one.poll()
    say(path, "ERROR new", "INFO fine")
    await one.poll()
    await one.poll()
    assert [(event.title, event.service) for event in stream.events] == [("new", "app")]
    assert (one.health.state, one.health.events, one.health.dropped["below-severity"]) == (
        "active",
        1,
        1,
    )


async def test_a_restart_goes_on_where_it_was_also_in_a_file_that_was_moved_away(
    tail, stream, path
):
    say(path, "INFO begun")
    await tail().poll()
    say(path, "ERROR while it was away")
    path.rename(path.with_name("app.log.1"))
    say(path, "ERROR in the new one")
    again = tail()
    while await again.poll():
        pass
    assert [event.title for event in stream.events] == ["while it was away", "in the new one"]


async def test_lines_that_could_not_be_published_are_told_again_and_once(tail, stream, path):
    path.touch()
    one = tail()
    await one.poll()
    say(path, "ERROR new")
    stream.error = RuntimeError("not now")
    with pytest.raises(RuntimeError, match="not now"):
        await one.poll()
    stream.error = None
    await one.poll()
    await one.poll()
    assert [event.title for event in stream.events] == ["new"]
    assert one.health.events == 1


async def test_an_error_that_is_over_is_resolved_without_another_line(tail, stream, path, clock):
    path.touch()
    one = tail()
    await one.poll()
    say(path, "ERROR new")
    await one.poll()
    clock.now += 61 * 60_000
    await one.poll()
    assert [event.state for event in stream.events] == ["firing", "resolved"]


async def test_a_file_that_is_away_for_long_is_one_line_and_its_return_another(
    tail, stream, path, clock, eventually
):
    one = tail()
    one.interval = 0.01
    stop = asyncio.Event()
    running = asyncio.create_task(one.run(stop))
    await eventually(lambda: "there is no file" in one.health.last_error)
    assert stream.events == []
    clock.now += file_tail.MISSING_MS
    await stream.first()
    say(path, "ERROR new")
    await stream.first(3)
    stop.set()
    await running
    assert [(event.kind, event.state) for event in stream.events] == [
        ("source", "silent"),
        ("incident", "firing"),
        ("source", "active"),
    ]


@contextlib.asynccontextmanager
async def running(home, vault, stream, clock):
    intake = Intake(home, vault, stream.publish, now=clock)
    await intake.start()
    try:
        yield intake
    finally:
        await intake.stop()


async def test_a_node_follows_a_file_and_shows_how_it_is(
    home, vault, stream, clock, path, eventually
):
    say(path, "ERROR old", "ERROR older")
    source = RemoteSource(
        name="app", type="logfile", ways=("tail",), service="shop", options={"path": str(path)}
    )
    await asyncio.to_thread(save_sources, home.sources, [source])
    async with running(home, vault, stream, clock) as intake:
        await eventually(lambda: intake.status()[0].state == "active")
        report = await intake.test_source("app")
        assert report.ok, report
        assert report.detail == "the file can be read; its last 2 lines would make 2 events"
        say(path, "ERROR new")
        await stream.until(lambda: any(event.title == "new" for event in stream.events))
        (status,) = intake.status()
        assert (status.type, status.location, status.expected) == ("logfile", str(path), 1)
        await intake.remove_source("app")
        assert intake.status() == []


async def test_a_file_that_cannot_be_read_is_said_by_its_test(home, vault, stream, clock, path):
    source = RemoteSource(
        name="app", type="logfile", ways=("tail",), options={"path": str(path.parent)}
    )
    await asyncio.to_thread(save_sources, home.sources, [source])
    async with running(home, vault, stream, clock) as intake:
        report = await intake.test_source("app")
        assert not report.ok
        assert "no regular file" in report.detail


async def test_a_wrong_pattern_shows_as_a_broken_source(home, vault, stream, clock, path):
    source = RemoteSource(
        name="app", type="logfile", ways=("tail",), options={"path": str(path), "pattern": ("(",)}
    )
    await asyncio.to_thread(save_sources, home.sources, [source])
    async with running(home, vault, stream, clock) as intake:
        (status,) = intake.status()
        assert status.state == "broken"
        assert "no regular expression" in status.error


def test_its_options_are_on_the_command_line():
    typed = "app --path /var/log/app.log --pattern a b --interval 5"
    given = parser_of("logfile", logfile.COLLECTOR).parse_args(typed.split())
    assert (given.option_path, given.option_pattern, given.interval) == (
        "/var/log/app.log",
        ["a", "b"],
        5,
    )
