"""An event as a CDEvent, for other programs: version 0.4.1 of https://github.com/cdevents/spec.

CDEvents have no word for much of what a team sees (duty, claims, a deploy that failed), so not each
event has one. Nothing is told that the specification does not define.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.words import Kind

VERSION = "0.4.1"
_TYPES: Mapping[tuple[Kind, str], tuple[str, str]] = MappingProxyType(
    {
        (Kind.CHANGE, "pushed"): ("change.merged.0.2.0", ""),
        (Kind.CHANGE, "merged"): ("change.merged.0.2.0", ""),
        (Kind.CHANGE, "created"): ("branch.created.0.2.0", ""),
        (Kind.CHANGE, "deleted"): ("branch.deleted.0.2.0", ""),
        (Kind.BUILD, "queued"): ("pipelinerun.queued.0.2.0", ""),
        (Kind.BUILD, "running"): ("pipelinerun.started.0.2.0", ""),
        (Kind.BUILD, "succeeded"): ("pipelinerun.finished.0.2.0", "success"),
        (Kind.BUILD, "failed"): ("pipelinerun.finished.0.2.0", "failure"),
        (Kind.BUILD, "errored"): ("pipelinerun.finished.0.2.0", "error"),
        (Kind.TEST, "queued"): ("testsuiterun.queued.0.2.0", ""),
        (Kind.TEST, "running"): ("testsuiterun.started.0.2.0", ""),
        (Kind.TEST, "succeeded"): ("testsuiterun.finished.0.2.0", "pass"),
        (Kind.TEST, "failed"): ("testsuiterun.finished.0.2.0", "fail"),
        (Kind.TEST, "errored"): ("testsuiterun.finished.0.2.0", "error"),
        (Kind.TEST, "cancelled"): ("testsuiterun.finished.0.2.0", "cancel"),
        (Kind.DEPLOY, "success"): ("service.deployed.0.2.0", ""),
        (Kind.DEPLOY, "inactive"): ("service.removed.0.2.0", ""),
        (Kind.INCIDENT, "firing"): ("incident.detected.0.2.0", ""),
        (Kind.INCIDENT, "resolved"): ("incident.resolved.0.2.0", ""),
        (Kind.TICKET, "opened"): ("ticket.created.0.1.0", ""),
        (Kind.TICKET, "closed"): ("ticket.closed.0.1.0", ""),
    }
)
"""Type after `dev.cdevents.`, and the outcome, of what CDEvents can say."""
_SUBJECTS = MappingProxyType({"pipelinerun": "pipelineRun", "testsuiterun": "testSuiteRun"})
"""Types of a subject that are written otherwise in it."""


def cdevent_of(event: Event, identity: str) -> dict[str, object] | None:
    """Return an event as a CDEvent's JSON; None where there is no word for it.

    `identity` is the event's own, the same on every node.
    """
    known = _TYPES.get((event.kind, event.state))
    if known is None:
        return None
    name, outcome = known
    about = name.partition(".")[0]
    source = f"/devstream/{quote(event.scope or event.service, safe='/.-_')}"
    return {
        "context": {
            "version": VERSION,
            "id": identity,
            "source": source,
            "type": f"dev.cdevents.{name}",
            "timestamp": timestamp(event.time),
        },
        "subject": {
            "id": _subject(event, about),
            "source": source,
            "type": _SUBJECTS.get(about, about),
            "content": _content(event, about, outcome),
        },
        "customData": {"devstream": {"service": event.service, "title": event.title}},
        "customDataContentType": "application/json",
    }


def _subject(event: Event, about: str) -> str:
    match about:
        case "change":
            return event.revision or event.number or event.subject
        case "branch":
            return event.ref or event.subject
        case "service":
            return event.service
        case "ticket":
            return event.number or event.subject
        case _:
            # Each run and each time that an alert fires is a subject of its own.
            return f"{event.subject}/{event.number}" if event.number else event.subject


def _content(event: Event, about: str, outcome: str) -> dict[str, object]:
    said: dict[str, object] = {}
    match about:
        case "change" | "branch":
            said = {"repository": _reference(event.scope or event.service)}
        case "pipelinerun":
            said = {
                "pipelineName": event.subject,
                "outcome": outcome,
                "errors": event.reason if outcome in {"failure", "error"} else "",
                "url": event.url,
            }
        case "testsuiterun":
            said = {
                "environment": _reference(event.environment or "ci"),
                "testSuite": {"id": event.subject, "name": event.subject},
                "outcome": outcome,
                "reason": event.reason,
            }
        case "service":
            said = {
                "environment": _reference(event.environment),
                "artifactId": _package(event) if event.state == "success" else "",
            }
        case "incident":
            said = {
                "description": event.title or event.reason,
                "environment": _reference(event.environment or "unknown"),
                "service": _reference(event.service),
            }
        case _:
            said = {
                "summary": event.title,
                "creator": event.actor,
                "group": event.service,
                "uri": event.url,
            }
    return {name: value for name, value in said.items() if value}


def _reference(identity: str) -> dict[str, object]:
    return {"id": identity}


def _package(event: Event) -> str:
    """Return the package URL (https://github.com/package-url/purl-spec) of what is out."""
    version = f"@{quote(event.revision, safe='')}" if event.revision else ""
    return f"pkg:generic/{quote(event.service, safe='')}{version}"
