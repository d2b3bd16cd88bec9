"""Bitbucket Cloud's issues."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Id, Part, Text, decode, milliseconds
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, second, ticket_event
from devstream_collectors.sources.bitbucket.place import Links, Payload, User, account
from devstream_desktop.stream.event import Event

_OPEN = frozenset({"new", "open", "on hold", "submitted"})
"""All other states of an issue are ends of it: resolved, duplicate, invalid, wontfix, closed."""


class Issue(msgspec.Struct, frozen=True):
    """An issue, also in the API."""

    id: Id = ""
    title: Text = ""
    created_on: str | None = ""
    updated_on: str | None = ""
    reporter: Part[User] = User()
    links: Part[Links] = Links()


class _Step(msgspec.Struct, frozen=True):
    """A changed field."""

    old: str | None = ""
    new: str | None = ""


class Changes(msgspec.Struct, frozen=True):
    """The changed fields of an issue, as far as we read them."""

    status: _Step | None = None
    state: _Step | None = None

    @property
    def step(self) -> str:
        """The step that they are to us: `closed` or `reopened`; empty for no news."""
        changed = self.status or self.state
        if changed is None or (changed.old in _OPEN) == (changed.new in _OPEN):
            return ""
        return "reopened" if changed.new in _OPEN else "closed"


class _Payload(Payload, frozen=True):
    issue: Issue | None = None
    changes: Changes | None = None


def issue_created(body: bytes, place: Place) -> tuple[Event, ...]:
    """Make the event of an `issue:created` delivery."""
    said = decode(body, _Payload)
    if said.issue is None:
        raise Dropped("unexpected-shape", "no issue")
    return (step(said.issue, "opened", account(said.actor), place),)


def issue_updated(body: bytes, place: Place) -> tuple[Event, ...]:
    """Make the event of an `issue:updated` delivery."""
    said = decode(body, _Payload)
    state = said.changes.step if said.changes else ""
    if said.issue is None or not state:
        raise Dropped("issue-not-news")
    return (step(said.issue, state, account(said.actor), place),)


def step(issue: Issue, state: str, actor: str, place: Place, at: str = "") -> Event:
    """Make the event of an issue that was `opened`, `reopened` or `closed`.

    Args:
        issue: as it is.
        state: of the step.
        actor: the name of the account that did it.
        place: the repository's.
        at: the ISO time of the step, if that is not when the issue was touched last.

    Raises:
        InvalidEventError: as `make_event`.

    """
    time = milliseconds(issue.created_on if state == "opened" else at or issue.updated_on)
    ticket = Ticket(
        number=issue.id,
        state=state,
        once=second(time),
        title=issue.title,
        actor=actor,
        url=issue.links.html.href,
        time=time,
    )
    return ticket_event(ticket, place)
