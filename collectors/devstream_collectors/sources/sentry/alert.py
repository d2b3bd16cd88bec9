"""Sentry's issues and metric alerts as steps of an alert; webhook and API share the issues.

An issue that is new is told once, by when it was first seen; one that is resolved, or comes back,
by when it was last seen. Single occurrences are not news. Self-hosted installations lag by years,
so every field may be missing, null, or spelt otherwise.
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Loose, Part, Text, Time, person
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event as Line
from devstream_desktop.stream.text import first_line

SCOPE = "sentry"
"""Not the host: a webhook may say no address at all.

An issue's id with when it was first seen is one issue anywhere.
"""
_ASIDE = {"archived": "archived", "ignored": "archived", "deleted": "deleted"}
"""Actions that end an issue's row without being news: nobody mended anything."""
_STATES = {
    "created": "firing",
    "unresolved": "firing",
    "resolved": "resolved",
    **dict.fromkeys(_ASIDE, "resolved"),
}
"""Actions that change what is red; assigned is none."""
_METRIC_STATES = {
    "critical": "firing",
    "warning": "firing",
    "open": "firing",
    "resolved": "resolved",
}
_ISSUE = re.compile(r"/issues/(\d+)(?:/|$|\?)")
_PROJECT = re.compile(r"/projects/[^/]+/([^/]+)/")
_GROUP = re.compile(r"/([^/]+)/[^/]+/issues/\d+")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


class Actor(msgspec.Struct, frozen=True):
    """An actor; `type` is `user`, or `application` for Sentry itself and for integrations."""

    type: Text = ""
    name: Text = ""


class Project(msgspec.Struct, frozen=True):
    """The project of an issue."""

    slug: Text = ""
    name: Text = ""


class Issue(msgspec.Struct, frozen=True, rename="camel"):
    """An issue: a group of errors that are the same, in a webhook and in the API."""

    id: Text = ""
    short_id: Text = ""
    title: Text = ""
    culprit: Text = ""
    level: Text = ""
    status: Text = ""
    substatus: Text = ""
    first_seen: Time = 0
    last_seen: Time = 0
    permalink: Text = ""
    web_url: Text = msgspec.field(default="", name="web_url")
    project: Part[Project] = Project()


class Event(msgspec.Struct, frozen=True):
    """One occurrence of an error."""

    event_id: Text = ""
    issue_id: Text = ""
    title: Text = ""
    message: Text = ""
    culprit: Text = ""
    level: Text = ""
    environment: Text = ""
    release: Text = ""
    datetime: Time = 0
    timestamp: Time = 0
    url: Text = ""
    web_url: Text = ""
    issue_url: Text = ""


class Rule(msgspec.Struct, frozen=True):
    """The rule of a metric alert."""

    id: Text = ""
    name: Text = ""
    environment: Text = ""
    projects: Loose = None


class MetricAlert(msgspec.Struct, frozen=True):
    """A metric alert: one run of its rule."""

    id: Text = ""
    identifier: Text = ""
    title: Text = ""
    date_started: Time = 0
    date_closed: Time = 0
    date_detected: Time = 0
    alert_rule: Part[Rule] = Rule()
    projects: Loose = None


class Data(msgspec.Struct, frozen=True):
    """The subject of a webhook: one of these."""

    issue: Issue | None = None
    event: Event | None = None
    metric_alert: MetricAlert | None = None
    error: Event | None = None
    triggered_rule: Text = ""
    description_text: Text = ""
    description_title: Text = ""
    web_url: Text = ""


class PluginPayload(msgspec.Struct, frozen=True):
    """The body of the older webhook plugin."""

    id: Text = ""
    project: Text = ""
    project_name: Text = ""
    project_slug: Text = ""
    level: Text = ""
    culprit: Text = ""
    message: Text = ""
    url: Text = ""
    event: Part[Event] = Event()


