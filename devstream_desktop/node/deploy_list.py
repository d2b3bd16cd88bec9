"""The present of deploys as the stream tells it: what runs, waits, is locked, and ran last."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from devstream_desktop.control.messages.deploys import DeployList, LockState, PendingDeploy
from devstream_desktop.history.present import place_of
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.fact import is_own_deploy, request_key
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind

_STALE_MS = 26 * 3_600_000
"""Age from which a run without an end is not under way.

The longest time-out is a day."""


def list_deploys(reader: Reader, now: int) -> DeployList:
    """Return the stream's news of every environment, by their executors' word."""
    pending = [
        line
        for state in ("in_progress", "queued", "waiting")
        for line in _lately(reader, state, now)
        if not line.event.expires or now < line.event.expires
    ]
    locks = filter(_is_own, reader.locks(now))
    last = sorted(reader.last_deploys(), key=place_of)
    return DeployList(
        pending=tuple(
            msgspec.structs.replace(_deploy(line), why=_why(reader, line)) for line in pending
        ),
        locks=tuple(
            LockState(
                target=line.event.service,
                environment=line.event.environment,
                person=line.event.actor,
                reason=line.event.reason,
                since=line.event.time - line.event.duration,
                until=line.event.expires,
            )
            for line in locks
        ),
        last=tuple(map(_deploy, last)),
    )


def _lately(reader: Reader, state: str, now: int) -> Iterator[Line]:
    """Return executors' own deploys in a state, of the last day."""
    # However many there are in a day: most of them are other systems' deploys.
    lately = Query(kind=Kind.DEPLOY, state=state, since=now - _STALE_MS)
    return filter(_is_own, reader.every(lately, superseded=False, struck=False))


def _is_own(line: Line) -> bool:
    return is_own_deploy(line.event, line.device)


def _deploy(line: Line) -> PendingDeploy:
    event = line.event
    return PendingDeploy(
        request=event.request,
        target=event.service,
        environment=event.environment,
        person=event.actor,
        sha=event.revision,
        state=event.state,
        ref=event.ref,
        since=event.time,
        until=event.expires,
        reason=event.reason,
        parameters=event.parameters,
    )


def _why(reader: Reader, line: Line) -> str:
    """Return the reason that the asker of a deploy signed."""
    request = line.event.request
    return next(
        (
            one.event.reason
            for one in reader.subject(line.event)
            # Anybody can write a request of such a number; its key shows who asked.
            if one.event.key == request and request_key(one.event, one.device) == request
        ),
        "",
    )
