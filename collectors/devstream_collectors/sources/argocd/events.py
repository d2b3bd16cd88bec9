"""Argo CD's applications as events. A notification and the API hold the same object, so both come through here and give the same keys.

Source: https://github.com/argoproj/argo-cd/blob/master/pkg/apis/application/v1alpha1/types.go. An operation has no id; when it started
tells it from the application's others. It is over for a person when the application is healthy, not when everything is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Loose, first, person, when, word
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import first_line

SETTLING = 30 * 60 * 1000
"""Milliseconds after an operation in which how the application is says how the operation went; later it is the application's own."""
_PHASES = {"running": "in_progress", "terminating": "in_progress", "failed": "failure", "error": "error", "succeeded": "success"}
_ENVIRONMENTS = ("env", "environment", "stage", "app.kubernetes.io/environment")


class Source(msgspec.Struct, frozen=True, rename="camel"):
    """Where manifests come from."""

    target_revision: Loose = ""


class Destination(msgspec.Struct, frozen=True):
    """Where they go to."""

    namespace: Loose = ""
    name: Loose = ""


class Metadata(msgspec.Struct, frozen=True):
    """Which application it is."""

    name: Loose = ""
    namespace: Loose = ""
    uid: Loose = ""
    labels: dict[str, Loose] | None = None


class Spec(msgspec.Struct, frozen=True):
    """What is wanted of it."""

    destination: Destination | None = None
    source: Source | None = None
    sources: list[Source] | None = None


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """How it is: Healthy, Progressing, Degraded, Suspended, Missing or Unknown."""

    status: Loose = ""
    message: Loose = ""
    last_transition_time: Loose = ""


class Revisions(msgspec.Struct, frozen=True, rename="camel"):
    """What is or was applied: `revisions` where there are several sources. Of a sync and of its result."""

    revision: Loose = ""
    revisions: list[Loose] | None = None
    dry_run: Loose = False
    deploy_started_at: Loose = ""
    """Of the history."""


class Initiator(msgspec.Struct, frozen=True):
    """Who asked for it."""

    username: Loose = ""
    automated: Loose = False


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """What was asked for."""

    sync: Revisions | None = None
    initiated_by: Initiator | None = None


class OperationState(msgspec.Struct, frozen=True, rename="camel"):
    """How the newest operation goes."""

    phase: Loose = ""
    message: Loose = ""
    started_at: Loose = ""
    finished_at: Loose = ""
    operation: Operation | None = None
    sync_result: Revisions | None = None


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """How it all is."""

    sync: Revisions | None = None
    health: Health | None = None
    operation_state: OperationState | None = None
    history: list[Revisions] | None = None


class Application(msgspec.Struct, frozen=True):
    """An application, of what it holds only what makes lines."""

    metadata: Metadata | None = None
    spec: Spec | None = None
    status: Status | None = None


@dataclass(frozen=True)
class Told:
    """What an application says now: two facts, each of which a poller tells once. An empty mark stands for none."""

    place: str
    """What tells the application from others."""
    deploy: str
    """Which operation in which state."""
    health: str
    """`firing` or `resolved`, and since when."""
    makers: tuple[Callable[[], Event], ...]
    """The deploy's, then the health's; they raise `Dropped` or `InvalidEventError`."""


def told(body: Application, source: SourceInfo, received: int, url: str = "") -> Told:
    """What an application says now.

    Raises:
        Dropped: it has no name.

    """
    metadata, status = body.metadata or Metadata(), body.status or Status()
    if not word(metadata.name):
        raise Dropped("not-an-application")
    reader = _Reader(body, metadata, body.spec or Spec(), status, status.operation_state or OperationState(), source, received, url)
    state, degraded = reader.state(), reader.health()
    makers: list[Callable[[], Event]] = [partial(reader.deploy, state)]
    if degraded:
        makers.append(partial(reader.incident, degraded))
    since = word(reader.how.last_transition_time) or reader.id
    return Told(reader.scope, f"{reader.id} {state}", f"{degraded} {since}" if degraded else "", tuple(makers))


