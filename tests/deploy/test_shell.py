"""Real programs: what they inherit, how they end, what they leave."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends.contract import (
    NotStarted,
    Order,
    RunOutcome,
    Started,
)
from devstream_desktop.deploy.backends.shell import Shell
from devstream_desktop.deploy.request import Action

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX programs"),
    pytest.mark.process,
]


async def run(given: Order, shell: Shell | None = None) -> RunOutcome:
    """Start an order and watch it to its end."""
    shell = shell or Shell()
    found = await shell.start(given)
    assert isinstance(found, Started), found
    return await shell.watch(given, found.handle, lambda _: None)


@pytest.fixture
def pipe(tmp_path):
    """A named pipe that a script writes into when it is where the test wants it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


async def read(pipe: Path) -> str:
    async with asyncio.timeout(20):
        return await asyncio.to_thread(pipe.read_text)


async def test_success_and_its_private_output(order):
    given = order("echo hello; echo problem >&2")
    outcome = await run(given)
    assert (outcome.state, outcome.exit_code) == ("success", 0)
    assert given.log.read_text() == "hello\nproblem\n"
    assert stat.S_IMODE(given.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(given.log.parent.stat().st_mode) == 0o700


async def test_failure_carries_the_exit_code_and_the_last_clean_line(order):
    outcome = await run(
        order("echo first; printf 'no \\033[31mspace\\033[0m left\\n\\n  \\n'; exit 3")
    )
    assert (outcome.state, outcome.exit_code) == ("failure", 3)
    assert outcome.reason.startswith("exit 3: no ")
    assert outcome.reason.isprintable()
    assert "left" in outcome.reason


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (r"\033[31mError: migration failed\033[0m\n\033[0m\n", "exit 3: Error: migration failed"),
        (r"\033]0;deploy\007\033[2K\033[1Gno space\n\033[?25h\n", "exit 3: no space"),
        (r"caf\351 is full\n", "exit 3: caf\ufffd is full"),
    ],
)
async def test_k6_the_reason_is_the_last_line_that_says_something(order, output, reason):
    outcome = await run(order(f"printf '{output}'; exit 3"))
    assert outcome.reason == reason


async def test_failure_without_a_word(order):
    assert (await run(order("exit 3"))).reason == "exit 3"


async def test_a_program_ended_by_a_signal(order):
    outcome = await run(order("kill -TERM $$"))
    assert (outcome.state, outcome.exit_code, outcome.reason) == (
        "failure",
        -15,
        "ended by SIGTERM",
    )


@pytest.mark.parametrize(
    ("program", "cwd"), [("./absent.sh", "."), ("./deploy.sh", "absent"), ("./not-executable", ".")]
)
async def test_what_cannot_be_started_is_an_error_and_never_began(order, tmp_path, program, cwd):
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    given = order("true")
    given = replace(given, target=structs.replace(given.target, run=(program,), cwd=tmp_path / cwd))

    found = await Shell().start(given)
    assert isinstance(found, NotStarted)
    assert found.reason.startswith(f"{program} could not be started: ")
    assert ("its cwd" in found.reason) == (cwd == "absent")
    assert str(tmp_path) not in found.reason
    await _until(lambda: not runlog.is_held(given.log))
    assert isinstance(await Shell().find(given), NotStarted)


async def test_the_environment_is_an_allowlist_and_standard_input_is_empty(order, monkeypatch):
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", "/secret")
    monkeypatch.setenv("AWS_SECRET", "x")
    monkeypatch.setenv("LET_THROUGH", "yes")
    given = order(
        "cat; /usr/bin/env", pass_env=("PATH", "LET_THROUGH", "NOT_SET"), env={"REGION": "eu"}
    )
    await run(given)
    seen = dict(line.split("=", 1) for line in given.log.read_text().splitlines())
    for shells_own in ("PWD", "SHLVL", "_", "OLDPWD"):
        seen.pop(shells_own, None)
    request = given.request
    assert seen == {
        "PATH": os.environ["PATH"],
        "LET_THROUGH": "yes",
        "REGION": "eu",
        "DEVSTREAM_TARGET": "shop",
        "DEVSTREAM_ENVIRONMENT": "production",
        "DEVSTREAM_REF": "main",
        "DEVSTREAM_SHA": request.sha,
        "DEVSTREAM_PERSON": "ana",
        "DEVSTREAM_REQUEST": request.id,
        "DEVSTREAM_ACTION": "deploy",
    }


