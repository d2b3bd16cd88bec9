"""The `devstream` command with twelve marked points on the way of a delivery.

At the armed one it kills itself, as kill -9 does.

The file that the environment variable `CRASH_ARMED` names holds the point; without the file nothing
happens.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from devstream_collectors.sources import github
from devstream_desktop.cli import main
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.lines import Lines
from devstream_desktop.history.log import History
from devstream_desktop.intake import store
from devstream_desktop.intake.webhook import spool
from devstream_desktop.intake.webhook.receiver import Receiver
from devstream_desktop.intake.webhook.server import _Protocol

POINTS = (
    "received",  # the request is here, its body not yet read
    "proved",  # authentic, nothing stored
    "spooling",  # written, not committed
    "spooled",  # committed, nobody told
    "stored",  # the receiver knows, the answer not made
    "answered",  # the 202 is out
    "taken",  # read from the queue
    "normalised",  # events made
    "numbered",  # the numbers in the feed are taken, the log has not got the entries
    "appending",  # in the log, not committed
    "appended",  # committed to the log, nobody told
    "published",  # said to everybody, still in the queue
)


def reach(point: str) -> None:
    """Die here when this point is armed."""
    try:
        armed = Path(os.environ["CRASH_ARMED"]).read_text()
    except FileNotFoundError:
        return
    if armed == point:
        os.kill(os.getpid(), signal.SIGKILL)


def mark(owner: Any, name: str, *, before: str = "", after: str = "") -> None:
    """Put points before and after a function of `owner`."""
    work = getattr(owner, name)

    def marked(*arguments: Any, **options: Any) -> Any:
        if before:
            reach(before)
        result = work(*arguments, **options)
        if after:
            reach(after)
        return result

    setattr(owner, name, marked)


def mark_async(owner: Any, name: str, *, before: str = "", after: str = "") -> None:
    """As `mark`, for a coroutine function; `after` only where something came back."""
    work = getattr(owner, name)

    async def marked(*arguments: Any, **options: Any) -> Any:
        if before:
            reach(before)
        result = await work(*arguments, **options)
        if after and result:
            reach(after)
        return result

    setattr(owner, name, marked)


def mark_commit_of_deliveries() -> None:
    """Mark points inside and after the commits that hold a delivery.

    The store's thread commits all kinds of work.
    """
    insert, transact = spool._insert, store._transact
    holds: list[bool] = []

    def marked_insert(*arguments: Any) -> Any:
        result = insert(*arguments)
        reach("spooling")
        holds.append(True)
        return result

    def marked_transact(*arguments: Any) -> Any:
        holds.clear()
        result = transact(*arguments)
        if holds:
            reach("spooled")
        return result

    spool._insert, store._transact = marked_insert, marked_transact


if __name__ == "__main__":
    mark_async(Receiver, "_take", before="received")
    mark_async(spool.Spool, "put", before="proved", after="stored")
    mark_commit_of_deliveries()
    mark(_Protocol, "on_response_complete", after="answered")
    mark_async(spool.Spool, "next", after="taken")
    mark(github, "normalise", after="normalised")
    mark(FeedMirror, "remember", after="numbered")
    mark(Lines, "add", after="appending")
    mark(History, "add", after="appended")
    mark_async(spool.Spool, "done", before="published")
    sys.exit(main())
