"""Runs a target's own program.

Fixed arguments, no shell, few environment variables, its own session, output to a private file.

Output goes straight to a file and not through this process, so that a deploy outlives a node that
stops or dies. For the same reason this is not asyncio's subprocess, whose transport kills the child
when it is collected. The open file carries a lock, which the child and all it starts inherit: while
it is held, something of that run is alive, whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.deploy.backend import Order, RunOutcome
from devstream_desktop.deploy.runlog import is_held, last_line, open_log, trim
from devstream_desktop.stream.text import clean, duration

KILL_AFTER_S = 10.0
"""Seconds between asking a run to end, and killing it."""
_LOOK_EVERY_S = 1.0
_OWN_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""Windows' form of an own session; the name is defined there only."""
_WINDOWS_NEEDS = ("SYSTEMROOT", "PATHEXT", "COMSPEC")


class Shell:
    """The executor of `run = [...]`."""

    def __init__(self, kill_after_s: float = KILL_AFTER_S) -> None:
        self._kill_after_s = kill_after_s

    async def run(self, order: Order, begun: Callable[[], Awaitable[None]]) -> RunOutcome:
        """Start the program, and wait for its end or its time-out."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        try:
            # In a thread: starting may wait for a slow disk.
            process = await asyncio.to_thread(_start, order, ended)
        except (OSError, ValueError) as error:
            return RunOutcome(
                "error",
                reason=clean(
                    f"{order.target.run[0]} could not be started: {_why(error, order)}", 200
                ),
            )
        # Others see that it runs before its first output.
        await begun()
        deadline = loop.time() + order.target.timeout_s
        while not await _within(ended, min(_LOOK_EVERY_S, deadline - loop.time())):
            # A deploy that hangs would keep its target for good.
            if loop.time() >= deadline:
                await self._end(process, ended)
                return RunOutcome(
                    "error",
                    ended.result() if ended.done() else None,
                    f"stopped: it took longer than {duration(_ms(order))}",
                )
            await asyncio.to_thread(trim, order.log)
        await asyncio.to_thread(trim, order.log)
        # 0 is success, anything else the program's own failure.
        code = ended.result()
        if code == 0:
            return RunOutcome("success", 0)
        how = f"ended by {_signal_name(-code)}" if code < 0 else f"exit {code}"
        said = await asyncio.to_thread(last_line, order.log)
        return RunOutcome("failure", code, clean(f"{how}: {said}" if said else how, 200))

    def is_running(self, log: Path) -> bool:
        """Return true while a process holds the lock of `log`.

        Always false where files have no such locks.
        """
        return is_held(log)

    async def _end(self, process: subprocess.Popen[bytes], ended: asyncio.Future[int]) -> None:
        await asyncio.to_thread(_signal_group, process, hard=False)
        await _within(ended, self._kill_after_s)
        # Again when the leader has gone: what it started may have ignored the first signal.
        await asyncio.to_thread(_signal_group, process, hard=True)
        await _within(ended, self._kill_after_s)


def environment(order: Order) -> dict[str, str]:
    """All that the program inherits.

    What the target lets through, what it fixes, and who deploys what.
    """
    names = (*order.target.pass_env, *(_WINDOWS_NEEDS if sys.platform == "win32" else ()))
    # The node's environment may hold secrets, so only named variables pass.
    passed = {name: os.environ[name] for name in names if name in os.environ}
    request = order.request
    return (
        passed
        | dict(order.target.env)
        | {
            "DEVSTREAM_TARGET": request.target,
            "DEVSTREAM_ENVIRONMENT": request.environment,
            "DEVSTREAM_REF": request.ref,
            "DEVSTREAM_SHA": request.sha,
            "DEVSTREAM_PERSON": order.person,
            "DEVSTREAM_REQUEST": request.id,
        }
    )


def _start(order: Order, ended: asyncio.Future[int]) -> subprocess.Popen[bytes]:
    """Start the program, in a thread.

    Its exit code will be the result of `ended`, whoever still waits for it.
    """
    output = open_log(order.log)
    try:
        process = subprocess.Popen(
            order.target.run,
            cwd=order.target.cwd,
            env=environment(order),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Its own session: a Ctrl+C at the node must not reach the deploy.
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )
    finally:
        # The child has its own copy, and the lock with it.
        os.close(output)
    # A daemon: a node that stops does not wait for a deploy.
    threading.Thread(
        target=_wait, args=(process, ended), name=f"deploy-{process.pid}", daemon=True
    ).start()
    return process


def _wait(process: subprocess.Popen[bytes], ended: asyncio.Future[int]) -> None:
    code = process.wait()

    def settle() -> None:
        if not ended.done():
            ended.set_result(code)

    with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is waiting any more
        ended.get_loop().call_soon_threadsafe(settle)


async def _within(ended: asyncio.Future[int], seconds: float) -> bool:
    done, _ = await asyncio.wait({ended}, timeout=max(0.0, seconds))
    return bool(done)


def _signal_group(process: subprocess.Popen[bytes], *, hard: bool) -> None:
    if sys.platform == "win32":
        if hard:
            process.kill()
        else:
            process.send_signal(signal.CTRL_BREAK_EVENT)
        return
    with contextlib.suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)


def _why(error: OSError | ValueError, order: Order) -> str:
    """Return the system's reason, without the paths of this machine: everybody reads it."""
    if not isinstance(error, OSError):
        return str(error)
    # The path itself would tell the team about this machine.
    place = " (its cwd)" if str(error.filename) == str(order.target.cwd) else ""
    return f"{machine.shortage(error) or error.strerror or error}{place}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _ms(order: Order) -> int:
    return int(order.target.timeout_s * 1000)
