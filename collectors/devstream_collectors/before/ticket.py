"""A ticket's step as an event: one place for its row and its identity, for all trackers that are not part of a forge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devstream_collectors.before.outcome import gathered
from devstream_collectors.before.place import Place, moment
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind, Severity

_DONE = {
    *(
        "done",
        "closed",
        "close",
        "resolved",
        "complete",
        "completed",
        "finished",
        "fixed",
        "verified",
        "released",
        "deployed",
        "shipped",
    ),
    *(
        "cancelled",
        "canceled",
        "rejected",
        "declined",
        "duplicate",
        "invalid",
        "wontfix",
        "won't do",
        "won't fix",
        "obsolete",
    ),
}
# What trackers call their usual priority (Medium, Normal, Major) says nothing.
_PRIORITIES = dict.fromkeys(
    ("blocker", "highest", "urgent", "immediate", "p0", "p1"), Severity.CRITICAL
)
_PRIORITIES |= dict.fromkeys(("critical", "high", "p2"), Severity.ERROR)


@dataclass(frozen=True)
class Ticket:
    """One step of a ticket. `scope` and `identity` must be the same by webhook and by poll.

    The identity is what stays when the ticket is renamed or moved to another project; `once` tells this step from others to the same
    state (a change's id, a time), and is empty where there is only one.
    """

    scope: str
    identity: str
    number: str
    """What people call it: `SHOP-912`."""
    state: str
    """`opened`, `reopened` or `closed`."""
    once: str = ""
    service: str = ""
    """The project, when the source names no service."""
    title: str = ""
    actor: str = ""
    priority: str = ""
    """In the tracker's word."""
    sort: str = ""
    """`Bug`, `Task`; or how it was closed."""
    url: str = ""
    time: int = 0
    """UTC milliseconds, 0 where nobody says."""


def ticket_event(ticket: Ticket, source: SourceInfo, received: int) -> Event:
    """The event of one step of a ticket.

    Raises:
        InvalidEventError: as `make_event`.

    """
    service = source.service or ticket.service or source.name
    time, late = moment(ticket.time, received)
    return make_event(
        kind=Kind.TICKET,
        state=ticket.state,
        service=service,
        environment=source.environment,
        subject=f"ticket/{service}/{ticket.number}",
        key=fact_key(ticket.scope, Kind.TICKET, ticket.identity, ticket.state, ticket.once),
        time=time,
        severity=_PRIORITIES.get(ticket.priority.strip().lower())
        if ticket.state != "closed"
        else None,
        number=ticket.number,
        actor=ticket.actor,
        title=ticket.title,
        reason=ticket.sort,
        url=ticket.url,
        source=source.name,
        quiet=late,
    )


def tickets(
    makers: Iterable[Callable[[], Ticket]], source: SourceInfo, received: int
) -> tuple[tuple[Event, ...], dict[str, int]]:
    """What a poller's answer comes to: the events that can be made, and why and how often others cannot."""

    def event_of(make: Callable[[], Ticket]) -> Callable[[], Event]:
        return lambda: ticket_event(make(), source, received)

    events, dropped, _ = gathered(map(event_of, makers))
    return events, dropped


def is_done(status: str) -> bool:
    """Whether a status of that name is an end, for trackers and versions that do not say."""
    return status.strip().lower() in _DONE


@dataclass(frozen=True)
class Issue:
    """A step of an issue: `opened`, `reopened` or `closed`."""

    number: str
    state: str
    title: str = ""
    actor: str = ""
    url: str = ""
    time: int = 0
    """When it took this step, UTC milliseconds. To the second it is part of its identity: an issue may close twice."""


def issue_event(issue: Issue, place: Place) -> Event:
    """The event of an issue's step.

    Raises:
        InvalidEventError: as `make_event`.

    """
    time, late = moment(issue.time, place.received)
    return make_event(
        kind=Kind.TICKET,
        state=issue.state,
        service=place.service,
        subject=f"ticket/{place.service}/{issue.number}",
        key=fact_key(place.scope, Kind.TICKET, issue.number, issue.state, str(issue.time // 1000)),
        time=time,
        number=issue.number,
        actor=issue.actor,
        title=issue.title,
        url=issue.url,
        source=place.source.name,
        quiet=late,
    )