@dataclass(frozen=True)
class _Reader:
    body: Application
    metadata: Metadata
    spec: Spec
    status: Status
    run: OperationState
    source: SourceInfo
    received: int
    url: str

    @property
    def id(self) -> str:
        return word(self.run.started_at)

    @property
    def how(self) -> Health:
        return self.status.health or Health()

    @property
    def scope(self) -> str:
        metadata = self.metadata
        return f"argocd/{word(metadata.uid) or f'{self.source.name}/{word(metadata.namespace)}/{word(metadata.name)}'}"

    @property
    def revision(self) -> str:
        run = self.run
        operation = run.operation.sync if run.operation else None
        return next((text for one in (run.sync_result, operation, self.status.sync) if (text := _revision(one))), "")

    @property
    def _settled(self) -> bool:
        """Whether how the application is came so long after the operation that it is not its doing."""
        since, ended = when(self.how.last_transition_time), when(self.run.finished_at)
        return 0 < ended < since - SETTLING

    def state(self) -> str:
        """The deploy's state; empty for none."""
        phase, health = word(self.run.phase).lower(), word(self.how.status).lower()
        state = _PHASES.get(phase, "")
        if state != "success" or self._settled or health in ("healthy", ""):
            return state
        return {"degraded": "failure", "suspended": "waiting"}.get(health, "in_progress")

    def health(self) -> str:
        """`firing` when it is no operation's doing that it is degraded, `resolved` when that ended; empty for neither."""
        state = {"degraded": "firing", "healthy": "resolved"}.get(word(self.how.status).lower(), "")
        under_way = word(self.run.phase).lower() in ("running", "terminating")
        return state if self._settled and not under_way else ""

    def deploy(self, state: str) -> Event:
        run, operation = self.run, self.run.operation or Operation()
        if not state or not self.id:
            raise Dropped("no-operation", word(run.phase))
        if operation.sync is not None and operation.sync.dry_run is True:
            raise Dropped("dry-run")
        by = operation.initiated_by or Initiator()
        automated = by.automated is True or not word(by.username)
        if automated and state in ("in_progress", "success") and self.revision and self.revision == self._before():
            raise Dropped("same-revision-again", self.revision)
        sources = [self.spec.source, *(self.spec.sources or ())]
        ended = max(when(run.finished_at), 0 if self._settled else when(self.how.last_transition_time))
        degraded = state == "failure" and word(run.phase).lower() == "succeeded"
        deploy = Deploy(
            id=self.id,
            state=state,
            environment=self._environment(),
            place=self._place(),
            ref=next((text for one in sources if one and (text := word(one.target_revision))), ""),
            revision=self.revision,
            previous=self._before(),
            actor="Argo CD" if automated else person(by.username),
            reason=self._why(degraded) if state in ("failure", "error", "waiting") else "",
            url=self.url,
            started=when(run.started_at),
            changed=when(run.started_at) if state == "in_progress" else ended,
        )
        return deploy_event(deploy, self.source, scope=self.scope, service=word(self.metadata.name), received=self.received)

    def incident(self, state: str) -> Event:
        name = word(self.metadata.name)
        since = when(self.how.last_transition_time)
        alert = Alert(
            scope=self.scope,
            identity="health",
            state=state,
            name=f"{name} degraded",
            service=name,
            environment=self._environment() or self.source.environment or self._place(),
            number=self.id,
            once=word(self.how.last_transition_time) or self.id,
            changed=since,
            reason=first_line(word(self.how.message)),
            url=self.url,
            revision=self.revision,
        )
        return alert_event(alert, self.source, self.received)

    def _why(self, degraded: bool) -> str:
        health = first_line(word(self.how.message))
        if degraded:
            return f"applied, but degraded{f': {health}' if health else ''}"
        return first_line(word(self.run.message)) if word(self.run.phase).lower() != "succeeded" else "suspended"

    def _environment(self) -> str:
        labels = self.metadata.labels or {}
        return first(*(labels.get(key) for key in _ENVIRONMENTS))

    def _place(self) -> str:
        destination = self.spec.destination or Destination()
        return first(destination.namespace, destination.name)

    def _before(self) -> str:
        """What was deployed before this operation, as far as the history says."""
        older = [one for one in self.status.history or () if when(one.deploy_started_at) < when(self.run.started_at)]
        return _revision(older[-1]) if older else ""


def _revision(of: Revisions | None) -> str:
    if of is None:
        return ""
    return word(of.revision) or first(*(of.revisions or ()))
