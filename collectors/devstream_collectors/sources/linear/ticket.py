"""Linear's issues as steps of a ticket; webhook and API give the same keys."""

from __future__ import annotations

from functools import partial

import msgspec

from devstream_collectors.kit.decoding import Many, Part, Text, Time, person
from devstream_collectors.kit.outcome import Dropped, Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, is_done, second, ticket_event
from devstream_desktop.stream.event import Event

SCOPE = "linear"
_ENDS = frozenset({"completed", "canceled", "cancelled", "duplicate"})


class Person(msgspec.Struct, frozen=True, rename="camel"):
    """A person, or an integration, which has a name too."""

    name: Text = ""
    display_name: Text = ""

    @property
    def plain(self) -> str:
        """The name for a line."""
        return person(self.name, self.display_name)


class State(msgspec.Struct, frozen=True):
    """A state of a workflow.

    `type` is `triage`, `backlog`, `unstarted`, `started`, `completed` or `canceled`.
    """

    name: Text = ""
    type: Text = ""

    @property
    def is_end(self) -> bool:
        """True if an issue in it is closed."""
        return self.type.lower() in _ENDS if self.type else is_done(self.name)


class Team(msgspec.Struct, frozen=True):
    """The team of an issue."""

    key: Text = ""
    name: Text = ""


class Issue(msgspec.Struct, frozen=True, rename="camel"):
    """An issue, of a webhook and of the API."""

    id: Text = ""
    identifier: Text = ""
    number: Text = ""
    title: Text = ""
    url: Text = ""
    priority_label: Text = ""
    created_at: Time = 0
    completed_at: Time = 0
    canceled_at: Time = 0
    state: Part[State] = State()
    team: Part[Team] = Team()
    creator: Part[Person] = Person()
    previous_identifiers: Many[Text] = []
    """The numbers that it had in other teams."""


def renumbered(
    issue: Issue, old: str, actor: Person, at: int, place: Place, url: str = ""
) -> tuple[Maker, ...]:
    """Return the makers of an open issue's move to another team.

    Its number is another from then on, so it ends under the `old` one.
    """
    team = Team(key=old.rpartition("-")[0])
    was = msgspec.structs.replace(issue, identifier=old, number="", team=team)
    once, name = f"{second(at)}/moved", actor.plain
    why = f"moved to {issue.identifier}"
    return (
        partial(_step, was, "closed", once, name, at, place, url, sort=why),
        partial(_step, issue, "opened", once, name, at, place, url),
    )


def opened(issue: Issue, actor: Person, place: Place, url: str = "") -> Event:
    """Make the event of a created issue.

    Raises:
        Dropped: it has no id.

    """
    name = actor.plain or issue.creator.plain
    return _step(issue, "opened", "", name, issue.created_at, place, url)


def closed(issue: Issue, actor: Person, at: int, place: Place, url: str = "") -> Event:
    """Make the event of a completed or cancelled issue.

    Raises:
        Dropped: it has no id.

    """
    ended = issue.completed_at or issue.canceled_at or at
    name = issue.state.name
    return _step(issue, "closed", second(ended), actor.plain, ended, place, url, sort=name)


def reopened(issue: Issue, actor: Person, at: int, place: Place, url: str = "") -> Event:
    """Make the event of a reopened issue.

    Raises:
        Dropped: it has no id.

    """
    # An issue and its history are written at once, but not in the same millisecond.
    return _step(issue, "reopened", second(at), actor.plain, at, place, url)


def deleted(issue: Issue, actor: Person, at: int, place: Place, url: str = "") -> Event:
    """Make the event of a deleted issue: closed for good.

    Raises:
        Dropped: it has no id.

    """
    return _step(issue, "closed", "deleted", actor.plain, at, place, url, sort="deleted")


def _step(
    issue: Issue,
    state: str,
    once: str,
    actor: str,
    at: int,
    place: Place,
    url: str,
    *,
    sort: str = "",
) -> Event:
    team = issue.team
    key = "-".join(text for text in (team.key, issue.number) if text)
    number = issue.identifier or key or issue.id
    if not number:
        raise Dropped("unnamed-ticket")
    ticket = Ticket(
        identity=issue.id or number,
        number=number,
        state=state,
        once=once,
        service=team.name or team.key,
        environment=place.source.environment,
        title=issue.title,
        actor=actor,
        priority=issue.priority_label,
        sort=sort,
        url=issue.url or url,
        time=at,
    )
    return ticket_event(ticket, place)
