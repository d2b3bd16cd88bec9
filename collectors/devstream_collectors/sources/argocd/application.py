"""Argo CD's applications as deploys, and as incidents of their health.

A notification and the API hold the same object, so both come through here and give the same keys.
Source:
https://github.com/argoproj/argo-cd/blob/master/pkg/apis/application/v1alpha1/types.go. An operation
has no id; when it started tells it from the application's others. It is over for a person when the
application is healthy, not when everything is applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Flag, Many, Part, Text, Texts, Time, person, when
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.executor import mark_of
from devstream_collectors.kit.outcome import Dropped, Maker
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import first_line

SETTLING = 30 * 60 * 1000
"""Milliseconds after an operation in which its health is the operation's doing."""
_PHASES = {
    "running": "in_progress",
    "terminating": "in_progress",
    "failed": "failure",
    "error": "error",
    "succeeded": "success",
}
_ENVIRONMENTS = ("env", "environment", "stage", "app.kubernetes.io/environment")


class Source(msgspec.Struct, frozen=True, rename="camel"):
    """The origin of manifests."""

    target_revision: Text = ""


class Destination(msgspec.Struct, frozen=True):
    """The destination of manifests."""

    namespace: Text = ""
    name: Text = ""


class Metadata(msgspec.Struct, frozen=True):
    """The names of an application."""

    name: Text = ""
    namespace: Text = ""
    uid: Text = ""
    labels: Texts = {}


class Spec(msgspec.Struct, frozen=True):
    """The wishes for it."""

    destination: Part[Destination] = Destination()
    source: Part[Source] = Source()
    sources: Many[Source] = []


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """Its health: Healthy, Progressing, Degraded, Suspended, Missing or Unknown."""

    status: Text = ""
    message: Text = ""
    last_transition_time: Text = ""


class Initiator(msgspec.Struct, frozen=True):
    """The account that asked for it."""

    username: Text = ""
    automated: Flag = False


class Revisions(msgspec.Struct, frozen=True, rename="camel"):
    """The revision that is or was applied: of a sync, of its result, of the history."""

    revision: Text = ""
    revisions: Many[Text] = []
    """The revisions of an application with several sources."""
    dry_run: Flag = False
    id: int = -1
    """Of the history: 0, 1, 2."""
    deploy_started_at: Text = ""
    """Of the history."""
    deployed_at: Time = 0
    """Of the history."""
    initiated_by: Part[Initiator] = Initiator()
    """Of the history."""

    @property
    def began(self) -> int:
        """The begin of the deploy, UTC milliseconds."""
        return when(self.deploy_started_at)

    @property
    def plain(self) -> str:
        """The revision, of several the first."""
        return self.revision or next((text for text in self.revisions if text), "")


class Info(msgspec.Struct, frozen=True):
    """A note on an operation by who asked for it."""

    name: Text = ""
    value: Text = ""


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """The operation that was asked for."""

    info: Many[Info] = []
    sync: Part[Revisions] = Revisions()
    initiated_by: Part[Initiator] = Initiator()


class OperationState(msgspec.Struct, frozen=True, rename="camel"):
    """The progress of the newest operation."""

    phase: Text = ""
    message: Text = ""
    started_at: Text = ""
    finished_at: Time = 0
    operation: Part[Operation] = Operation()
    sync_result: Part[Revisions] = Revisions()


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """Its state as a whole."""

    sync: Part[Revisions] = Revisions()
    health: Part[Health] = Health()
    operation_state: Part[OperationState] = OperationState()
    history: Many[Revisions] = []


class Body(msgspec.Struct, frozen=True):
    """An application, of what it holds only what makes lines."""

    metadata: Part[Metadata] = Metadata()
    spec: Part[Spec] = Spec()
    status: Part[Status] = Status()


