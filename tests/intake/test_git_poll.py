"""The git poller against real repositories."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

import pytest

from devstream_collectors.kit.push import change_key
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll import git_commands, git_mirror, git_poller
from devstream_desktop.intake.poll.git_commands import GitError, git
from devstream_desktop.intake.poll.git_poller import GitPoller
from devstream_desktop.intake.store import Store

pytestmark = pytest.mark.process


@pytest.fixture
async def make(home, stream, clock):
    async with contextlib.AsyncExitStack() as stack:
        store = Store(home.intake)
        await store.open()
        stack.push_async_callback(store.close)

        def make(repository, **fields):
            url = fields.pop("url", None) or str(repository.bare)
            source = GitSource(name="shop", url=url, **fields)
            health = Health("shop", stream.publish, Notes(store))
            return GitPoller(source, home.mirrors, Notes(store), health, stream.publish, clock)

        yield make


async def do(work, *arguments):
    """Git of the test itself runs off the loop."""
    return await asyncio.to_thread(work, *arguments)


async def test_first_contact_is_no_news(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push)
    assert await make(repository).poll() == 0
    assert stream.events == []


async def test_backfill_fills_the_history_quietly_with_the_newest_commits(make, repository, stream):
    for number in range(25):
        await do(repository.commit, f"Commit {number}")
    await do(repository.push)
    poller = make(repository, backfill=True)
    assert await poller.poll() == 20
    assert [event.title for event in stream.events] == [
        f"Commit {number}" for number in range(5, 25)
    ]
    assert all(event.quiet and event.count == 1 and event.actor == "Ana" for event in stream.events)
    assert await poller.poll() == 0


async def test_a_push_is_one_event_with_count_newest_title_and_author(
    make, repository, stream, clock
):
    old = await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository)
    await poller.poll()
    await do(repository.commit, "Two")
    new = await do(repository.commit, "Retry card capture once", "Bo")
    await do(repository.push)
    assert await poller.poll() == 1
    (event,) = stream.events
    assert (event.kind, event.state, event.service, event.ref) == (
        "change",
        "pushed",
        "shop",
        "main",
    )
    assert (event.revision, event.previous, event.number, event.count) == (new, old, new, 2)
    assert (event.title, event.actor, event.time, event.source) == (
        "Retry card capture once",
        "Bo",
        clock.now,
        "shop",
    )
    assert event.key == change_key("service/shop", "main", "pushed", new)
    assert await poller.poll() == 0


async def test_the_cursor_survives_a_restart(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push)
    await make(repository).poll()
    await do(repository.commit, "While away")
    await do(repository.push)
    assert await make(repository).poll() == 1
    assert stream.events[0].title == "While away"


async def test_what_was_not_published_is_said_at_the_next_look(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository)
    await poller.poll()
    new = await do(repository.commit, "Two")
    await do(repository.push)
    stream.error = RuntimeError("the history is closed")
    with pytest.raises(RuntimeError):
        await poller.poll()
    stream.error = None
    await poller.poll()
    assert [event.revision for event in stream.events] == [new]


async def test_a_force_push_says_what_it_threw_away(make, repository, stream):
    base = await do(repository.commit, "Base")
    old = await do(repository.commit, "Secret by mistake")
    await do(repository.push)
    poller = make(repository)
    await poller.poll()
    await do(repository.git, "reset", "--quiet", "--hard", base)
    new = await do(repository.commit, "Without it")
    await do(repository.push, "--force", "HEAD")
    await poller.poll()
    (event,) = stream.events
    assert (event.state, event.previous, event.revision, event.count) == (
        "force-pushed",
        old,
        new,
        1,
    )
    assert event.severity.word == "warning"
    # Back to where it was: news again, though branch and commit are as before.
    await do(repository.git, "reset", "--quiet", "--hard", old)
    await do(repository.push, "--force", "HEAD")
    await poller.poll()
    await do(repository.git, "reset", "--quiet", "--hard", new)
    await do(repository.push, "--force", "HEAD")
    await poller.poll()
    # Twice from and to the same commits is the same fact.
    assert [(event.state, event.revision) for event in stream.events] == [
        ("force-pushed", new),
        ("force-pushed", old),
    ]


async def test_branches_that_match_are_created_and_deleted_and_others_are_silent(
    make, repository, stream
):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository, branches=("main", "release/*"))
    await poller.poll()
    await do(repository.git, "checkout", "--quiet", "-b", "release/1")
    revision = await do(repository.commit, "Release one")
    await do(repository.push, "HEAD", "HEAD:maintenance", "HEAD:feature/x")
    await poller.poll()
    await do(repository.push, "--delete", "release/1", "feature/x")
    await poller.poll()
    created, deleted = stream.events
    assert (created.state, created.ref, created.count, created.revision) == (
        "created",
        "release/1",
        1,
        revision,
    )
    assert (deleted.state, deleted.ref, deleted.previous, deleted.revision) == (
        "deleted",
        "release/1",
        revision,
        "",
    )


async def test_a_merge_counts_all_commits_that_came_with_it(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository)
    await poller.poll()
    await do(repository.git, "checkout", "--quiet", "-b", "topic")
    await do(repository.commit, "Topic 1")
    await do(repository.commit, "Topic 2")
    await do(repository.git, "checkout", "--quiet", "main")
    await do(
        repository.git, "merge", "--quiet", "--no-ff", "--message", "Merge branch 'topic'", "topic"
    )
    await do(repository.push)
    await poller.poll()
    (event,) = stream.events
    assert (event.state, event.count, event.title) == ("pushed", 3, "Merge branch 'topic'")


async def test_the_first_push_to_an_empty_repository_is_news(make, repository, stream):
    poller = make(repository)
    assert await poller.poll() == 0
    await do(repository.commit, "First")
    await do(repository.push)
    assert await poller.poll() == 1
    assert stream.events[0].state == "created"


async def test_in_a_working_copy_main_counts_whatever_is_checked_out(make, repository, stream):
    await do(repository.commit, "One")
    poller = make(repository, url=str(repository.work))
    await poller.poll()
    await do(repository.git, "checkout", "--quiet", "-b", "topic")
    await do(repository.commit, "On the topic")
    assert await poller.poll() == 0
    await do(repository.git, "checkout", "--quiet", "main")
    await do(repository.commit, "On main")
    assert await poller.poll() == 1
    assert stream.events[0].title == "On main"


async def test_other_patterns_make_no_flood(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push, "HEAD", "HEAD:release/1", "HEAD:release/2")
    await make(repository, branches=("main",)).poll()
    wider = make(repository, branches=("main", "release/*"))
    assert await wider.poll() == 0
    await do(repository.commit, "Two")
    await do(repository.push, "HEAD:release/1")
    assert await wider.poll() == 1
    assert await make(repository, branches=("main",)).poll() == 0
    assert [event.ref for event in stream.events] == ["release/1"]


async def test_k4_more_branches_at_once_than_are_told_are_a_gap(
    make, repository, stream, monkeypatch
):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository, branches=("*",))
    await poller.poll()
    monkeypatch.setattr(git_poller, "MAX_EVENTS", 2)
    for name in "abcde":
        await do(repository.push, f"HEAD:refs/heads/{name}")
    assert await poller.poll() == 2
    told = [event.ref or event.title for event in stream.events]
    gap = "3 moves of branches between 15 Jan 08:00 and 08:00 UTC were not read"
    assert sorted(told) == [gap, "a", "b"]
    assert poller.health.gap == gap
    assert await poller.poll() == 0


async def test_the_mirror_holds_no_files(make, repository, home):
    def commit() -> None:
        (repository.work / "big.txt").write_text("x" * 1000)
        repository.git("add", ".")
        repository.commit("With a file")
        repository.push()

    await do(commit)
    await make(repository).poll()
    mirror = home.mirrors / "shop"
    kinds = await git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)", folder=mirror
    )
    assert set(kinds.split()) == {"commit"}


async def test_a_mirror_that_was_damaged_is_made_anew(make, repository, stream, home):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository)
    await poller.poll()
    await do((home.mirrors / "shop" / "config").write_text, "[broken")
    new = await do(repository.commit, "Two")
    await do(repository.push)
    for _ in range(git_mirror.FAILURES_BEFORE_NEW_MIRROR):
        with pytest.raises(GitError):
            await poller.poll()
    await poller.poll()
    assert [event.revision for event in stream.events] == [new]


async def test_hostile_titles_and_authors_are_one_clean_line(make, repository, stream):
    await do(repository.commit, "One")
    await do(repository.push)
    poller = make(repository)
    await poller.poll()
    await do(repository.commit, "Fix \x1f \u202e<b>gpj</b>\x1b[31m red", "Eve\x1fEvil")
    await do(repository.push)
    await poller.poll()
    (event,) = stream.events
    assert not {"\x1f", "\u202e", "\x1b", "\n"} & set(event.title + event.actor)


async def test_a_missing_repository_is_silent_once_and_active_once(
    make, repository, stream, monkeypatch, eventually
):
    monkeypatch.setattr(git_poller, "LOCAL_INTERVAL", 0.02)
    monkeypatch.setattr(git_poller, "MAX_INTERVAL", 0.05)
    await do(repository.commit, "One")
    await do(repository.push)
    away = repository.bare.with_name("away.git")
    await do(repository.bare.rename, away)
    poller = make(repository)
    stop = asyncio.Event()
    task = asyncio.create_task(poller.run(stop))
    await stream.first(1)
    calls = poller.health._failures.total()
    await eventually(lambda: poller.health._failures.total() >= calls + 3)
    assert [(event.kind, event.state) for event in stream.events] == [("source", "silent")]
    assert "does not" in stream.events[0].reason
    await do(away.rename, repository.bare)
    await stream.first(2)
    stop.set()
    await task
    silent, active = stream.events
    assert (active.kind, active.state) == ("source", "active")
    assert (active.subject, active.number) == (silent.subject, silent.number)


async def test_a_push_is_seen_within_two_seconds_and_a_quiet_repository_costs_no_process(
    make, repository, stream, monkeypatch, eventually
):
    await do(repository.commit, "One")
    await do(repository.push)
    started: list[str] = []
    real = git_commands.git

    async def counted(*arguments, **options):
        started.append(arguments[0])
        return await real(*arguments, **options)

    monkeypatch.setattr(git_poller, "git", counted)
    monkeypatch.setattr(git_poller, "LOCAL_INTERVAL", 0.1)
    poller = make(repository)
    stop = asyncio.Event()
    task = asyncio.create_task(poller.run(stop))
    await eventually(lambda: poller.health.last_seen)
    looks = started.count("ls-remote")
    await asyncio.sleep(0.6)
    assert started.count("ls-remote") <= looks + 1
    await do(repository.commit, "Two")
    began = time.monotonic()
    await do(repository.push)
    await stream.first(1)
    assert time.monotonic() - began < 15
    stop.set()
    await task


async def test_a_remote_that_hangs_ends_in_time_with_all_its_processes(tmp_path, eventually):
    pids = tmp_path / "pids"
    ssh = tmp_path / "ssh"
    await do(ssh.write_text, f'#!/bin/sh\necho $$ >> "{pids}"\nexec sleep 60\n')
    await do(ssh.chmod, 0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_SSH_COMMAND", str(ssh))
        with pytest.raises(GitError, match="did not end within 1 s"):
            await git("ls-remote", "--", "ssh://git.invalid/shop.git", seconds=0.7)
    for pid in (await do(pids.read_text)).split():
        await eventually(lambda pid=pid: not _alive(int(pid)))


async def test_a_cancelled_look_leaves_no_process(tmp_path, eventually):
    pids = tmp_path / "pids"
    ssh = tmp_path / "ssh"
    await do(ssh.write_text, f'#!/bin/sh\necho $$ >> "{pids}"\nexec sleep 60\n')
    await do(ssh.chmod, 0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_SSH_COMMAND", str(ssh))
        task = asyncio.create_task(git("ls-remote", "--", "ssh://git.invalid/shop.git"))
        await eventually(lambda: pids.exists() and pids.read_text())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    pid = int((await do(pids.read_text)).split()[0])
    await eventually(lambda: not _alive(pid))


async def test_the_ext_transport_never_runs(tmp_path):
    with pytest.raises(GitError):
        await git("ls-remote", "--", f"ext::touch {tmp_path / 'ran'}")
    assert not await do((tmp_path / "ran").exists)


async def test_a_complaint_of_git_never_repeats_a_token(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    await do(
        (tmp_path / ".gitconfig").write_text,
        '[url "https://token:x@127.0.0.1:1/"]\n\tinsteadOf = corp:\n',
    )
    with pytest.raises(GitError, match=r"127\.0\.0\.1") as caught:
        await git("ls-remote", "--", "corp:shop.git")
    assert "token" not in str(caught.value)


async def test_no_git_command_is_said(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GitError, match="install git"):
        await git("version")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return state != "Z"
    return False
