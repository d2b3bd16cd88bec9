"""An event from `devstream emit`: a script says what happened, this fills in the subject and the key.

The key decides what counts as the same fact:
- a `change` with a revision is branch and revision, as the git poller and the forges have it, so a post-receive hook and a poll of
  one repository are one row (`scope`: see `Intake.event_of`);
- a `build` or `test` with a revision is subject, state, revision and link, so a script that runs twice says it once;
- anything else is a new fact each time: deploying the same commit again is news.
"""

from __future__ import annotations

import re

from devstream_collectors.kit.place import service_scope
from devstream_collectors.kit.push import change_key, change_subject
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.stream.event import Event, InvalidEventError, fact_key, make_event
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.stream.words import STATES, Kind, Severity

_OTHER_COMMAND = {
    (Kind.DUTY, "on"): "devstream duty on",
    (Kind.DUTY, "off"): "devstream duty off",
    (Kind.DEPLOY, "requested"): "devstream deploy",
}
_SLUG_GAP = re.compile(r"[^\w.-]+")


def emit_event(request: Emit, *, now: int, nonce: str, scope: str = "") -> Event:
    """The event that the options describe.

    Args:
        request: the options.
        now: UTC milliseconds.
        nonce: anything unique; tells two facts of the same millisecond apart.
        scope: where a change is true, when this node knows it; else the service.

    Raises:
        InvalidEventError: a word is not one of ours, or a field is missing; the message says what is allowed.

    """
    kind = _kind(request.kind)
    if request.state not in STATES[kind]:
        raise InvalidEventError(
            f"--state {clean(request.state, 40)!r} is not a state of {kind}; allowed: {', '.join(STATES[kind])}"
        )
    if (kind, request.state) in _OTHER_COMMAND:
        raise InvalidEventError(
            f"{kind} {request.state} is not for emit; use: {_OTHER_COMMAND[kind, request.state]}"
        )
    if not clean(request.service, 60):
        raise InvalidEventError("--service is empty; name what this is about, such as shop")
    deleted = kind is Kind.CHANGE and request.state == "deleted"
    subject = request.subject or _subject(kind, request)
    return make_event(
        kind=kind,
        state=request.state,
        service=request.service,
        subject=subject,
        key=_key(kind, request, subject, scope or service_scope(request.service), f"{now}/{nonce}"),
        time=now,
        severity=_severity(request.severity),
        environment=request.environment,
        ref=short_ref(request.ref),
        revision="" if deleted else request.revision,
        previous=request.revision if deleted else "",
        actor=request.actor,
        title=request.title,
        url=request.url,
        source="emit",
        number=request.revision
        if kind in (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY)
        else "",
        quiet=request.quiet,
    )


def _kind(word: str) -> Kind:
    try:
        return Kind(word)
    except ValueError:
        raise InvalidEventError(
            f"--kind {clean(word, 40)!r} is not a kind; allowed: {', '.join(Kind)}"
        ) from None


def _severity(word: str) -> Severity | None:
    if not word:
        return None
    try:
        return Severity[word.upper()]
    except KeyError:
        allowed = ", ".join(severity.word for severity in Severity)
        raise InvalidEventError(
            f"--severity {clean(word, 40)!r} is not a severity; allowed: {allowed}"
        ) from None


def _subject(kind: Kind, request: Emit) -> str:
    """The row this is about. Give `--subject` where a later state must find the same row by other words."""
    service, name = request.service, _SLUG_GAP.sub("-", clean(request.title, 80).lower()).strip("-")
    match kind:
        case Kind.CHANGE:
            return change_subject(service, request.ref)
        case Kind.BUILD | Kind.TEST:
            return f"{kind}/{service}/{short_ref(request.ref)}/emit"
        case Kind.DEPLOY:
            return f"deploy/{service}/{request.environment}"
        case Kind.INCIDENT | Kind.TICKET:
            return f"{kind}/{service}/{name or request.environment or 'emit'}"
        case Kind.CLAIM:
            raise InvalidEventError("a claim needs --subject: what is claimed")
        case _:
            return f"{kind}/{service}"


def _key(kind: Kind, request: Emit, subject: str, scope: str, unique: str) -> str:
    if request.revision and kind is Kind.CHANGE:
        previous = request.revision if request.state == "deleted" else ""
        return change_key(scope, request.ref, request.state, request.revision, previous)
    if request.revision and kind in (Kind.BUILD, Kind.TEST):
        return fact_key("emit", kind, subject, request.state, request.revision, request.url)
    return fact_key("emit", kind, subject, request.state, unique)
