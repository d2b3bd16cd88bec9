"""Linear's issues as steps of a ticket; webhook and API speak of the same ones, so both come through here and give the same keys."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Loose, first, person, when, word
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.ticket import Ticket, is_done

_ENDS = frozenset({"completed", "canceled", "cancelled", "duplicate"})
_SECOND = 1000


class Person(msgspec.Struct, frozen=True, rename="camel"):
    """Who did something; an integration has a name too."""

    name: Loose = ""
    display_name: Loose = ""


class State(msgspec.Struct, frozen=True):
    """A workflow state; `type` is `triage`, `backlog`, `unstarted`, `started`, `completed` or `canceled`."""

    name: Loose = ""
    type: Loose = ""


class Team(msgspec.Struct, frozen=True):
    """The team of an issue."""

    key: Loose = ""
    name: Loose = ""


class Issue(msgspec.Struct, frozen=True, rename="camel"):
    """An issue, of a webhook and of the API."""

    id: Loose = ""
    identifier: Loose = ""
    number: Loose = ""
    title: Loose = ""
    url: Loose = ""
    priority_label: Loose = ""
    created_at: Loose = ""
    updated_at: Loose = ""
    completed_at: Loose = ""
    canceled_at: Loose = ""
    state: State | None = None
    team: Team | None = None
    creator: Person | None = None


def is_end(state: State | None) -> bool:
    """Whether an issue in that state is closed."""
    if state is None:
        return False
    return word(state.type).lower() in _ENDS if word(state.type) else is_done(word(state.name))


def opened(issue: Issue, actor: Person | None, url: str = "") -> Ticket:
    """An issue that was created.

    Raises:
        Dropped: it has no id.

    """
    return _ticket(issue, "opened", "", actor or issue.creator, when(issue.created_at), url)


def closed(issue: Issue, actor: Person | None, at: int, url: str = "") -> Ticket:
    """An issue that was completed or cancelled.

    Raises:
        Dropped: it has no id.

    """
    ended = when(first(issue.completed_at, issue.canceled_at)) or at
    return _ticket(issue, "closed", str(ended // _SECOND), actor, ended, url, sort=word(issue.state.name) if issue.state else "")


def reopened(issue: Issue, actor: Person | None, at: int, url: str = "") -> Ticket:
    """An issue that was closed and is not any more.

    Raises:
        Dropped: it has no id.

    """
    # An issue and its history are written at once, but not in the same millisecond.
    return _ticket(issue, "reopened", str(at // _SECOND), actor, at, url)


def deleted(issue: Issue, actor: Person | None, at: int, url: str = "") -> Ticket:
    """An issue that is no more: closed for good.

    Raises:
        Dropped: it has no id.

    """
    return _ticket(issue, "closed", "deleted", actor, at, url, sort="deleted")


def _ticket(issue: Issue, state: str, once: str, actor: Person | None, at: int, url: str, *, sort: str = "") -> Ticket:
    team = issue.team or Team()
    key = "-".join(text for text in (word(team.key), word(issue.number)) if text)
    number = first(issue.identifier, key, issue.id)
    if not number:
        raise Dropped("unnamed-ticket")
    return Ticket(
        scope="linear",
        identity=first(issue.id, number),
        number=number,
        state=state,
        once=once,
        service=first(team.name, team.key),
        title=word(issue.title),
        actor=person(actor.name, actor.display_name) if actor else "",
        priority=word(issue.priority_label),
        sort=sort,
        url=first(issue.url, url),
        time=at,
    )
