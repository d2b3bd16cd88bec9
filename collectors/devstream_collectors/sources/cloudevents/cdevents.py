"""CDEvents, the words in which CI and CD systems tell of themselves: versions 0.4 to 0.6.

Source: https://github.com/cdevents/spec. A type is `dev.cdevents.<subject>.<predicate>.<version>`;
the version of a type says nothing that the fields do not, so it is not looked at. They come as
CloudEvents (`webhook.py`) or as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import unquote

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Loose, Part, Text, Time, first, person, word
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place, remote_scope
from devstream_collectors.kit.run import Run, run_event
from devstream_collectors.kit.ticket import Ticket, ticket_event
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
"""Subjects that never make a line, and the reason's name."""


class Content(msgspec.Struct, frozen=True, rename="camel"):
    """The content of the subjects that make lines, of all of them."""

    outcome: Text = ""
    errors: Text = ""
    reason: Text = ""
    pipeline_name: Text = ""
    artifact_id: Text = ""
    uri: Text = ""
    url: Text = ""
    """The name of `uri` until 0.4."""
    description: Text = ""
    environment: Loose = None
    service: Loose = None
    repository: Loose = None
    test_suite: Loose = None
    ticket_uri: Text = msgspec.field(default="", name="ticketURI")
    severity: Text = ""
    summary: Text = ""
    creator: Text = ""
    updated_by: Text = ""
    group: Text = ""
    priority: Text = ""
    resolution: Text = ""
    ticket_type: Text = ""


class Subject(msgspec.Struct, frozen=True):
    """The thing that it is about."""

    id: Text = ""
    source: Text = ""
    content: Part[Content] = Content()


class Context(msgspec.Struct, frozen=True):
    """The circumstances: who says it, and when."""

    id: Text = ""
    source: Text = ""
    type: Text = ""
    timestamp: Time = 0


class CDEvent(msgspec.Struct, frozen=True):
    """One CDEvent."""

    context: Part[Context] = Context()
    subject: Part[Subject] = Subject()


@dataclass(frozen=True)
class _Said:
    """A CDEvent with the parts that its readers share."""

    predicate: str
    context: Context
    id: str
    where: str
    """The subject's source, else the event's."""
    content: Content
    place: Place

    @property
    def once(self) -> str:
        """The event's id at its sender; a redelivery has it too."""
        return f"{self.predicate} {self.context.source} {self.context.id}"

    @property
    def url(self) -> str:
        """The page of it."""
        return self.content.uri or self.content.url


def cdevent(body: CDEvent, source: SourceInfo, received: int) -> Event:
    """Make the event of a CDEvent.

    Raises:
        Dropped: it is no news, or not one of the specification's.
        InvalidEventError: as `make_event`.

    """
    context, subject = body.context, body.subject
    match = _TYPE.fullmatch(context.type.lower())
    if match is None:
        raise Dropped("event-not-mapped", context.type)
    about, predicate = match.groups()
    if about in _QUIET:
        raise Dropped(_QUIET[about], context.type)
    read = _READERS.get(about)
    if read is None:
        raise Dropped("event-not-mapped", context.type)
    if not subject.id:
        raise Dropped("subject-without-id", context.type)
    where = subject.source or context.source
    place = Place(source, received, f"cdevents/{where}")
    return read(_Said(predicate, context, subject.id, where, subject.content, place))


def _run(said: _Said, pipeline: str, kind: Kind | None) -> Event:
    content = said.content
    state = {"queued": "queued", "started": "running"}.get(said.predicate, "")
    if said.predicate == "finished":
        state = _OUTCOMES.get(content.outcome.lower(), "")
        if not state and not content.outcome and content.artifact_id:
            # A build says no outcome; one that made something did not fail.
            state = "succeeded"
        if not state:
            raise Dropped("outcome-not-said", content.outcome)
    elif not state:
        raise Dropped("run-not-news", said.predicate)
    artifact, version = _artifact(content)
    why = f"{artifact} {short_revision(version)}".strip()
    if state in ("failed", "errored"):
        why = content.errors or content.reason
    run = Run(
        pipeline=pipeline,
        run=said.id,
        state=state,
        reason=first_line(why),
        url=said.url,
        changed=said.context.timestamp,
        kind=kind,
    )
    return run_event(run, said.place.at(said.place.scope, _name_of_uri(said.where)))


def _pipelinerun(said: _Said) -> Event:
    return _run(said, said.content.pipeline_name or said.id, None)


def _build(said: _Said) -> Event:
    # A build has no name beside its id; `build` alone keeps its runs in one row.
    return _run(said, "build", Kind.BUILD)


def _testsuiterun(said: _Said) -> Event:
    return _run(said, _name(said.content.test_suite) or said.id, Kind.TEST)


