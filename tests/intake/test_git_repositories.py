"""K13: repositories that are not as most are: SHA-256, another user's, odd names of branches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil

import pytest

from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.deploy.repository import look_up
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.git_commands import GitError
from devstream_desktop.intake.poll.git_poller import GitPoller
from devstream_desktop.intake.store import Store

pytestmark = pytest.mark.process

ODD = ["feature/#12", "it's", "50%", "a,b", "fix(core)", "wow!", "{x}", 'say-"hi"', "a;b", "$x"]
do = asyncio.to_thread


@pytest.fixture
async def make(home, stream, clock):
    async with contextlib.AsyncExitStack() as stack:
        store = Store(home.intake)
        await store.open()
        stack.push_async_callback(store.close)

        def make(repository, **fields):
            source = GitSource(name="shop", url=str(repository.bare), **fields)
            health = Health("shop", stream.publish, Notes(store))
            return GitPoller(source, home.mirrors, Notes(store), health, stream.publish, clock)

        yield make


async def test_k13_a_sha_256_repository_is_followed_as_any_other(
    make, make_repository, stream, tmp_path
):
    modern = make_repository(tmp_path, "sha256")
    await do(modern.commit, "One")
    await do(modern.push)
    poller = make(modern)
    await poller.poll()
    two = await do(modern.commit, "Two")
    await do(modern.push)
    assert await poller.poll() == 1
    (event,) = stream.events
    assert (event.state, event.revision, event.count, event.title) == ("pushed", two, 1, "Two")
    assert len(two) == 64
    await do(modern.git, "reset", "--quiet", "--hard", "HEAD~1")
    await do(modern.push, "--force", "HEAD")
    assert await poller.poll() == 1
    assert (stream.events[-1].state, stream.events[-1].previous) == ("reset", two)
    tips = await look_up(str(modern.bare), ("refs/heads/main",))
    assert len(tips.commits["refs/heads/main"]) == 64


@pytest.mark.parametrize(("first", "second"), [("sha1", "sha256"), ("sha256", "sha1")])
async def test_k13_a_repository_that_is_made_anew_with_the_other_hash(
    make, make_repository, stream, tmp_path, first, second
):
    old = make_repository(tmp_path / "one", first)
    await do(old.commit, "One")
    await do(old.push)
    poller = make(old)
    await poller.poll()
    await do(old.commit, "Two")
    await do(old.push)
    assert await poller.poll() == 1
    new = make_repository(tmp_path / "two", second)
    await do(new.commit, "Three")
    await do(new.push)
    await asyncio.to_thread(shutil.rmtree, old.bare)
    await asyncio.to_thread(shutil.move, new.bare, old.bare)
    assert await poller.poll() == 1
    assert (stream.events[-1].title, stream.events[-1].state) == ("Three", "force-pushed")


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="gives a folder to another user")
async def test_k13_another_users_repository_says_what_to_type(make, repository, monkeypatch):
    monkeypatch.delenv("SUDO_UID", raising=False)
    await do(repository.commit, "One")
    await do(repository.push)
    for folder, _, _ in os.walk(repository.bare):
        os.chown(folder, 12345, 12345)
    poller = make(repository)
    with pytest.raises(GitError) as caught:
        await poller.poll()
    folder = f"'{repository.bare}'"
    advice = f"git config --global --add safe.directory {folder}"
    assert advice in str(caught.value)
    trouble = (await look_up(str(repository.bare), ("refs/heads/main",))).trouble
    assert advice in trouble
    # The advice works.
    settings = repository.work.parent / "gitconfig"
    settings.write_text("")
    await do(repository.git, "config", "--file", str(settings), "safe.directory", folder[1:-1])
    monkeypatch.setenv("HOME", str(settings.parent))
    settings.rename(settings.parent / ".gitconfig")
    await poller.poll()
    assert (await look_up(str(repository.bare), ("refs/heads/main",))).commits


async def test_k13_a_branch_may_have_any_name_that_git_allows(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository, branches=("*",))
    await poller.poll()
    await do(repository.push, *(f"HEAD:refs/heads/{name}" for name in ODD))
    assert await poller.poll() == len(ODD)
    assert {event.ref for event in stream.events} == set(ODD)
    tips = await look_up(str(repository.bare), tuple(f"refs/heads/{name}" for name in ODD))
    assert len(tips.commits) == len(ODD)