@dataclass(frozen=True)
class Application:
    """An application, which says two facts: how its newest operation is, and its health."""

    body: Body
    source: SourceInfo
    received: int
    url: str = ""
    """The page that the sender names for it."""

    def __post_init__(self) -> None:
        if not self.body.metadata.name:
            raise Dropped("not-an-application")

    @property
    def name(self) -> str:
        return self.body.metadata.name

    @cached_property
    def place(self) -> Place:
        """The place of its facts."""
        metadata = self.body.metadata
        identity = metadata.uid or f"{self.source.name}/{metadata.namespace}/{metadata.name}"
        return Place(self.source, self.received, f"argocd/{identity}", self.name)

    @property
    def makers(self) -> tuple[Maker, ...]:
        """Return the makers of the deploy's event and the health's.

        A deploy that ends well looks the same whether or not there was an incident.
        """
        return (self.deploy, self.incident) if self.health and self._settled else (self.deploy,)

    @property
    def deploy(self) -> Maker:
        """Return the maker of the deploy's event."""
        return partial(self._deploy, self.state)

    @property
    def incident(self) -> Maker:
        """Return the maker of the health's event."""
        return partial(self._incident, self.health)

    def deploys_after(self, last: int) -> tuple[Maker, ...]:
        """Return the makers of the deploys of its history behind number `last`.

        The newest operation is not among them: its own state says more.
        """
        entries = self.body.status.history
        pairs = zip([Revisions(), *entries], entries, strict=False)
        return tuple(
            partial(self._past_deploy, one, before)
            for before, one in pairs
            if one.id > last and one.deploy_started_at != self._id
        )

    @property
    def newest(self) -> int:
        """The number of the newest deploy of its history; -1 for none."""
        return max((one.id for one in self.body.status.history), default=-1)

    def unread(self, last: int) -> int:
        """Count the deploys behind number `last` that its history has no more."""
        numbers = [one.id for one in self.body.status.history if one.id >= 0]
        return max(0, min(numbers) - last - 1) if numbers else 0

    @property
    def deploy_mark(self) -> str:
        """The operation and its state, as one text."""
        return f"{self._id} {self.state}"

    @property
    def health_mark(self) -> str:
        """`firing` or `resolved`, and since when; empty for neither."""
        return f"{self.health} {self._how.last_transition_time or self._id}" if self.health else ""

    @cached_property
    def state(self) -> str:
        """The deploy's state; empty for none."""
        state, health = _PHASES.get(self._phase, ""), self._how.status.lower()
        # Everything is applied, but it is a success only when it runs: the health decides.
        if state != "success" or self._settled or health in ("healthy", ""):
            return state
        return {"degraded": "failure", "suspended": "waiting"}.get(health, "in_progress")

    @cached_property
    def health(self) -> str:
        """`firing` when it is degraded by itself, `resolved` when it is healthy; else empty."""
        if self._phase in ("running", "terminating"):
            return ""
        # A deploy may end an incident, but what it breaks is its own failure.
        if self._how.status.lower() == "healthy":
            return "resolved"
        return "firing" if self._settled and self._how.status.lower() == "degraded" else ""

    @property
    def _run(self) -> OperationState:
        return self.body.status.operation_state

    @property
    def _how(self) -> Health:
        return self.body.status.health

    @property
    def _phase(self) -> str:
        return self._run.phase.lower()

    @property
    def _id(self) -> str:
        return self._run.started_at

    @property
    def _since(self) -> int:
        return when(self._how.last_transition_time)

    @property
    def _settled(self) -> bool:
        """True if the health changed too long after the operation."""
        return 0 < self._run.finished_at < self._since - SETTLING

    @property
    def _revision(self) -> str:
        run = self._run
        return run.sync_result.plain or run.operation.sync.plain or self.body.status.sync.plain

    def _deploy(self, state: str) -> Event:
        run, spec, by = self._run, self.body.spec, self._run.operation.initiated_by
        if not state or not self._id:
            raise Dropped("no-operation", run.phase)
        if run.operation.sync.dry_run:
            raise Dropped("dry-run")
        automated = by.automated or not by.username
        before, started = self._before(), when(run.started_at)
        # Argo CD repairs a drift by an operation of the same revision, which deploys nothing.
        if automated and state in ("in_progress", "success") and self._revision == before != "":
            raise Dropped("same-revision-again", before)
        refs = [source.target_revision for source in (spec.source, *spec.sources)]
        # The deploy took until it was healthy, which may be long after everything was applied.
        ended = max(run.finished_at, 0 if self._settled else self._since)
        mark = mark_of((one.name, one.value) for one in run.operation.info)
        deploy = Deploy(
            id=self._id,
            state=state,
            environment=self._environment(),
            target=self._target(),
            ref=next((ref for ref in refs if ref), ""),
            revision=self._revision,
            previous=before,
            actor="Argo CD" if automated else person(by.username),
            reason=self._why(state) if state in ("failure", "error", "waiting") else "",
            url=self._page(),
            started=started,
            changed=started if state == "in_progress" else ended,
            request=mark.request,
            executor=mark.executor,
        )
        return deploy_event(deploy, self.place)

    def _past_deploy(self, entry: Revisions, before: Revisions) -> Event:
        by = entry.initiated_by
        automated = by.automated or not by.username
        if automated and entry.plain == before.plain != "":
            raise Dropped("same-revision-again", before.plain)
        deploy = Deploy(
            id=entry.deploy_started_at or str(entry.id),
            state="success",
            environment=self._environment(),
            target=self._target(),
            revision=entry.plain,
            previous=before.plain,
            actor="Argo CD" if automated else person(by.username),
            url=self._page(),
            started=entry.began,
            changed=entry.deployed_at,
        )
        return deploy_event(deploy, self.place)

    def _incident(self, state: str) -> Event:
        alert = Alert(
            identity="health",
            state=state,
            name=f"{self.name} degraded",
            environment=self._environment() or self.source.environment or self._target(),
            number=self._id,
            once=self._how.last_transition_time or self._id,
            changed=self._since,
            reason=first_line(self._how.message),
            url=self._page(),
            revision=self._revision,
        )
        return alert_event(alert, self.place)

    def _why(self, state: str) -> str:
        health = first_line(self._how.message)
        # The operation itself went wrong, and says why.
        if self._phase != "succeeded":
            return first_line(self._run.message)
        if state == "failure":
            return f"applied, but degraded{f': {health}' if health else ''}"
        return "suspended"

    def _environment(self) -> str:
        labels = self.body.metadata.labels
        return next((labels[name] for name in _ENVIRONMENTS if labels.get(name)), "")

    def _target(self) -> str:
        destination = self.body.spec.destination
        return destination.namespace or destination.name

    def _before(self) -> str:
        """Find the revision that was deployed before; empty if the history does not say."""
        started = when(self._run.started_at)
        older = [one for one in self.body.status.history if one.began < started]
        return older[-1].plain if older else ""

    def _page(self) -> str:
        if self.url or not self.source.url:
            return self.url
        metadata = self.body.metadata
        names = [quote(text, safe="") for text in (metadata.namespace, metadata.name) if text]
        return f"{self.source.url}/applications/{'/'.join(names)}"
