"""The supervisor of a program: what holds a target, what is written, what is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends import supervisor
from devstream_desktop.deploy.backends.contract import (
    BackendError,
    NotStarted,
    Order,
    Started,
    Unsure,
)
from devstream_desktop.deploy.backends.shell import Shell

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX programs"),
    pytest.mark.process,
]


async def until(true: Callable[[], object]) -> None:
    """The kernel tells nobody of these."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def watch(order: Order, shell: Shell | None = None):
    return await (shell or Shell()).watch(order, "", lambda _: None)


async def test_a_service_left_running_holds_nothing_and_fills_nothing(order, tmp_path):
    pid, go = tmp_path / "pid", tmp_path / "go"
    os.mkfifo(go)
    service = f"cat {go} > /dev/null; while echo chatter; do :; done"
    given = order(f"(sh -c '{service}') & echo $! > {pid}; echo started")
    assert isinstance(await Shell().start(given), Started)
    assert (await watch(given)).state == "success"
    left = int(pid.read_text())
    try:
        await until(lambda: not runlog.is_held(given.log))
        assert alive(left)
        assert Shell().leftover(given)  # it is still of that run, but holds no target:
        await asyncio.to_thread(go.write_text, "")
        await until(lambda: int(Path(f"/proc/{left}/io").read_text().split()[3]) > 1_000_000)
        assert given.log.read_text() == "started\n"
        assert alive(left)
    finally:
        os.killpg(os.getpgid(left), signal.SIGKILL)
    await until(lambda: not list(supervisor.processes_of(given.request.id)))


async def test_all_that_was_printed_before_the_end_is_kept(order):
    given = order("head -c 300000 /dev/zero | tr '\\0' x; sleep 60 & exit 3")
    await Shell().start(given)
    try:
        assert (await watch(given)).state == "failure"
        assert given.log.stat().st_size == 300_000
    finally:
        for pid, _ in supervisor.processes_of(given.request.id):
            os.kill(pid, signal.SIGKILL)


async def test_cancel_ends_children_that_left_the_group_and_gives_them_time(order, tmp_path):
    child, said = tmp_path / "child", tmp_path / "said"
    polite = (
        f'trap "echo undone > {said}; exit" TERM; echo $$ > {child}; while :; do sleep 0.1; done'
    )
    given = order(f"setsid sh -c '{polite}' & wait")
    await Shell().start(given)
    await until(lambda: child.exists() and child.read_text())
    await Shell().cancel(given, "")
    outcome = await watch(given)
    assert outcome.state == "cancelled"
    assert said.read_text() == "undone\n"
    assert not alive(int(child.read_text()))
    await until(lambda: not runlog.is_held(given.log))


async def test_cancel_kills_children_that_ignore_it(order, tmp_path):
    child = tmp_path / "child"
    deaf = f'trap "" TERM; echo $$ > {child}; while :; do sleep 0.1; done'
    given = order(f"setsid sh -c '{deaf}' & trap '' TERM; wait; wait")
    shell = Shell(kill_after_s=0.3)
    await shell.start(given)
    await until(lambda: child.exists() and child.read_text())
    await shell.cancel(given, "")
    await shell.cancel(given, "")
    assert (await watch(given)).state == "cancelled"
    await until(lambda: not alive(int(child.read_text())))


async def test_a_time_out_quotes_what_was_said_last(order):
    given = order("echo migrating; echo waiting for the lock; sleep 60", timeout_s=0.3)
    await Shell().start(given)
    outcome = await watch(given)
    assert outcome.reason == (
        "stopped: it took longer than 300 ms; the last it said: waiting for the lock"
    )


@pytest.mark.parametrize(
    "content", [None, b"{", b'{"program": 7}', b'{"why": "\xff"}', b'{"supervisor": -1}']
)
async def test_cancel_ends_nothing_where_the_supervisor_is_not_known(order, monkeypatch, content):
    """0 would be this process and its group, -1 every process of the user."""
    ended: list[int] = []
    monkeypatch.setattr(os, "kill", lambda number, _signal: ended.append(number))
    given = order("true")
    lock = runlog.open_log(given.log)
    try:
        if content is not None:
            runlog.result_of(given.log).write_bytes(content)
        with pytest.raises(BackendError, match="cannot be ended from here"):
            await Shell().cancel(given, given.request.id)
    finally:
        os.close(lock)
    assert ended == []


async def test_a_killed_supervisor_is_unknown_and_names_what_still_runs(order, tmp_path):
    here = tmp_path / "here"
    given = order(f"echo halfway; echo > {here}; sleep 120")
    await Shell().start(given)
    await until(lambda: here.exists() and runlog.size(given.log))
    await until(lambda: b"program" in runlog.result_of(given.log).read_bytes())
    result = msgspec.json.decode(runlog.result_of(given.log).read_bytes())
    os.kill(result["supervisor"], signal.SIGKILL)
    outcome = await watch(given)
    assert outcome.state == "unknown"
    assert "the last it said: halfway" in outcome.reason
    assert isinstance(await Shell().find(given), Unsure)
    await until(lambda: len(list(supervisor.processes_of(given.request.id))) == 2)
    said = Shell().leftover(given)
    assert f"{result['program']} (/bin/sh ./deploy.sh)" in said
    assert "sleep 120" in said
    for number in said.rpartition("kill ")[2].split():
        os.kill(int(number), signal.SIGTERM)
    await until(lambda: not Shell().leftover(given))