async def test_a_dry_run_is_another_program_and_parameters_are_variables(order):
    given = order("echo never; exit 1", dry_run=("sh", "-c", "env"))
    dry = replace(given.request, action=Action.DRY_RUN, parameters={"size": "a b;c"})
    given = replace(given, request=dry)
    assert (await run(given)).state == "success"
    text = given.log.read_text()
    assert "DEVSTREAM_ACTION=dry_run\n" in text
    assert "DEVSTREAM_PARAM_SIZE=a b;c\n" in text


async def test_no_shell_reads_arguments_or_parameters(order, tmp_path):
    """Even a ref that the judge would never let through is one plain value."""
    hostile = f"main; touch {tmp_path}/x $(touch {tmp_path}/y) `touch {tmp_path}/z`"
    given = order('printf "%s|" "$1" $DEVSTREAM_REF', hostile)
    given = replace(given, request=replace(given.request, ref=hostile))
    outcome = await run(given)
    assert outcome.state == "success"
    assert given.log.read_text() == hostile + "|" + "|".join(hostile.split()) + "|"
    assert not [name for name in ("x", "y", "z") if (tmp_path / name).exists()]


async def test_descriptors_of_the_node_are_not_inherited(order):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003 (the standard library's signature)
    try:
        given = order("ls /proc/self/fd")
        await run(given)
        assert str(writer) not in given.log.read_text().split()
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_run_that_takes_too_long_is_ended_with_all_it_started(order, pipe):
    given = order(f"sleep 300 & echo $! $$ > {pipe}; wait", timeout_s=2)
    running = asyncio.create_task(run(given))
    child, leader = (int(word) for word in (await read(pipe)).split())
    outcome = await running
    assert (outcome.state, outcome.reason) == ("error", "stopped: it took longer than 2 s")
    await _until_gone(child, leader)
    assert not runlog.is_held(given.log)


async def test_what_ignores_the_polite_signal_is_killed(order, pipe):
    given = order(f"trap '' TERM; echo $$ > {pipe}; while :; do sleep 300; done", timeout_s=2)
    running = asyncio.create_task(run(given, Shell(kill_after_s=0.3)))
    leader = int(await read(pipe))
    outcome = await running
    assert (outcome.state, outcome.exit_code) == ("error", -signal.SIGKILL)
    await _until_gone(leader)


async def test_a_run_outlives_whoever_stops_watching_and_its_log_tells(order, pipe, tmp_path):
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    given = order(f"echo $$ > {pipe}; cat {go_on}; echo done; echo $$ > {pipe}")
    watching = asyncio.create_task(run(given))
    await read(pipe)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert runlog.is_held(given.log)
    found = await Shell().find(given)
    assert isinstance(found, Started)
    await asyncio.to_thread(go_on.write_text, "")
    await read(pipe)
    outcome = await Shell().watch(given, found.handle, lambda _: None)
    assert (outcome.state, given.log.read_text()) == ("success", "done\n")


async def test_a_long_log_keeps_its_end(order):
    given = order(
        "i=0; while [ $i -lt 40 ]; do i=$((i+1)); head -c 10000 /dev/zero | tr '\\0' x; echo; "
        "done; echo the end; exit 1"
    )
    outcome = await run(given, Shell(max_bytes=300_000, keep_bytes=100_000))
    assert outcome.reason == "exit 1: the end"
    text = given.log.read_text()
    assert 65_536 < len(text) <= 300_000
    cut = re.match(r"\[(\d{15}) earlier bytes were cut\]\n", text)
    assert cut is not None
    assert int(cut[1]) + len(text) - cut.end() == 40 * 10_001 + len("the end\n")
    assert text.endswith("x\nthe end\n")


def test_old_logs_are_removed_unless_somebody_writes_them(tmp_path):
    held = runlog.open_log(tmp_path / "held.log")
    names = ("old.log", "old.result", "held.log", "kept.log", "kept.result")
    for name, at in (*((name, 100) for name in names), ("new.log", 300)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at, at))
    runlog.prune(tmp_path, 200, {"kept"})
    os.close(held)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["held.log", "kept.log", "kept.result", "new.log"]


async def _until(true: Callable[[], bool]) -> None:
    """The kernel tells nobody when a lock is let go."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _until_gone(*pids: int) -> None:
    """A killed process takes a moment to go, of which the kernel tells its parent alone."""
    async with asyncio.timeout(20):
        while any(_is_there(pid) for pid in pids):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
