"""Steps of tickets and issues as events: their row and their identity."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind, Severity

_DONE = frozenset(
    [
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
        "cancelled",
        "canceled",
        "rejected",
        "declined",
        "duplicate",
        "invalid",
        "wontfix",
        "obsolete",
    ]
) | {"won't do", "won't fix"}
# The usual priority of a tracker (Medium, Normal, Major) says nothing.
_PRIORITIES = dict.fromkeys(
    ("blocker", "highest", "urgent", "immediate", "p0", "p1"), Severity.CRITICAL
) | dict.fromkeys(("critical", "high", "p2"), Severity.ERROR)


@dataclass(frozen=True)
class Ticket:
    """One step of a ticket."""

    number: str
    """The number that people know: `SHOP-912`, `482`."""
    state: str
    """`opened`, `reopened` or `closed`."""
    identity: str = ""
    """The lasting id, which a move to another project does not change; empty: the number."""
    once: str = ""
    """Tells this step from others to the same state: a change's id, a time; see `second`."""
    service: str = ""
    """The project, when the place says none."""
    environment: str = ""
    title: str = ""
    actor: str = ""
    priority: str = ""
    """In the tracker's word."""
    sort: str = ""
    """`Bug`, `Task`; or how it was closed."""
    url: str = ""
    time: int = 0
    """UTC milliseconds, 0 where nobody says."""


def ticket_event(ticket: Ticket, place: Place) -> Event:
    """Make the event of one step of a ticket.

    Raises:
        InvalidEventError: as `make_event`.

    """
    about = place.about(ticket.service)
    time = place.moment(ticket.time)
    return make_event(
        kind=Kind.TICKET,
        state=ticket.state,
        service=about,
        environment=ticket.environment,
        subject=f"ticket/{about}/{ticket.number}",
        key=fact_key(
            place.scope,
            Kind.TICKET,
            ticket.identity or ticket.number,
            ticket.state,
            ticket.once,
        ),
        time=time,
        # A closed ticket is not urgent any more.
        severity=urgency(ticket.priority) if ticket.state != "closed" else None,
        number=ticket.number,
        actor=ticket.actor,
        title=ticket.title,
        reason=" · ".join(filter(None, (urgent_word(ticket), ticket.sort))),
        url=ticket.url,
        source=place.source.name,
        scope=place.scope,
    )


def urgent_word(ticket: Ticket) -> str:
    """Return the tracker's own word for a high priority; empty for the usual ones."""
    urgent = ticket.state != "closed" and urgency(ticket.priority) is not None
    return ticket.priority.strip().lower() if urgent else ""


def urgency(priority: str) -> Severity | None:
    """Read a tracker's word for a priority; None for the usual ones."""
    return _PRIORITIES.get(priority.strip().lower())


def second(time: int) -> str:
    """Write a step's time to the second, for `Ticket.once`."""
    return str(time // 1000)


def is_done(status: str) -> bool:
    """Recognise an end by the name of a status.

    Some trackers and versions do not say it otherwise.
    """
    return status.strip().lower() in _DONE