async def test_find_before_and_after(order):
    given = order("exit 4")
    assert isinstance(await Shell().find(given), NotStarted)
    os.close(runlog.open_log(given.log))  # the node ended before the supervisor was there
    assert isinstance(await Shell().find(given), NotStarted)
    given.log.unlink()
    await Shell().start(given)
    await watch(given)
    found = await Shell().find(given)
    assert isinstance(found, Started)
    assert (await watch(given)).exit_code == 4


async def test_values_of_secrets_never_reach_the_log(order):
    given = order(
        'echo "token=$FORGE"; printf %s "${FORGE%????}"; sleep 0.2; echo "${FORGE#??????}"; '
        'echo "$SHORT"; exit 2',
        secrets=("FORGE", "SHORT"),
    )
    object.__setattr__(given, "secrets", {"FORGE": "hunter2345", "SHORT": "hunter2345-more"})
    await Shell().start(given)
    outcome = await watch(given)
    text = given.log.read_text()
    assert "hunter" not in text
    assert text == "token=***\n***\n***\n"
    assert outcome.reason == "exit 2: ***"


def test_a_result_that_nobody_can_read_any_more_is_given_up(tmp_path):
    supervisor._write_at_last(tmp_path / "gone" / "a.result", {"exit": 0})


def test_output_masks_a_secret_however_it_is_split(tmp_path):
    secret = b"aab-aabc"
    # A secret may be no text at all.
    binary = b"\xff\xfe-key"
    for size in range(1, 9):
        path = tmp_path / str(size)
        path.touch()
        output = supervisor.Output(
            path, [secret.decode(), binary.decode("utf-8", "surrogateescape")], 10_000, 1000
        )
        content = b"x aab-aab-aabc y aab-aabc \xff\xfe-key aab-"
        for at in range(0, len(content), size):
            output.write(content[at : at + size])
        output.end()
        assert path.read_bytes() == b"x aab-*** y *** *** aab-"


@pytest.mark.parametrize(
    ("secrets", "content", "shown"),
    [
        (
            ["s3cr3t", "postgres://u:s3cr3t@db/x?key=OTHER"],
            b"a postgres://u:s3cr3t@db/x?key=OTHER b s3cr3t c\n",
            b"a *** b *** c\n",
        ),
        # The longer one does not come after all.
        (["s3cr3t", "xs3cr3t@db"], b"a xs3cr3t", b"a x***"),
        (["abcd", "cdef"], b"1 abcdef 2 abcd 3 cdef", b"1 *** 2 *** 3 ***"),
        (["abcdef", "fgh"], b"abcdefgh abcdef fgh", b"*** *** ***"),
        (["aa"], b"x aaaaa y aa", b"x *** y ***"),
        (["ab"], b"abab", b"******"),
        (["aba", "bab"], b"-ababab-ab", b"-***-ab"),
    ],
)
def test_output_masks_secrets_that_overlap_however_they_are_split(
    tmp_path, secrets, content, shown
):
    for size in range(1, len(content) + 1):
        path = tmp_path / str(size)
        path.touch()
        output = supervisor.Output(path, secrets, 10_000, 1000)
        for at in range(0, len(content), size):
            output.write(content[at : at + size])
        output.end()
        assert path.read_bytes() == shown, size


def test_a_log_is_cut_where_a_line_begins(tmp_path):
    path = tmp_path / "a.log"
    path.touch()
    output = supervisor.Output(path, [], 100, 50)
    token = b"ghp_" + b"a1B2" * 9
    output.write(b"first\n" * 10 + b"use " + token + b"\nlast and more\n")
    output.end()
    assert path.read_bytes().endswith(b" earlier bytes were cut]\nlast and more\n")


@pytest.mark.parametrize(
    "what", ["check", "absent", "not executable", "bare", "bare and absent", "no folder"]
)
async def test_check_says_what_would_not_start(order, tmp_path, what):
    target = order("true").target
    (tmp_path / "plain.sh").write_text("")
    run = {
        "absent": "./no.sh",
        "not executable": "./plain.sh",
        "bare": "sh",
        "check": "./deploy.sh",
    }
    target = msgspec.structs.replace(
        target,
        run=(run.get(what, "no-such-program"),),
        cwd=tmp_path / "no" if what == "no folder" else tmp_path,
    )
    problems = await Shell().check(target, {})
    assert bool(problems) == (what not in ("check", "bare"))
