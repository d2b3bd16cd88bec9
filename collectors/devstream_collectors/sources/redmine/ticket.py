"""Redmine's issues as steps of a ticket; webhook and API speak of the same journals.

A webhook does not say which Redmine it is of, so an issue is known by its number with the time it
was created.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Loose, Many, Part, Text, Time, person
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, is_done, ticket_event
from devstream_desktop.stream.event import Event

SCOPE = "redmine"
_YES = ("1", "t", "true")


class Named(msgspec.Struct, frozen=True):
    """A project, tracker, priority or person; the plugin's people have other names."""

    name: Text = ""
    identifier: Text = ""
    login: Text = ""
    firstname: Text = ""
    lastname: Text = ""

    @property
    def person(self) -> str:
        """The name of a person."""
        both = " ".join(part for part in (self.firstname, self.lastname) if part)
        return person(self.name, both, self.login)


class Status(msgspec.Struct, frozen=True):
    """A status; not every version says whether it is an end."""

    id: Text = ""
    name: Text = ""
    is_closed: Loose = None

    @property
    def is_end(self) -> bool:
        """True if an issue in it is closed."""
        return self.is_closed if isinstance(self.is_closed, bool) else is_done(self.name)


class Detail(msgspec.Struct, frozen=True):
    """One field that a journal changed.

    It is `name` and `new_value` in the API, `prop_key` and `value` in a webhook.
    """

    prop_key: Text = ""
    name: Text = ""
    old_value: Text = ""
    new_value: Text = ""
    value: Text = ""


class Journal(msgspec.Struct, frozen=True):
    """Fields that were changed at once, and by whom."""

    id: Text = ""
    created_on: Time = 0
    user: Named | None = None
    author: Part[Named] = Named()
    details: Many[Detail] = []

    @property
    def status(self) -> Detail | None:
        """The change of the status, if there is one."""
        return self._changed("status_id")

    @property
    def privacy(self) -> str:
        """`hidden` or `shown` where it was made private or public; else empty."""
        change = self._changed("is_private")
        if change is None:
            return ""
        return "hidden" if (change.new_value or change.value) in _YES else "shown"

    def _changed(self, name: str) -> Detail | None:
        return next((one for one in self.details if (one.prop_key or one.name) == name), None)


class Issue(msgspec.Struct, frozen=True):
    """An issue, of a webhook, of the plugin and of the API."""

    id: Text = ""
    subject: Text = ""
    project: Part[Named] = Named()
    tracker: Part[Named] = Named()
    status: Part[Status] = Status()
    priority: Part[Named] = Named()
    author: Part[Named] = Named()
    created_on: Time = 0
    updated_on: Time = 0
    closed_on: Text = ""
    is_private: Loose = None
    """Not everybody may see it; anything but false is taken for yes."""
    journals: Many[Journal] = []

    @property
    def is_hidden(self) -> bool:
        """True if not everybody who reads the stream may know of it."""
        return self.is_private not in (None, False)


def step(
    issue: Issue,
    state: str,
    once: str,
    actor: Named,
    at: int,
    place: Place,
    *,
    sort: str = "",
    url: str = "",
) -> Event:
    """Make the event of one step of an issue.

    Args:
        issue: as it is.
        state: `opened`, `reopened` or `closed`.
        once: the journal's id, or a word that tells this step from others to the same state.
        actor: who did it.
        at: when, UTC milliseconds.
        place: its source's `url` is where the issue can be looked at.
        sort: how it was closed; otherwise the tracker's name is said.
        url: where the sender says it can be looked at.

    Raises:
        Dropped: the issue has no number, or not everybody may know of it.

    """
    if issue.is_hidden:
        raise Dropped("confidential")
    if not issue.id:
        raise Dropped("unnamed-ticket")
    base = place.source.url
    ticket = Ticket(
        identity=f"{issue.id}/{_second(issue.created_on)}",
        number=issue.id,
        state=state,
        once=once,
        service=issue.project.name or issue.project.identifier,
        environment=place.source.environment,
        title=issue.subject,
        actor=actor.person,
        priority=issue.priority.name,
        sort=sort or ("" if state == "closed" else issue.tracker.name),
        url=url or (f"{base}/issues/{issue.id}" if base else ""),
        time=_second(at),
    )
    return ticket_event(ticket, place)


def hidden(issue: Issue, once: str, actor: Named, at: int, place: Place) -> Event:
    """End the row of an open issue that was made private.

    The event has no title.

    Raises:
        Dropped: the issue has no number.

    """
    bare = msgspec.structs.replace(issue, subject="", is_private=None)
    return step(bare, "closed", once, actor, at, place, sort="private")


def _second(at: int) -> int:
    """Cut a time to its second: the API tells no more, and the plugin as much as its database."""
    return at - at % 1000
