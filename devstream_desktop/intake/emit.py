"""An event from `devstream emit`: a script says what happened, this fills in the subject and key.

The key decides what counts as the same fact:
- with `--key` it is the script's own name for the happening, and told once;
- a `change` with a revision is branch and revision, as the git poller and the forges have it, so a
  post-receive hook and a poll of one repository are one row (`scope`: see `Intake.emit`);
- a `build` or `test` with a revision is subject, state, revision and link: a script that runs
  twice says it once. Another state since then makes the next one news (intake/occurrence.py);
- anything else is a new fact each time: deploying the same commit again is news.
"""

from __future__ import annotations

import re

from devstream_collectors.kit.place import service_scope
from devstream_collectors.kit.push import change_key, change_number, change_subject
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.stream.event import Event, InvalidEventError, fact_key, make_event
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.stream.words import STATES, Kind, Severity

_OTHER_COMMAND = {
    (Kind.DUTY, "on"): "devstream duty on",
    (Kind.DUTY, "off"): "devstream duty off",
    (Kind.DEPLOY, "requested"): "devstream deploy",
    (Kind.DEPLOY, "approved"): "devstream approve",
    (Kind.DEPLOY, "locked"): "devstream lock",
    (Kind.DEPLOY, "unlocked"): "devstream unlock",
}
_OWN_WORD = (
    *((Kind.TEAM, state) for state in STATES[Kind.TEAM]),
    (Kind.DEPLOY, "dry_run"),
    (Kind.DEPLOY, "accepted"),
)
"""States that devstream reports of itself: a script would say what did not happen."""
_SLUG_GAP = re.compile(r"[^\w.-]+")
_SCOPED = frozenset((Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET))


def emit_event(request: Emit, *, now: int, nonce: str, scope: str = "") -> Event:
    """Make the event that the options describe.

    Args:
        request: the options.
        now: UTC milliseconds.
        nonce: anything unique; tells two facts of the same millisecond apart.
        scope: where a change is true, when this node knows it; else the service.

    Raises:
        InvalidEventError: a word is not one of ours, or a field is missing; the message says what
            is allowed.

    """
    kind = _kind(request.kind)
    if request.state not in STATES[kind]:
        allowed = ", ".join(STATES[kind])
        said = clean(request.state, 40)
        raise InvalidEventError(f"--state {said!r} is not a state of {kind}; allowed: {allowed}")
    # These have rules that a bare event would pass by.
    if (kind, request.state) in _OTHER_COMMAND:
        other = _OTHER_COMMAND[kind, request.state]
        raise InvalidEventError(f"{kind} {request.state} is not for emit; use: {other}")
    if (kind, request.state) in _OWN_WORD:
        raise InvalidEventError(
            f"{kind} {request.state} is not for emit: devstream reports it where it happens"
        )
    if not clean(request.service, 60):
        raise InvalidEventError("--service is empty; name what this is about, such as shop")
    deleted = kind is Kind.CHANGE and request.state == "deleted"
    # A script that says only --revision of a deleted branch means the commit that it was at.
    previous = request.previous or (request.revision if deleted else "")
    # Only a change shares its rows with the poller of the repository.
    if kind is not Kind.CHANGE or not scope:
        scope = service_scope(request.service)
    subject = request.subject or _subject(kind, request)
    number = request.revision if kind in (Kind.BUILD, Kind.TEST, Kind.DEPLOY) else ""
    if kind is Kind.CHANGE:
        number = change_number("" if deleted else request.revision, previous)
    return make_event(
        kind=kind,
        state=request.state,
        service=request.service,
        subject=subject,
        key=_key(kind, request, subject, scope, f"{now}/{nonce}"),
        # A script may run late; what is yet to come cannot have happened.
        time=min(request.time, now) if request.time > 0 else now,
        severity=_severity(request.severity),
        environment=request.environment,
        ref=short_ref(request.ref),
        revision="" if deleted else request.revision,
        previous=previous,
        actor=request.actor,
        title=request.title,
        url=request.url,
        source=request.service if kind is Kind.SOURCE else "emit",
        number=number,
        count=request.count,
        quiet=request.quiet,
        scope=scope if kind in _SCOPED else "",
    )


def heard_at(request: Emit, now: int) -> int:
    """Return `now` for a change without a time, else 0."""
    return now if request.previous and request.time <= 0 else 0


def _kind(word: str) -> Kind:
    try:
        return Kind(word)
    except ValueError:
        allowed = ", ".join(Kind)
        raise InvalidEventError(
            f"--kind {clean(word, 40)!r} is not a kind; allowed: {allowed}"
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
    """Name the row. `--subject` is for a later state that says other words."""
    service = request.service
    name = _SLUG_GAP.sub("-", clean(request.title, 80).lower()).strip("-")
    match kind:
        case Kind.CHANGE:
            return change_subject(service, request.ref)
        case Kind.BUILD | Kind.TEST:
            return f"{kind}/{service}/{short_ref(request.ref)}/{name or 'emit'}"
        case Kind.DEPLOY:
            return f"deploy/{service}/{request.environment}"
        case Kind.INCIDENT | Kind.TICKET:
            return f"{kind}/{service}/{name or request.environment or 'emit'}"
        case Kind.CLAIM:
            raise InvalidEventError("a claim needs --subject: what is claimed")
        case _:
            return f"{kind}/{service}"


def _key(kind: Kind, request: Emit, subject: str, scope: str, unique: str) -> str:
    # A script that names the fact itself knows best when it is the same.
    if request.key:
        return fact_key("emit", kind, subject, "key", request.key)
    if request.revision and kind is Kind.CHANGE:
        previous = request.previous or (request.revision if request.state == "deleted" else "")
        return change_key(scope, request.ref, request.state, request.revision, previous)
    if request.revision and kind in (Kind.BUILD, Kind.TEST):
        return fact_key("emit", kind, subject, request.state, request.revision, request.url)
    return fact_key("emit", kind, subject, request.state, unique)
