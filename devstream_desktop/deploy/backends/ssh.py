"""SSH: a fixed command on another host, by this system's OpenSSH.

The host's key is the one in targets.toml and no other. What to deploy reaches the command as
environment variables, each a quoted word, so that no value can be read as a part of it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends.contract import (
    BackendError,
    Hear,
    Order,
    RunOutcome,
    table,
)
from devstream_desktop.deploy.backends.settings import Ssh as Settings
from devstream_desktop.deploy.backends.shell import Program, Shell, environment
from devstream_desktop.deploy.targets import Target
from devstream_desktop.private_file import write_private
from devstream_desktop.stream.run_mark import REQUEST
from devstream_desktop.stream.text import clean

_LOST = 255
"""The exit code of ssh itself, without a connection or losing it."""
_BEGAN = "[devstream: on the host]"
"""The first line of the output, just before the command begins."""
_ENDED = "[devstream: the command ended with 255]"
"""The last line of a command with a lost connection's exit code."""
_TOLD = f"""sh -c "$1"; code=$?; [ $code -ne 255 ] || echo '{_ENDED}'; exit $code"""
_NEVER = re.compile(
    r"connect to host|Could not resolve|Host key verification failed|Permission denied \("
    r"|Unable to negotiate|Too many authentication failures"
)
"""The words of ssh when it surely never reached the command."""
_KEY = "DEVSTREAM_SSH_KEY"
_WITH_KEY = f'printenv {_KEY} | ssh-add -q - && unset {_KEY} && exec ssh "$@"'
"""An agent of its own for the key. The key is in no file and no argument."""
_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "GlobalKnownHostsFile": "none",
    "UpdateHostKeys": "no",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "PermitLocalCommand": "no",
    "ConnectTimeout": "20",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "LogLevel": "ERROR",
}


class SecureShell(Shell):
    """The back end `ssh`."""

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return which program is missing; the host is not troubled."""
        needed = ("ssh", "ssh-agent", "ssh-add") if table(target, Settings).key else ("ssh",)
        missing = [name for name in needed if await asyncio.to_thread(shutil.which, name) is None]
        return [f"{name} is not there; install OpenSSH's client" for name in missing]

    async def watch(self, order: Order, handle: str, hear: Hear) -> RunOutcome:
        """Wait for the end. Tell a lost connection from a failed command."""
        outcome = await super().watch(order, handle, hear)
        if outcome.exit_code != _LOST or outcome.state != "failure":
            return outcome
        said = await asyncio.to_thread(runlog.last_line, order.log)
        # ssh ends so as well, but does not say this.
        if said == _ENDED:
            said = await asyncio.to_thread(runlog.last_line, order.log, _ENDED)
            how = f"exit {_LOST}"
            # Without output, the last line is that of its beginning.
            quoted = f"{how}: {said}" if said != _BEGAN else how
            return RunOutcome("failure", _LOST, clean(quoted, 200))
        began = await asyncio.to_thread(runlog.begins_with, order.log, _BEGAN)
        if not began and _NEVER.search(said):
            return RunOutcome("error", _LOST, clean(f"ssh did not get there: {said}", 200))
        reason = "the connection was lost, so its end is not known"
        return RunOutcome("unknown", _LOST, clean(f"{reason}; the last it said: {said}", 200))

    def program(self, order: Order) -> Program:
        """Return ssh with the command."""
        settings = table(order.target, Settings)
        options = _OPTIONS | {"UserKnownHostsFile": str(_known_host(order, settings))}
        # A terminal, because without one a command goes on when the connection ends.
        arguments = ["-F", "none", "-tt", "-p", str(settings.port), "-l", settings.user]
        for name, value in options.items():
            arguments += ["-o", f"{name}={value}"]
        arguments += ["--", settings.host, _command(order, settings)]
        env = {
            name: value
            for name, value in environment(order).items()
            if name in ("PATH", "HOME", "SSH_AUTH_SOCK", REQUEST)
        }
        folder = order.log.parent
        if not settings.key:
            return Program(["ssh", *arguments], folder, env, "ssh")
        env.pop("SSH_AUTH_SOCK", None)
        key = order.secrets.get(settings.key, "")
        env[_KEY] = key.rstrip("\n")
        run = ["ssh-agent", "sh", "-c", _WITH_KEY, "ssh", *arguments]
        return Program(run, folder, env, "ssh")


def _known_host(order: Order, settings: Settings) -> Path:
    """Write the host's key where ssh reads it; returns the file."""
    name = settings.host if settings.port == 22 else f"[{settings.host}]:{settings.port}"
    path = order.log.with_suffix(".known_hosts")
    try:
        write_private(path, f"{name} {settings.host_key}\n".encode())
    except OSError as error:
        raise BackendError(f"the host's key cannot be written: {error.strerror}") from None
    return path


def _command(order: Order, settings: Settings) -> str:
    given = {
        name: value
        for name, value in environment(order).items()
        if name.startswith("DEVSTREAM_") or name in order.target.env
    }
    words = " ".join(f"{name}={quote(value)}" for name, value in given.items())
    return (
        f"echo {quote(_BEGAN)}; exec env {words} sh -c {quote(_TOLD)} sh {quote(settings.command)}"
    )
