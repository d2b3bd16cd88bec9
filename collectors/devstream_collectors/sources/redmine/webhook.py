"""The webhooks of Redmine 7, and of the plugin for older versions."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Part, Text, Time, decode, iso
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.redmine.ticket import (
    SCOPE,
    Issue,
    Journal,
    Named,
    hidden,
    step,
)
from devstream_desktop.stream.event import Event


class _Data(msgspec.Struct, frozen=True):
    issue: Issue | None = None
    journal: Journal | None = None


class _Plugin(_Data, frozen=True):
    action: Text = ""
    url: Text = ""


class _Payload(msgspec.Struct, frozen=True):
    type: Text = ""
    timestamp: Time = 0
    data: Part[_Data] = _Data()
    payload: _Plugin | None = None
    """The body that the plugin posts; nothing else is there then."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of one delivery."""
    said = decode(delivery.body, _Payload)
    plugin, place = said.payload, Place(source, delivery.received, SCOPE)
    if plugin is not None:
        action = {"opened": "created"}.get(plugin.action, plugin.action)
        return _step(action, plugin, 0, place, plugin.url)
    sort, _, action = said.type.partition(".")
    if sort != "issue":
        raise Dropped("event-not-mapped", said.type)
    return _step(action, said.data, said.timestamp, place)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a new issue as Redmine posts it."""
    issue = {
        "id": 1,
        "subject": "A test of this source",
        "project": {"id": 1, "name": "devstream-test"},
        "created_on": iso(now),
    }
    body = {"type": "issue.created", "timestamp": iso(now), "data": {"issue": issue}}
    return Delivery({}, msgspec.json.encode(body), now)


def _step(action: str, data: _Data, at: int, place: Place, url: str = "") -> Event:
    issue, journal = data.issue, data.journal or Journal()
    if issue is None:
        raise Dropped("event-not-mapped", action)
    actor: Named = journal.user or journal.author
    if action == "created":
        return step(issue, "opened", "", issue.author, issue.created_on or at, place, url=url)
    if action == "deleted":
        return step(issue, "closed", "deleted", actor, at, place, sort="deleted", url=url)
    at, name = journal.created_on or issue.updated_on or at, issue.status.name
    once, is_end = journal.id or str(at), issue.status.is_end
    if action == "updated" and journal.privacy == "hidden" and issue.is_hidden:
        # What was over before has no open row.
        if is_end and journal.status is None:
            raise Dropped("confidential")
        return hidden(issue, once, actor, at, place)
    if action == "updated" and journal.privacy == "shown" and not is_end:
        return step(issue, "opened", once, actor, at, place, url=url)
    if action != "updated" or journal.status is None:
        raise Dropped("confidential" if issue.is_hidden else "ticket-not-news", action)
    if is_end:
        return step(issue, "closed", once, actor, at, place, sort=name, url=url)
    # Which status it left a webhook says by a number only. Redmine keeps the time at which an
    # issue was once closed.
    if issue.closed_on:
        return step(issue, "reopened", once, actor, at, place, url=url)
    raise Dropped("status-not-news", name)