def _service(said: _Said) -> Event:
    state = _DEPLOYS.get(said.predicate)
    if state is None:
        raise Dropped("deploy-not-news", said.predicate)
    artifact, version = _artifact(said.content)
    name = _last(said.id)
    deploy = Deploy(
        # The specification has no deployment, only its effects: each event is one.
        id=said.context.id or str(said.context.timestamp),
        state=state,
        environment=_name(said.content.environment),
        once=said.once,
        revision=version,
        title=artifact if artifact != name else "",
        reason="rolled back" if said.predicate == "rolledback" else "",
        url=said.url,
        changed=said.context.timestamp,
    )
    return deploy_event(deploy, said.place.at(f"{said.place.scope}/{said.id}", name))


def _incident(said: _Said) -> Event:
    states = {"detected": "firing", "reported": "firing", "resolved": "resolved"}
    if said.predicate not in states:
        raise Dropped("incident-not-news", said.predicate)
    content = said.content
    alert = Alert(
        identity=said.id,
        state=states[said.predicate],
        name=said.id,
        service=_name(content.service) or _name_of_uri(said.where),
        environment=_name(content.environment),
        severity=content.severity,
        number=said.id,
        once=said.once,
        changed=said.context.timestamp,
        reason=content.description,
        url=content.ticket_uri or said.url,
        revision=_artifact(content)[1],
    )
    return alert_event(alert, said.place)


def _ticket(said: _Said) -> Event:
    state = {"created": "opened", "closed": "closed"}.get(said.predicate)
    if state is None:
        raise Dropped("ticket-not-news", said.predicate)
    content, closed = said.content, state == "closed"
    ticket = Ticket(
        number=said.id,
        state=state,
        once=said.once,
        service=content.group or _name_of_uri(said.where),
        environment=said.place.source.environment,
        title=content.summary,
        actor=person(content.updated_by if closed else "", content.creator),
        priority=content.priority,
        sort=content.resolution if closed else content.ticket_type,
        url=said.url,
        time=said.context.timestamp,
    )
    return ticket_event(ticket, said.place)


def _branch(said: _Said) -> Event:
    if said.predicate not in ("created", "deleted"):
        raise Dropped("branch-not-news", said.predicate)
    branch = short_ref(said.id)
    # No sender says which branch is the default: without patterns each of its branches is taken for
    # one that the team watches.
    if branch:
        said.place.check_branch(branch)
    return _change(said, said.predicate, branch, "")


def _merged(said: _Said) -> Event:
    if said.predicate != "merged":
        raise Dropped("change-not-merged", said.predicate)
    # The specification does not say into what.
    return _change(said, "merged", "", said.id)


def _change(said: _Said, state: str, branch: str, merged: str) -> Event:
    """Make the event of a branch or of a merged change."""
    home, place = _reference(said.content.repository), said.place
    service = place.about(_name(home) or _name_of_uri(said.where))
    where = said.where
    # The repository where it is named; the sender is the place only otherwise.
    if identity := word(home.get("id")):
        where = f"{word(home.get('source'))}/{identity}"
    about = branch or merged
    time = place.moment(said.context.timestamp)
    scope = remote_scope(where) or f"cdevents/{where}"
    return make_event(
        kind=Kind.CHANGE,
        state=state,
        service=service,
        subject=f"change/{service}/{about}",
        key=fact_key(scope, Kind.CHANGE, state, about, said.once),
        time=time,
        ref=branch,
        revision=merged,
        number=said.context.id or about,
        title=said.content.description,
        url=said.url,
        source=place.source.name,
        scope=scope,
    )


_READERS: dict[str, Callable[[_Said], Event]] = {
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
    """Read a reference to another thing: `{"id": …, "source": …}`, or by some its id alone."""
    return value if _is_reference(value) else {"id": value}


def _is_reference(value: Loose) -> TypeGuard[dict[str, Loose]]:
    return isinstance(value, dict)


def _name(value: Loose) -> str:
    found = _reference(value)
    return first(found.get("name"), _last(word(found.get("id"))))


def _last(identity: str) -> str:
    """Return `myapp` of `service/myapp`."""
    return identity.rstrip("/").rsplit("/", 1)[-1]


def _name_of_uri(where: str) -> str:
    """Name a URI reference: by its path, or by the last part of a URL, which are long."""
    if "://" in where:
        return _last(where.split("?", 1)[0])
    return where.strip("/")


def _artifact(content: Content) -> tuple[str, str]:
    """Read name and version of a package URL; of a digest without its algorithm.

    `pkg:type/namespace/name@version?qualifiers#subpath`. Source:
    https://github.com/package-url/purl-spec.
    """
    purl = content.artifact_id.removeprefix("pkg:").split("#", 1)[0].split("?", 1)[0]
    path, _, version = purl.rpartition("@") if "@" in purl else (purl, "", "")
    version = unquote(version)
    algorithm, _, digest = version.partition(":")
    return unquote(_last(path)), digest if digest and algorithm.startswith("sha") else version
