"""PagerDuty's incidents as steps of an alert; webhook and API give the same keys.

From https://developer.pagerduty.com/docs/webhooks-overview and
https://developer.pagerduty.com/api-reference (List incidents).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Part, Text, Time, person
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event

_STATES = {
    "triggered": "firing",
    "trigger": "firing",
    "reopened": "firing",
    "resolved": "resolved",
    "resolve": "resolved",
}
_SECOND = 1000
_NUMBERED = re.compile(r"\[(#\d+)\]")
"""The number at the beginning of an incident's summary."""
_URGENCIES = {"high": "critical", "low": "notice"}
"""High wakes people up. There is no urgency above it."""


class Reference(msgspec.Struct, frozen=True):
    """A person, a service or a priority: `summary` in the API and V3, `name` before."""

    summary: Text = ""
    name: Text = ""

    @property
    def plain(self) -> str:
        """The name, whichever field has it."""
        return self.summary or self.name


class Trigger(msgspec.Struct, frozen=True):
    """The texts that V1 has in place of a title."""

    subject: Text = ""
    description: Text = ""


class Ending(msgspec.Struct, frozen=True):
    """The reason of a resolution: of a merge, into which incident."""

    type: Text = ""
    incident: Part[Reference] = Reference()


class Incident(msgspec.Struct, frozen=True):
    """An incident: of V3, of the API, of V2 and of V1, which call some things differently."""

    id: Text = ""
    number: Text = ""
    incident_number: Text = ""
    title: Text = ""
    summary: Text = ""
    description: Text = ""
    status: Text = ""
    urgency: Text = ""
    html_url: Text = ""
    created_at: Time = 0
    created_on: Time = 0
    resolved_at: Time = 0
    last_status_change_at: Time = 0
    last_status_change_on: Time = 0
    service: Part[Reference] = Reference()
    priority: Part[Reference] = Reference()
    last_status_change_by: Part[Reference] = Reference()
    resolved_by_user: Part[Reference] = Reference()
    trigger_summary_data: Part[Trigger] = Trigger()
    resolve_reason: Part[Ending] = Ending()

    @property
    def began(self) -> int:
        """The time it was triggered, UTC milliseconds."""
        return self.created_at or self.created_on


def incident_event(
    incident: Incident, action: str, place: Place, *, at: int = 0, by: str = ""
) -> Event:
    """Make the event of an incident that was `triggered`, `resolved` or `reopened`.

    Args:
        incident: as it is.
        action: what happened to it.
        place: for whom.
        at: when, UTC milliseconds; 0: as the incident says.
        by: the name of a person or an integration.

    Raises:
        Dropped: it was something else, or it is no incident at all.

    """
    state, number = _STATES.get(action, ""), incident.number or incident.incident_number
    identity = incident.id or number
    if not state:
        raise Dropped("incident-not-news", action)
    if not identity:
        raise Dropped("unnamed-incident")
    first_time, trigger = action in ("trigger", "triggered"), incident.trigger_summary_data
    ended = incident.resolved_at if state == "resolved" else 0
    at = at or ended or incident.last_status_change_at or incident.last_status_change_on
    title = (
        incident.title
        or incident.description
        or trigger.subject
        or trigger.description
        or incident.summary
    )
    # What was merged goes on elsewhere.
    merged = _merged_into(incident.resolve_reason)
    alert = Alert(
        identity=identity,
        state=state,
        name=_name(title, number, merged if state == "resolved" else "") or f"#{identity}",
        service=incident.service.plain,
        severity=incident.priority.plain or _URGENCIES.get(incident.urgency, ""),
        number=number or identity,
        # It is triggered once. The API says times in seconds.
        once="triggered" if first_time else str(at // _SECOND),
        started=incident.began or (at if first_time else 0),
        changed=at,
        actor=person(by, incident.resolved_by_user.plain, incident.last_status_change_by.plain),
        url=incident.html_url,
    )
    return alert_event(alert, place.at(_scope(incident.html_url)))


def _name(title: str, number: str, merged: str) -> str:
    more = ", ".join(filter(None, (f"#{number}" if number else "", merged)))
    return f"{title} ({more})" if title and more else title or more


def _merged_into(why: Ending) -> str:
    if not why.type.startswith("merge"):
        return ""
    numbered = _NUMBERED.match(why.incident.plain)
    return f"merged into {numbered[1] if numbered else 'another'}"


def _scope(url: str) -> str:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return host or "pagerduty"
