"""This node's runs under way, as they change and are shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from devstream_desktop.deploy.backends.contract import Order
from devstream_desktop.stream.text import duration

SILENT_S = 300.0
"""Seconds without a sign of life after which it is said."""


@dataclass(frozen=True)
class RunStatus:
    """One run that is under way; `started` in UTC milliseconds.

    `last` is what it said last, `silent_s` the seconds since its last sign of life, `url` its page
    at the back end, `cancelled_by` who wants it ended.
    """

    request: str
    target: str
    environment: str
    ref: str
    sha: str
    person: str
    started: int
    backend: str = "shell"
    url: str = ""
    last: str = ""
    silent_s: float = 0.0
    cancelled_by: str = ""


@dataclass
class Watch:
    """One run of this node, as it changes. `heard` is by the steady clock."""

    order: Order
    started: int
    heard: float
    handle: str = ""
    url: str = ""
    last: str = ""
    cancelled_by: str = ""
    is_ending: bool = False
    """Its back end may have taken a cancel."""
    ends: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by a cancel until its answer is there."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once its end is on disk."""


def status_of(watch: Watch, now: float) -> RunStatus:
    """Return a run as it is shown; `now` is by the steady clock."""
    request = watch.order.request
    return RunStatus(
        request=request.id,
        target=request.target,
        environment=request.environment,
        ref=request.ref,
        sha=request.sha,
        person=watch.order.person,
        started=watch.started,
        backend=watch.order.target.backend,
        url=watch.url,
        last=watch.last,
        silent_s=max(0.0, now - watch.heard),
        cancelled_by=watch.cancelled_by,
    )


def silence(run: RunStatus) -> str:
    """Say that nothing was heard of a run for long; empty while it shows life."""
    if run.silent_s < SILENT_S:
        return ""
    said = f"; the last it said: {run.last}" if run.last else ""
    return (
        f"deploy {run.request[:8]} of {run.target} to {run.environment}: nothing was heard of it "
        f"for {duration(int(run.silent_s * 1000))}{said}; devstream cancel {run.request[:8]} "
        "ends it"
    )
