"""CDEvents, the words in which CI and CD systems tell of themselves, as the stream's events: versions 0.4 to 0.6.

Source: https://github.com/cdevents/spec. A type is `dev.cdevents.<subject>.<predicate>.<version>`; the version of a type says nothing
that the fields do not, so it is not looked at. They come as CloudEvents (`webhook.py`) or as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeGuard
from urllib.parse import unquote

import msgspec

from devstream_collectors.before.alert import Alert, alert_event
from devstream_collectors.before.branches import is_global
from devstream_collectors.before.decoding import Loose, first, person, when, word
from devstream_collectors.before.deploy import Deploy, deploy_event
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import moment, remote_scope
from devstream_collectors.before.run import Run, run_event
from devstream_collectors.before.ticket import Ticket, ticket_event
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import first_line, short_ref, short_revision
from devstream_desktop.stream.words import Kind

PREFIX = "dev.cdevents."
_TYPE = re.compile(r"dev\.cdevents\.([a-z]+)\.([a-z]+)(?:\..*)?")
_OUTCOMES = {
    "success": "succeeded",
    "pass": "succeeded",  # of tests, until 0.4
    "failure": "failed",
    "fail": "failed",
    "error": "errored",
    "cancel": "cancelled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_DEPLOYS = {
    "deployed": "success",
    "upgraded": "success",
    "rolledback": "success",
    "removed": "inactive",
}
_QUIET = {
    "approval": "approval",
    "artifact": "artifact",
    "environment": "environment",
    "repository": "repository",
    "taskrun": "task-of-a-pipeline",
    "testcaserun": "single-test-case",
    "testoutput": "test-output",
}
"""Subjects of which nothing is a line of its own, and the name of the reason."""


class Content(msgspec.Struct, frozen=True):
    """What the subjects that make lines hold, of all of them."""

    outcome: Loose = ""
    errors: Loose = ""
    reason: Loose = ""
    pipeline_name: Loose = msgspec.field(default="", name="pipelineName")
    artifact_id: Loose = msgspec.field(default="", name="artifactId")
    uri: Loose = ""
    url: Loose = ""
    """What `uri` was called until 0.4."""
    description: Loose = ""
    environment: Loose = None
    service: Loose = None
    repository: Loose = None
    test_suite: Loose = msgspec.field(default=None, name="testSuite")
    ticket_uri: Loose = msgspec.field(default="", name="ticketURI")
    severity: Loose = ""
    summary: Loose = ""
    creator: Loose = ""
    updated_by: Loose = msgspec.field(default="", name="updatedBy")
    group: Loose = ""
    priority: Loose = ""
    resolution: Loose = ""
    ticket_type: Loose = msgspec.field(default="", name="ticketType")


class Subject(msgspec.Struct, frozen=True):
    """What it is about."""

    id: Loose = ""
    source: Loose = ""
    content: Content | None = None


class Context(msgspec.Struct, frozen=True):
    """What was said when, by whom."""

    id: Loose = ""
    source: Loose = ""
    type: Loose = ""
    timestamp: Loose = ""


class CDEvent(msgspec.Struct, frozen=True):
    """One CDEvent."""

    context: Context | None = None
    subject: Subject | None = None


class _Told(msgspec.Struct, frozen=True):
    """A CDEvent with what its readers share."""

    predicate: str
    context: Context
    id: str
    where: str
    """The subject's source, else the event's."""
    content: Content
    time: int
    source: SourceInfo
    received: int

    @property
    def scope(self) -> str:
        return f"cdevents/{self.where}"

    @property
    def once(self) -> str:
        """What the sender tells its events apart by; a redelivery has it too."""
        return f"{self.predicate} {word(self.context.source)} {word(self.context.id)}"

    @property
    def url(self) -> str:
        return first(self.content.uri, self.content.url)


def cdevent(body: CDEvent, source: SourceInfo, received: int) -> Event:
    """The event of a CDEvent.

    Raises:
        Dropped: it is no news, or not one of the specification's.
        InvalidEventError: as `make_event`.

    """
    context, subject = body.context or Context(), body.subject or Subject()
    said = word(context.type)
    match = _TYPE.fullmatch(said.lower())
    if match is None:
        raise Dropped("event-not-mapped", said)
    about, predicate = match.groups()
    if about in _QUIET:
        raise Dropped(_QUIET[about], said)
    read = _READERS.get(about)
    if read is None:
        raise Dropped("event-not-mapped", said)
    identity = word(subject.id)
    if not identity:
        raise Dropped("subject-without-id", said)
    told = _Told(
        predicate=predicate,
        context=context,
        id=identity,
        where=first(subject.source, context.source),
        content=subject.content or Content(),
        time=when(context.timestamp),
        source=source,
        received=received,
    )
    return read(told)


def _run(told: _Told, pipeline: str, kind: Kind | None) -> Event:
    content = told.content
    state = {"queued": "queued", "started": "running"}.get(told.predicate, "")
    if told.predicate == "finished":
        state = _OUTCOMES.get(word(content.outcome).lower(), "")
        if not state and not word(content.outcome) and word(content.artifact_id):
            state = "succeeded"  # a build says no outcome; one that made something did not fail
        if not state:
            raise Dropped("outcome-not-said", word(content.outcome))
    elif not state:
        raise Dropped("run-not-news", told.predicate)
    artifact, version = _artifact(content)
    why = (
        first(content.errors, content.reason)
        if state in ("failed", "errored")
        else f"{artifact} {short_revision(version)}".strip()
    )
    run = Run(
        pipeline=pipeline,
        run=told.id,
        state=state,
        reason=first_line(why),
        url=told.url,
        changed=told.time,
        kind=kind,
    )
    return run_event(
        run,
        told.source,
        scope=told.scope,
        service=_place(told.where) or told.source.name,
        received=told.received,
    )


def _pipelinerun(told: _Told) -> Event:
    return _run(told, word(told.content.pipeline_name) or told.id, None)


def _build(told: _Told) -> Event:
    # A build has no name beside its id; `build` alone keeps its runs in one row.
    return _run(told, "build", Kind.BUILD)


def _testsuiterun(told: _Told) -> Event:
    return _run(told, _name(told.content.test_suite) or told.id, Kind.TEST)


def _service(told: _Told) -> Event:
    state = _DEPLOYS.get(told.predicate)
    if state is None:
        raise Dropped("deploy-not-news", told.predicate)
    artifact, version = _artifact(told.content)
    name = _last(told.id)
    deploy = Deploy(
        # The specification has no deployment, only its effects: each event is one.
        id=word(told.context.id) or str(told.time),
        state=state,
        environment=_name(told.content.environment),
        once=told.once,
        revision=version,
        title=artifact if artifact != name else "",
        reason="rolled back" if told.predicate == "rolledback" else "",
        url=told.url,
        changed=told.time,
    )
    return deploy_event(
        deploy, told.source, scope=f"{told.scope}/{told.id}", service=name, received=told.received
    )


def _incident(told: _Told) -> Event:
    state = {"detected": "firing", "reported": "firing", "resolved": "resolved"}.get(told.predicate)
    if state is None:
        raise Dropped("incident-not-news", told.predicate)
    content = told.content
    alert = Alert(
        scope=told.scope,
        identity=told.id,
        state=state,
        name=told.id,
        service=_name(content.service) or _place(told.where),
        environment=_name(content.environment),
        severity=word(content.severity),
        number=told.id,
        once=told.once,
        changed=told.time,
        reason=word(content.description),
        url=first(content.ticket_uri, content.uri, content.url),
        revision=_artifact(content)[1],
    )
    return alert_event(alert, told.source, told.received)


def _ticket(told: _Told) -> Event:
    state = {"created": "opened", "closed": "closed"}.get(told.predicate)
    if state is None:
        raise Dropped("ticket-not-news", told.predicate)
    content = told.content
    ticket = Ticket(
        scope=told.scope,
        identity=told.id,
        number=told.id,
        state=state,
        once=told.once,
        service=word(content.group) or _place(told.where),
        title=word(content.summary),
        actor=person(content.updated_by, content.creator)
        if state == "closed"
        else person(content.creator),
        priority=word(content.priority),
        sort=first(content.resolution) if state == "closed" else word(content.ticket_type),
        url=told.url,
        time=told.time,
    )
    return ticket_event(ticket, told.source, told.received)


def _branch(told: _Told) -> Event:
    if told.predicate not in ("created", "deleted"):
        raise Dropped("branch-not-news", told.predicate)
    return _change(told, told.predicate, short_ref(told.id), "")


def _merged(told: _Told) -> Event:
    if told.predicate != "merged":
        raise Dropped("change-not-merged", told.predicate)
    return _change(told, "merged", "", told.id)


def _change(told: _Told, state: str, branch: str, merged: str) -> Event:
    """A branch's event, or a change's that was merged, of which the specification does not say into what."""
    patterns = told.source.branches
    # No sender says which branch is the default: without patterns each of its branches is taken for one the team watches.
    if branch and patterns and not is_global(branch, patterns, ""):
        raise Dropped("not-a-global-branch", branch)
    home = _reference(told.content.repository)
    service = told.source.service or _name(home) or _place(told.where) or told.source.name
    place = (
        f"{word(home.get('source'))}/{word(home.get('id'))}" if word(home.get("id")) else told.where
    )
    time, late = moment(told.time, told.received)
    return make_event(
        kind=Kind.CHANGE,
        state=state,
        service=service,
        subject=f"change/{service}/{branch or merged}",
        key=fact_key(
            remote_scope(place) or f"cdevents/{place}",
            Kind.CHANGE,
            state,
            branch or merged,
            told.once,
        ),
        time=time,
        ref=branch,
        revision=merged,
        number=first(told.context.id) or branch or merged,
        title=word(told.content.description),
        url=told.url,
        source=told.source.name,
        quiet=late,
    )


_READERS: dict[str, Callable[[_Told], Event]] = {
    "branch": _branch,
    "build": _build,
    "change": _merged,
    "incident": _incident,
    "pipelinerun": _pipelinerun,
    "service": _service,
    "testsuiterun": _testsuiterun,
    "ticket": _ticket,
}


def _reference(value: Loose) -> Mapping[str, Loose]:
    """What another thing is named by: `{"id": …, "source": …}`, or by some senders its id alone."""
    return value if _is_reference(value) else {"id": value}


def _is_reference(value: Loose) -> TypeGuard[dict[str, Loose]]:
    return isinstance(value, dict)


def _name(value: Loose) -> str:
    found = _reference(value)
    return first(found.get("name"), _last(word(found.get("id"))))


def _last(identity: str) -> str:
    """`myapp` of `service/myapp`."""
    return identity.rstrip("/").rsplit("/", 1)[-1]


def _place(where: str) -> str:
    """A name for a URI reference: the path of one on its own, the last part of a URL's, which are long."""
    if "://" in where:
        return _last(where.split("?", 1)[0])
    return where.strip("/")


def _artifact(content: Content) -> tuple[str, str]:
    """Name and version of a package URL, `pkg:type/namespace/name@version?qualifiers#subpath`; a digest without its algorithm.

    Source: https://github.com/package-url/purl-spec.
    """
    purl = word(content.artifact_id).removeprefix("pkg:").split("#", 1)[0].split("?", 1)[0]
    path, _, version = purl.rpartition("@") if "@" in purl else (purl, "", "")
    version = unquote(version)
    algorithm, _, digest = version.partition(":")
    return unquote(_last(path)), digest if digest and algorithm.startswith("sha") else version
