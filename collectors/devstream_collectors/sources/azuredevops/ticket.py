"""Azure DevOps' work items."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Loose, Part, Text, milliseconds, person
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, second, ticket_event
from devstream_collectors.sources.azuredevops.place import Envelope, Identity, Links, tracked_at
from devstream_desktop.stream.event import Event

_CLOSED = frozenset({"closed", "done", "completed", "resolved", "removed"})
"""The last states of work items in Microsoft's four process templates."""
_API = re.compile(r"/_apis/wit/workitems/(\d+)(?:/.*)?\Z", re.IGNORECASE | re.DOTALL)


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """A changed field."""

    old_value: Loose = None
    new_value: Loose = None


class Fields(msgspec.Struct, frozen=True):
    """The fields of a work item.

    A person is `Ana <ana@example.org>`, or an identity, by version.
    """

    project: str | None = msgspec.field(default="", name="System.TeamProject")
    title: Text = msgspec.field(default="", name="System.Title")
    created: str | None = msgspec.field(default="", name="System.CreatedDate")
    created_by: str | Identity | None = msgspec.field(default="", name="System.CreatedBy")
    changed: str | None = msgspec.field(default="", name="System.ChangedDate")
    changed_by: str | Identity | None = msgspec.field(default="", name="System.ChangedBy")
    moved: str | None = msgspec.field(default="", name="Microsoft.VSTS.Common.StateChangeDate")


class Steps(msgspec.Struct, frozen=True):
    """The fields that an update changed."""

    state: Step | None = msgspec.field(default=None, name="System.State")
    changed: Step | None = msgspec.field(default=None, name="System.ChangedDate")


class WorkItem(msgspec.Struct, frozen=True):
    """A work item or a revision of one, also in the API."""

    id: Text = ""
    url: str | None = ""
    fields: Fields | None = None
    links: Links | None = msgspec.field(default=None, name="_links")

    def page(self, links: Links | None = None) -> str:
        """Return its page, whose address may be only that of the API.

        Args:
            links: of an update, where the work item itself has none.

        """
        known = self.links or links
        html = known.html.href if known and known.html else ""
        return html or _API.sub(r"/_workitems/edit/\1", self.url or "")


class Update(msgspec.Struct, frozen=True, rename="camel"):
    """An update of a work item, also in the API; `revision` is the work item after it."""

    work_item_id: Text = ""
    revised_by: Part[Identity] = Identity()
    revised_date: str | None = ""
    fields: Steps | None = None
    revision: Part[WorkItem] = WorkItem()
    url: str | None = ""
    links: Links | None = msgspec.field(default=None, name="_links")

    @property
    def at(self) -> str:
        """The ISO time of the change; empty when it does not say so."""
        value = self.fields.changed.new_value if self.fields and self.fields.changed else None
        return value if isinstance(value, str) else ""


def created(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the event of a `workitem.created` delivery."""
    item = said.decode(WorkItem)
    fields = item.fields or Fields()
    place = tracked_at(said.organisation(item.url), [fields.project], source, received)
    actor = who(fields.created_by, fields.changed_by)
    return (step(item, "opened", fields.created, actor, place),)


def updated(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the event of a `workitem.updated` delivery."""
    update = said.decode(Update)
    state = step_of(update)
    item = update.revision
    fields = item.fields or Fields()
    at = update.at or fields.changed or update.revised_date
    organised = said.organisation(update.url, item.url)
    place = tracked_at(organised, [fields.project], source, received)
    actor = who(update.revised_by, fields.changed_by)
    numbered = msgspec.structs.replace(item, id=update.work_item_id or item.id)
    return (step(numbered, state, at, actor, place, update.links),)


def step_of(update: Update) -> str:
    """Return a change of a work item's state as our step: `closed` or `reopened`.

    Raises:
        Dropped: no news.

    """
    change = update.fields.state if update.fields else None
    if change is None:
        raise Dropped("issue-not-news")
    old, new = change.old_value, change.new_value
    was, now = (isinstance(value, str) and value.lower() in _CLOSED for value in (old, new))
    if was == now or not new or not old:
        raise Dropped("issue-not-news", str(new or ""))
    return "closed" if now else "reopened"


def step(
    item: WorkItem,
    state: str,
    at: str | None,
    actor: str,
    place: Place,
    links: Links | None = None,
) -> Event:
    """Make the event of a work item's step: `opened`, `reopened` or `closed`.

    Args:
        item: as it is.
        state: of the step.
        at: the ISO time of the step.
        actor: the name of who did it.
        place: the project's.
        links: of the update, where the work item itself has none.

    Raises:
        Dropped: it has no id.
        InvalidEventError: as `make_event`.

    """
    if not item.id:
        raise Dropped("unexpected-shape", "no id")
    fields, time = item.fields or Fields(), milliseconds(at)
    ticket = Ticket(
        number=item.id,
        state=state,
        once=second(time),
        title=fields.title,
        actor=actor,
        url=item.page(links),
        time=time,
    )
    return ticket_event(ticket, replace(place, service=fields.project or place.service))


def who(*identities: Identity | str | None) -> str:
    """Return the first person's name."""
    return person(*(one.plain if isinstance(one, Identity) else one for one in identities))