def issue_event(issue: Issue, action: str, actor: Actor, place: Place, url: str = "") -> Line:
    """Make the event of an issue: `created`, `resolved`, or `unresolved` again.

    One that was archived or deleted is red no more, and that is told quietly.

    Raises:
        Dropped: something else happened to it, or it has no id.

    """
    state = _STATES.get(action, "")
    if not state:
        raise Dropped("issue-not-news", action)
    if not issue.id:
        raise Dropped("unnamed-issue")
    new, seen, last = action == "created", issue.first_seen, issue.last_seen
    aside = _ASIDE.get(action, "")
    alert = Alert(
        identity=issue.id,
        state=state,
        name=_name(issue.title, issue.culprit),
        service=issue.project.slug or issue.project.name,
        severity=issue.level,
        number=issue.id,
        # Sentry does not say when an issue was resolved, so the last sight tells one end from
        # another.
        once=f"created/{seen}" if new else f"{aside or action}/{last}",
        started=seen,
        # Nor when a person opened it again, which need not be when it was seen last.
        changed=seen if new else 0 if state == "resolved" else place.received,
        actor=person(actor.name) if actor.type == "user" else "",
        is_error=True,
        reason=issue.short_id or issue.culprit if state == "firing" else aside,
        url=issue.web_url or issue.permalink or url,
    )
    made = alert_event(alert, place)
    return msgspec.structs.replace(made, quiet=True) if aside else made


def occurrence_event(event: Event, rule: str, place: Place) -> Line:
    """Make an alert rule's event, in the row of its issue.

    Raises:
        Dropped: it says of no issue.

    """
    found = _ISSUE.search(event.web_url) or _ISSUE.search(event.issue_url)
    identity = event.issue_id or (found[1] if found else "")
    if not identity:
        raise Dropped("unnamed-issue")
    # An occurrence names its project by a number; its address has the name.
    in_url = _PROJECT.search(event.url)
    release = event.release.rsplit("@", 1)[-1]
    alert = Alert(
        identity=identity,
        state="firing",
        name=_name(event.title, event.message, event.culprit),
        service=in_url[1] if in_url else "",
        environment=event.environment,
        severity=event.level,
        number=identity,
        once=f"event/{event.event_id}",
        changed=event.datetime or event.timestamp,
        is_error=True,
        # The name of the rule that sent it says nothing of what happened.
        reason=event.culprit,
        url=event.web_url or event.url,
        revision=release if _COMMIT.fullmatch(release) else "",
    )
    return alert_event(alert, place)


def metric_event(metric: MetricAlert, data: Data, action: str, place: Place) -> Line:
    """Make the event of a metric alert that crossed a threshold.

    Raises:
        Dropped: something else happened to it, or it has no id.

    """
    state = _METRIC_STATES.get(action, "")
    if not state:
        raise Dropped("alert-not-news", action)
    rule, run = metric.alert_rule, metric.identifier or metric.id
    identity = rule.id or run
    if not identity:
        raise Dropped("unnamed-alert")
    projects = metric.projects or rule.projects
    names = projects if isinstance(projects, list) else []
    started = metric.date_started or metric.date_detected
    alert = Alert(
        identity=f"metric-{identity}",
        state=state,
        name=rule.name or metric.title or data.description_title or "metric alert",
        service=next((name for name in names if isinstance(name, str)), ""),
        environment=rule.environment,
        severity=action,
        number=run or str(started),
        # From warning to critical is a step too.
        once=f"{run}/{started}/{action}",
        started=started,
        changed=metric.date_closed if state == "resolved" else 0,
        reason=first_line(data.description_text.replace("\\n", "\n")),
        url=data.web_url,
    )
    return alert_event(alert, place)


def plugin_event(payload: PluginPayload, place: Place) -> Line:
    """Make the event of the older plugin: an alert rule was triggered for an issue.

    Raises:
        Dropped: it says of no issue.

    """
    event = payload.event
    issue = _ISSUE.search(payload.url) or _ISSUE.search(event.web_url)
    group = _GROUP.search(payload.url)
    identity = payload.id or event.issue_id or (issue[1] if issue else "") or event.event_id
    if not identity:
        raise Dropped("event-not-mapped")
    project = payload.project_slug or payload.project or payload.project_name
    alert = Alert(
        identity=identity,
        state="firing",
        name=_name(event.title, payload.message, event.message, payload.culprit),
        service=project or (group[1] if group else ""),
        environment=event.environment,
        severity=payload.level or event.level,
        number=identity,
        once=f"event/{event.event_id}" if event.event_id else "",
        changed=event.datetime or event.timestamp,
        is_error=True,
        reason=payload.culprit,
        url=payload.url,
    )
    return alert_event(alert, place)


def _name(*titles: str) -> str:
    return first_line(next((title for title in titles if title), "")) or "error"
