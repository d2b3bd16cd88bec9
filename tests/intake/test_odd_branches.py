"""A branch that cannot be followed costs itself alone; it is counted and named."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from devstream_collectors.sources.git import MAX_NAME, parse_heads
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.git_poller import GitPoller
from devstream_desktop.intake.store import Store

pytestmark = pytest.mark.process

A = "a" * 40


@pytest.fixture
async def make(home, stream, clock):
    async with contextlib.AsyncExitStack() as stack:
        store = Store(home.intake)
        await store.open()
        stack.push_async_callback(store.close)

        def make(repository, *branches):
            health = Health("shop", stream.publish, Notes(store))
            source = GitSource(name="shop", url=str(repository.bare), branches=branches)
            return GitPoller(source, home.mirrors, Notes(store), health, stream.publish, clock)

        yield make


async def do(work, *arguments):
    return await asyncio.to_thread(work, *arguments)


def pack(repository, refs: dict[bytes, str]) -> None:
    """Write the branches of a server as it may have them, whatever git would say to their names."""
    found = b"".join(
        revision.encode() + b" refs/heads/" + name + b"\n"
        for name, revision in sorted(refs.items())
    )
    (repository.bare / "packed-refs").write_bytes(
        b"# pack-refs with: peeled fully-peeled sorted \n" + found
    )


ODD = {
    "over-long in one part": b"x" * 300,
    "over-long in many parts": b"/".join([b"deep"] * 900),
    "undecodable": b"caf\xe9\xff",
    "half of a letter": b"\xf0\x9f\x98",
    "only marks": "\u0301\u0302\u200b".encode(),
    "turns the line round": "main\u202e".encode(),
    "like an option": b"+refs/heads/main",
}


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_name_costs_itself_alone(odd: str, make, repository, stream) -> None:
    first = await do(repository.commit, "One")
    await do(repository.push)
    await do(pack, repository, {b"main": first, ODD[odd]: first})
    poller = make(repository, "*")
    assert await poller.poll() == 0
    second = await do(repository.commit, "Two")
    await do(
        repository.git,
        "push",
        "--quiet",
        str(repository.bare),
        "HEAD:refs/heads/main",
        "HEAD:refs/heads/topic",
    )
    await do(pack, repository, {b"main": second, b"topic": second, ODD[odd]: second})
    for path in (repository.bare / "refs" / "heads").iterdir():
        path.unlink()
    await poller.poll()
    assert {event.ref for event in stream.events} >= {"main", "topic"}
    assert poller.health.state == "active"
    if len(stream.events) == 2:
        assert sum(poller.health.dropped.values()) >= 1
        assert "1 branch is not followed" in poller.health.last_error
        assert len(poller.health.last_error) <= 200


async def test_a_branch_whose_commit_cannot_be_had_costs_itself_alone(
    make, repository, stream
) -> None:
    first = await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository, "*")
    await poller.poll()
    await do(repository.git, "push", "--quiet", str(repository.bare), "HEAD:refs/heads/lost")
    second = await do(repository.commit, "Two")
    await do(repository.push)
    lost = await do(repository.commit, "Nobody has it")
    await do(repository.git, "push", "--quiet", str(repository.bare), "HEAD:refs/heads/lost")
    [object_file] = [
        path for path in (repository.bare / "objects" / lost[:2]).iterdir() if path.name == lost[2:]
    ]
    object_file.unlink()
    for _ in range(3):
        await poller.poll()
    assert [(event.ref, event.revision) for event in stream.events] == [("main", second)]
    assert "1 branch is not followed: 'lost'" in poller.health.last_error
    assert first != second


async def test_a_branch_in_the_place_of_a_folder_of_branches_is_followed(
    make, repository, stream
) -> None:
    await do(repository.commit, "One")
    await do(repository.push)
    await do(repository.git, "push", "--quiet", str(repository.bare), "HEAD:refs/heads/release")
    poller = make(repository, "main", "release*")
    await poller.poll()
    await do(repository.git, "push", "--quiet", str(repository.bare), ":refs/heads/release")
    await do(repository.commit, "Two")
    await do(repository.git, "push", "--quiet", str(repository.bare), "HEAD:refs/heads/release/1")
    await poller.poll()
    assert {(event.ref, event.state) for event in stream.events} == {
        ("release", "deleted"),
        ("release/1", "created"),
    }


def test_names_that_cannot_be_branches_are_counted_and_not_followed() -> None:
    odd = [
        "a..b",
        "a.lock",
        "a/.b",
        ".a",
        "a//b",
        "/a",
        "a/",
        "a.",
        "@",
        "a@{1}",
        "a\ufffdb",
        "x" * (MAX_NAME + 1),
        "a b",
        "-a",
    ]
    heads = parse_heads(
        "".join(
            f"{A}\trefs/heads/{name}\n" for name in [*odd, "main", "release/1", "é", "a@b", "+a"]
        )
    )
    assert set(heads.branches) == {"main", "release/1", "é", "a@b", "+a"}
    assert heads.odd == tuple(odd)


async def test_a_server_that_lists_many_odd_names_is_told_in_one_line(make, repository) -> None:
    first = await do(repository.commit, "One")
    await do(repository.push)
    await do(
        pack,
        repository,
        {b"main": first, **{b"caf\xe9%d" % number: first for number in range(500)}},
    )
    poller = make(repository, "*")
    await poller.poll()
    assert "500 branches are not followed: " in poller.health.last_error
    assert len(poller.health.last_error) <= 200
