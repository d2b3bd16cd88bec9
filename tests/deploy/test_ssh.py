"""The back end ssh against a real sshd on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from ssh_host import THERE, Host, keygen, ssh_host

from devstream_desktop.deploy.backends.settings import Ssh
from devstream_desktop.deploy.backends.ssh import SecureShell

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not THERE, reason="needs OpenSSH"),
]


@pytest.fixture
def host(tmp_path) -> Iterator[Host]:
    folder = tmp_path / "host"
    folder.mkdir(mode=0o700)
    with ssh_host(folder) as made:
        yield made


def aimed(order, host: Host, command: str, **changes):
    """An order for a command on the host."""
    given = order("true", backend="ssh")
    settings = {
        "host": "127.0.0.1",
        "port": host.port,
        "user": getpass.getuser(),
        "command": command,
        "host_key": host.host_key,
        "key": "KEY",
        **changes,
    }
    target = structs.replace(given.target, ssh=Ssh(**settings))
    object.__setattr__(given, "target", target)
    object.__setattr__(given, "secrets", {"KEY": host.private})
    return given


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def arguments() -> list[str]:
    """The command line of every process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((folder / "cmdline").read_text("utf-8", "replace"))
    return found


async def run(given):
    shell = SecureShell()
    found = await shell.start(given)
    assert found.__class__.__name__ == "Started", found
    return await shell.watch(given, "", lambda _: None)


async def test_the_command_runs_there_and_learns_what_to_deploy(order, host):
    given = aimed(order, host, 'echo "$DEVSTREAM_SHA to $DEVSTREAM_ENVIRONMENT"; exit 0')
    outcome = await run(given)
    text = given.log.read_text()
    assert outcome.state == "success"
    assert text.splitlines()[1:] == [f"{given.request.sha} to production"]


async def test_its_exit_code_and_last_line_are_the_reason(order, host):
    outcome = await run(aimed(order, host, "echo the disk is full; exit 7"))
    assert (outcome.state, outcome.reason) == ("failure", "exit 7: the disk is full")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo no such host; exit 255", "exit 255: no such host"),
        ("exit 255", "exit 255"),
        # The shell there may say more of it.
        ("echo half; kill -9 $$", "exit 137: "),
    ],
)
async def test_a_command_that_ends_as_ssh_would_is_a_failure(order, host, command, reason):
    outcome = await run(aimed(order, host, command))
    assert outcome.state == "failure"
    assert outcome.reason.startswith(reason)


async def test_another_host_key_is_refused(order, host):
    other = keygen(host.folder / "other")
    outcome = await run(aimed(order, host, f"touch {host.folder}/ran", host_key=other))
    assert outcome.state == "error"
    assert "ssh did not get there: Host key verification failed" in outcome.reason
    assert not (host.folder / "ran").exists()


async def test_no_value_is_read_as_a_command(order, host):
    given = aimed(order, host, 'printf "%s\\n" "$DEVSTREAM_REF"')
    hostile = f"main'; touch {host.folder}/x; $(touch {host.folder}/y) `touch {host.folder}/z`"
    object.__setattr__(given.request, "ref", hostile)
    outcome = await run(given)
    assert outcome.state == "success"
    assert given.log.read_text().splitlines()[1] == hostile
    assert not [name for name in "xyz" if (host.folder / name).exists()]


async def test_the_private_key_is_in_no_file_and_no_argument(order, host):
    given = aimed(order, host, "sleep 0.5")
    running = asyncio.create_task(run(given))
    secret = host.private.splitlines()[2]
    for _ in range(20):
        assert secret not in "".join(arguments())
        await asyncio.sleep(0.02)
    assert (await running).state == "success"
    for path in given.log.parent.iterdir():
        assert secret not in path.read_text()


@pytest.mark.parametrize("pause", ["sleep 1;", ""])
async def test_a_connection_that_is_lost_in_the_middle_is_unknown(order, host, pause):
    lose = 'kill -9 "$(ps -o ppid= -p $PPID | tr -d " ")"'
    given = aimed(order, host, f"echo halfway; {pause} {lose}; sleep 60")
    outcome = await run(given)
    assert outcome.state == "unknown"
    assert "the connection was lost" in outcome.reason


async def test_cancel_ends_the_command_there(order, host):
    pid = host.folder / "pid"
    given = aimed(order, host, f"echo $$ > {pid}; sleep 300; touch {host.folder}/went-on")
    shell = SecureShell()
    await shell.start(given)
    async with asyncio.timeout(20):
        while not pid.exists() or not pid.read_text():  # noqa: ASYNC110 (sshd tells nobody)
            await asyncio.sleep(0.01)
    await shell.cancel(given, "")
    assert (await shell.watch(given, "", lambda _: None)).state == "cancelled"
    async with asyncio.timeout(20):
        while is_there(int(pid.read_text())):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not (host.folder / "went-on").exists()
