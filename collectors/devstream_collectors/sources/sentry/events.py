"""Sentry's issues and metric alerts as steps of an alert; webhook and API speak of the same issues, so both come through here.

An issue that is new is told once, by when it was first seen; one that is resolved, or comes back, by when it was last seen. Single
occurrences are not news.
"""

from __future__ import annotations

import re

from devstream_collectors.kit.alert import Alert
from devstream_collectors.kit.decoding import Loose, first, person, when, word
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.sources.sentry.payloads import Actor, Data, Event, Issue, MetricAlert, Payload
from devstream_desktop.stream.text import first_line

SCOPE = "sentry"
"""Not the host: a webhook may say no address at all. An issue's id with when it was first seen is one issue anywhere."""
STATES = {"created": "firing", "unresolved": "firing", "resolved": "resolved"}
"""Actions that are news; assigned, ignored and archived are not."""
_METRIC_STATES = {"critical": "firing", "warning": "firing", "open": "firing", "resolved": "resolved"}
_ISSUE = re.compile(r"/issues/(\d+)(?:/|$|\?)")
_PROJECT = re.compile(r"/projects/[^/]+/([^/]+)/")
_GROUP = re.compile(r"/([^/]+)/[^/]+/issues/\d+")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


def issue_step(issue: Issue, action: str, actor: Actor | None = None, url: str = "") -> Alert:
    """An issue that was `created`, `resolved` or is `unresolved` again.

    Raises:
        Dropped: something else happened to it, or it has no id.

    """
    state = STATES.get(action, "")
    if not state:
        raise Dropped("issue-not-news", action)
    if not word(issue.id):
        raise Dropped("unnamed-issue")
    seen, last = when(issue.first_seen), when(issue.last_seen)
    link = first(issue.web_url, issue.permalink, url)
    return Alert(
        scope=SCOPE,
        identity=word(issue.id),
        state=state,
        name=_name(issue.title, issue.culprit),
        service=_project(issue),
        severity=word(issue.level),
        number=word(issue.id),
        once=f"created/{seen}" if action == "created" else f"{action}/{last}",
        started=seen,
        changed=seen if action == "created" else 0 if state == "resolved" else last,
        actor=person(actor.name) if actor and word(actor.type) == "user" else "",
        reason=first(issue.short_id, issue.culprit) if state == "firing" else "",
        url=link,
    )


def event_step(event: Event, rule: str = "") -> Alert:
    """An occurrence for which an alert rule of the team's own was triggered, in the row of its issue.

    Raises:
        Dropped: it says of no issue.

    """
    link = first(event.web_url, event.url)
    found = _ISSUE.search(word(event.web_url)) or _ISSUE.search(word(event.issue_url))
    identity = word(event.issue_id) or (found[1] if found else "")
    if not identity:
        raise Dropped("unnamed-issue")
    in_url = _PROJECT.search(word(event.url))
    release = word(event.release).rsplit("@", 1)[-1]
    return Alert(
        scope=SCOPE,
        identity=identity,
        state="firing",
        name=_name(event.title, event.message, event.culprit),
        service=in_url[1] if in_url else "",
        environment=word(event.environment),
        severity=word(event.level),
        number=identity,
        once=f"event/{word(event.event_id)}",
        changed=when(first(event.datetime, event.timestamp)),
        reason=first(event.culprit, rule),
        url=link,
        revision=release if _COMMIT.fullmatch(release) else "",
    )


def metric_step(alert: MetricAlert, data: Data, action: str) -> Alert:
    """A metric alert that went over a threshold or is back below.

    Raises:
        Dropped: something else happened to it, or it has no id.

    """
    state = _METRIC_STATES.get(action, "")
    if not state:
        raise Dropped("alert-not-news", action)
    rule = alert.alert_rule
    identity = first(rule.id if rule else "", alert.identifier, alert.id)
    if not identity:
        raise Dropped("unnamed-alert")
    title = first(rule.name if rule else "", alert.title, data.description_title)
    projects = alert.projects or (rule.projects if rule else None)
    started = when(first(alert.date_started, alert.date_detected))
    run = first(alert.identifier, alert.id)
    return Alert(
        scope=SCOPE,
        identity=f"metric-{identity}",
        state=state,
        name=title or "metric alert",
        service=next((name for name in projects if isinstance(name, str)), "") if isinstance(projects, list) else "",
        environment=word(rule.environment) if rule else "",
        severity=action,
        number=run or str(started),
        # From warning to critical is a step too.
        once=f"{run}/{started}/{action}",
        started=started,
        changed=when(alert.date_closed) if state == "resolved" else 0,
        reason=first_line(word(data.description_text).replace("\\n", "\n")),
        url=word(data.web_url),
    )


def plugin_step(payload: Payload) -> Alert:
    """What the older webhook plugin posts: an alert rule was triggered for an issue.

    Raises:
        Dropped: it says of no issue.

    """
    event = payload.event or Event()
    issue = _ISSUE.search(word(payload.url)) or _ISSUE.search(word(event.web_url))
    group = _GROUP.search(word(payload.url))
    identity = first(payload.id, event.issue_id, issue[1] if issue else "", event.event_id)
    if not identity:
        raise Dropped("event-not-mapped")
    return Alert(
        scope=SCOPE,
        identity=identity,
        state="firing",
        name=_name(event.title, payload.message, event.message, payload.culprit),
        service=first(payload.project_slug, payload.project, payload.project_name, group[1] if group else ""),
        environment=word(event.environment),
        severity=first(payload.level, event.level),
        number=identity,
        once=f"event/{word(event.event_id)}" if word(event.event_id) else "",
        changed=when(first(event.datetime, event.timestamp)),
        reason=word(payload.culprit),
        url=word(payload.url),
    )


def _project(issue: Issue) -> str:
    project = issue.project
    return first(project.slug, project.name) if project else ""


def _name(*titles: Loose) -> str:
    return first_line(first(*titles)) or "error"
