"""PagerDuty's incidents as steps of an alert: webhook and API speak of the same ones, so both come through here and give the same keys."""

from __future__ import annotations

from urllib.parse import urlsplit

from devstream_collectors.kit.alert import Alert
from devstream_collectors.kit.decoding import first, person, when, word
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.sources.pagerduty.payloads import Event, Incident, Message, Reference

_STATES = {"triggered": "firing", "trigger": "firing", "reopened": "firing", "resolved": "resolved", "resolve": "resolved"}
_SECOND = 1000


def step_of_event(event: Event) -> Alert:
    """The step that a V3 webhook tells.

    Raises:
        Dropped: it is of no incident, or no news: acknowledged, reassigned, annotated.

    """
    resource, _, action = word(event.event_type).partition(".")
    if resource == "pagey":
        raise Dropped("ping")
    if resource != "incident" or event.data is None:
        raise Dropped("event-not-mapped", word(event.event_type))
    return step(event.data, action, at=when(event.occurred_at), by=event.agent)


def step_of_message(message: Message) -> Alert:
    """The step that a message of a V2 or V1 webhook tells.

    Raises:
        Dropped: as `step_of_event`.

    """
    incident = message.incident or (message.data.incident if message.data else None)
    resource, _, action = first(message.event, message.type).partition(".")
    if resource != "incident" or incident is None:
        raise Dropped("event-not-mapped", first(message.event, message.type))
    entry = next((entry.agent for entry in message.log_entries or () if entry and entry.agent), None)
    return step(incident, action, at=when(message.created_on), by=entry)


def step(incident: Incident, action: str, *, at: int = 0, by: Reference | None = None) -> Alert:
    """An incident that was `triggered`, `resolved` or `reopened`, at a time in UTC milliseconds, by a person or an integration.

    Raises:
        Dropped: it was something else, or it is no incident at all.

    """
    state, identity = _STATES.get(action, ""), first(incident.id, incident.number, incident.incident_number)
    if not state:
        raise Dropped("incident-not-news", action)
    if not identity:
        raise Dropped("unnamed-incident")
    began = when(first(incident.created_at, incident.created_on))
    at = at or when(
        first(incident.resolved_at if state == "resolved" else "", incident.last_status_change_at, incident.last_status_change_on)
    )
    trigger = incident.trigger_summary_data
    number = first(incident.number, incident.incident_number)
    title = first(incident.title, incident.description, *((trigger.subject, trigger.description) if trigger else ()), incident.summary)
    first_time = action in ("trigger", "triggered")
    return Alert(
        scope=_scope(word(incident.html_url)),
        identity=identity,
        state=state,
        name=f"{title} (#{number})" if title and number else title or f"#{number or identity}",
        service=_name(incident.service),
        severity=first(_name(incident.priority), incident.urgency),
        number=number or identity,
        # It is triggered once. The API says times in seconds.
        once="triggered" if first_time else str(at // _SECOND),
        started=began or (at if first_time else 0),
        changed=at,
        actor=person(*(_name(who) for who in (by, incident.resolved_by_user, incident.last_status_change_by))),
        url=word(incident.html_url),
    )


def _scope(url: str) -> str:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return host or "pagerduty"


def _name(of: Reference | None) -> str:
    return first(of.summary, of.name) if of else ""
