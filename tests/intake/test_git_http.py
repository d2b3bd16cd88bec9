"""The git poller against git's own HTTP server.

What a forge shows of pushes, and a forge that hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import real_git
from git_forge import Forge, serving

from devstream_collectors.kit.place import remote_scope
from devstream_collectors.kit.push import change_key
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll import git_poller
from devstream_desktop.intake.poll.git_commands import GitError, git
from devstream_desktop.intake.poll.git_poller import GitPoller
from devstream_desktop.intake.store import Store

pytestmark = pytest.mark.process


@pytest.fixture
def forge(repository) -> Iterator[Forge]:
    real_git.git(repository.bare, "config", "uploadpack.allowFilter", "true")
    with serving(repository.bare.parent) as server:
        yield server


@pytest.fixture
async def poller(home, stream, clock, forge):
    store = Store(home.intake)
    await store.open()
    source = GitSource(name="shop", url=f"{forge.url}/shop.git", branches=("main", "release/*"))
    health = Health("shop", stream.publish, Notes(store))
    yield GitPoller(source, home.mirrors, Notes(store), health, stream.publish, clock)
    await store.close()


async def do(work, *arguments):
    """Git of the test itself runs off the loop."""
    return await asyncio.to_thread(work, *arguments)


def in_a_second(*arguments, **options):
    return git(*arguments, **{**options, "seconds": 1.0})


async def test_what_happens_to_the_branches_that_count(poller, forge, repository, stream):
    first = await do(repository.commit, "One")
    await do(repository.push)
    assert await poller.poll() == 0

    lost = await do(repository.commit, "Two", "Bo")
    await do(repository.push)
    await poller.poll()
    await do(repository.git, "reset", "--quiet", "--hard", first)
    forced = await do(repository.commit, "Two, better")
    await do(repository.push, "--force", "HEAD")
    await poller.poll()
    await do(repository.push, "HEAD:release/1", "HEAD:topic")
    await poller.poll()
    await do(repository.git, "checkout", "--quiet", "-b", "topic")
    await do(repository.commit, "Topic 1")
    await do(repository.commit, "Topic 2")
    await do(repository.git, "checkout", "--quiet", "main")
    await do(
        repository.git, "merge", "--quiet", "--no-ff", "--message", "Merge branch 'topic'", "topic"
    )
    merged = (await do(repository.git, "rev-parse", "HEAD")).strip()
    await do(repository.push)
    await poller.poll()
    await do(repository.push, "--delete", "release/1", "topic")
    await poller.poll()
    assert await poller.poll() == 0

    told = [
        (event.state, event.ref, event.previous, event.revision, event.count, event.title)
        for event in stream.events
    ]
    assert told == [
        ("pushed", "main", first, lost, 1, "Two"),
        ("force-pushed", "main", lost, forced, 1, "Two, better"),
        ("created", "release/1", "", forced, 0, "Two, better"),
        ("pushed", "main", forced, merged, 3, "Merge branch 'topic'"),
        ("deleted", "release/1", forced, "", 0, ""),
    ]
    assert stream.events[0].actor == "Bo"
    # The key a webhook of this forge would have.
    assert stream.events[0].key == change_key(
        remote_scope(f"{forge.url}/shop"), "main", "pushed", lost
    )
    assert "/shop.git/git-upload-pack" in forge.asked


@pytest.mark.parametrize(
    "where",
    ["info/refs", "git-upload-pack"],
    ids=["when it is looked at", "in the middle of a fetch"],
)
async def test_a_forge_that_hangs_is_left_in_time_said_once_and_waited_for(
    poller, forge, repository, stream, monkeypatch, eventually, where
):
    await do(repository.commit, "One")
    await do(repository.push)
    await poller.poll()
    new = await do(repository.commit, "Two")
    await do(repository.push)
    forge.hangs_at = where
    monkeypatch.setattr(git_poller, "git", in_a_second)
    with pytest.raises(GitError, match="did not end within 1 s"):
        await poller.poll()
    assert await do(forge.abandoned.wait, 10), "a process of git still holds the connection"

    monkeypatch.setattr(git_poller, "REMOTE_INTERVAL", 0.05)
    monkeypatch.setattr(git_poller, "MAX_INTERVAL", 0.1)
    stop = asyncio.Event()
    task = asyncio.create_task(poller.run(stop))
    await eventually(lambda: poller.health._failures.total() >= 3)
    assert [(event.kind, event.state) for event in stream.events] == [("source", "silent")]
    forge.hangs_at = ""
    await stream.first(3)
    stop.set()
    await task
    silent, *back = stream.events
    assert {(event.kind, event.state) for event in back} == {
        ("source", "active"),
        ("change", "pushed"),
    }
    assert [event.revision for event in back if event.kind == "change"] == [new]
    assert next(event for event in back if event.kind == "source").number == silent.number
