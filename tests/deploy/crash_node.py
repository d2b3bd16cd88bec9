"""An executor in a process of its own, for a test that kills it.

Takes a home, a request, and where to kill itself (`POINTS`), or nothing to go on. Prints each event
it publishes. Without arguments it reads them from lines of JSON: a copy of this process, which has
everything imported, is killed for each, and what became of it is printed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from devstream_desktop.deploy.backends import http, shell
from devstream_desktop.deploy.backends.following import Following
from devstream_desktop.deploy.backends.registry import BACKENDS
from devstream_desktop.deploy.backends.shell import Shell
from devstream_desktop.deploy.backends.webhook import Webhook
from devstream_desktop.deploy.knowledge import Rights
from devstream_desktop.deploy.runner import Runner
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.deploy.service import Deploys
from devstream_desktop.deploy.starts import Starts
from devstream_desktop.home import Home
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import Event, decode_event


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str) -> None:
    setattr(owner, name, _die)


def _after(owner: Any, name: str) -> None:
    real = getattr(owner, name)

    def call(*given: Any, **named: Any) -> Any:
        done = real(*given, **named)
        _die()
        return done

    setattr(owner, name, call)


def _after_awaited(owner: Any, name: str) -> None:
    real = getattr(owner, name)

    async def call(*given: Any, **named: Any) -> Any:
        done = await real(*given, **named)
        _die()
        return done

    setattr(owner, name, call)


KINDS = (Shell, Following, Webhook)
"""Programs of this machine, and every service; the last has a watch of its own."""


def _before_it_is_sent() -> None:
    _before(http, "_exchange")
    _before(shell.runlog, "open_log")


def _before_its_answer() -> None:
    _after(http, "_exchange")
    _before(shell.msgspec.json, "decode")


def _after_the_start() -> None:
    for kind in KINDS:
        _after_awaited(kind, "start")


def _in_the_watch() -> None:
    for kind in KINDS:
        _before(kind, "watch")


def _after_the_end() -> None:
    for kind in KINDS:
        _after_awaited(kind, "watch")


POINTS: dict[str, Callable[[], None]] = {
    "before the claim": lambda: _before(Runs, "claim"),
    "after the claim": lambda: _after(Runs, "claim"),
    "before the order is noted": lambda: _before(Starts, "prepare"),
    "after the order is noted": lambda: _after(Starts, "prepare"),
    "before it is sent": _before_it_is_sent,
    "after the log is locked": lambda: _after(shell.runlog, "open_log"),
    "before its answer": _before_its_answer,
    "after the start": _after_the_start,
    "before the handle is noted": lambda: _before(Starts, "started"),
    "between handle and state": lambda: _after(Starts, "started"),
    "after the state": lambda: _after(Runner, "_note_start"),
    "in the watch": _in_the_watch,
    "after the end": _after_the_end,
    "before the end is noted": lambda: _before(Runs, "finished"),
    "after the end is noted": lambda: _after(Runs, "finished"),
}
"""The marked points: what is replaced so that the process ends there."""


async def main(home: str, request: str, point: str = "") -> None:
    event = decode_event(bytes.fromhex(request))

    async def publish(events: list[Event]) -> None:
        for made in events:
            print(msgspec.json.encode(made).decode(), flush=True)  # noqa: T201 (what the test reads)

    deploys = Deploys(
        home=Home(Path(home)),
        device=event.executor,
        publish=publish,
        rights=Rights(lambda *_: True, lambda *_: [], lambda _: "ana", lambda: 1),
        now=lambda: event.time,
        # Services are looked at as often as the tests' servers change.
        backends={
            name: type(one)(0.02, 0.05) if isinstance(one, Following) else one
            for name, one in BACKENDS.items()
        },
        secret=lambda name: os.environ.get(f"TEST_{name}"),
    )
    await deploys.start()
    if point:
        POINTS[point]()
    await deploys.handle(event, device_id(b"a" * 32), "ana", fresh=True)
    await asyncio.Event().wait()


def serve() -> None:
    """Kill a copy of this process for each line."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            # What it prints is not the answer.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            asyncio.run(main(*msgspec.json.decode(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 (what the test reads)


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(main(*sys.argv[1:]))
    else:
        serve()
