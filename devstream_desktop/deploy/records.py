"""The durable state of an executor, and the judge's world from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from devstream_desktop.deploy.knowledge import Knowledge
from devstream_desktop.deploy.lock_table import LockTable
from devstream_desktop.deploy.queue import Queue, Waiting
from devstream_desktop.deploy.request import Action
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.deploy.world import Pending, World
from devstream_desktop.stream.event import Event

_UNDER_WAY = ("dispatching", "in_progress")


@dataclass(frozen=True)
class Records:
    """The durable state of one executor, in one database."""

    runs: Runs
    queue: Queue
    locks: LockTable
    knowledge: Knowledge

    def current(self, target: str, environment: str) -> str:
        """Return the commit that runs there; of record and stream the later."""
        own, own_at = self.runs.current(target, environment)
        told, told_at = self.knowledge.deployed(target, environment)
        return told if told and told_at > own_at else own

    def running(self, target: str, environment: str) -> Pending | None:
        """Return the run that is under way there; None for none."""
        run = self.runs.holder(target, environment)
        if run is None or run.state not in _UNDER_WAY:
            return None
        return Pending(run.request, target, environment, run.person, run.sha, run.state)

    def fill(self, world: World, event: Event, person: str, waiting: Waiting | None) -> World:
        """Add to `world` what is on disk about a request; in a thread.

        Raises:
            RunsError: deploy.sqlite cannot be used.

        """
        place, sha = (event.service, event.environment), event.revision
        pending = [one.pending for one in self.queue.all()]
        there = [one for one in pending if (one.target, one.environment) == place]
        index = next((at for at, one in enumerate(there) if one.request == event.key), len(there))
        # What the request takes the place of is not before it.
        ahead = [
            one
            for one in there[:index]
            if one.state == "queued" and (one.request, one.person) != (event.about, person)
        ]
        own = [one for one in there if one.person == person and one.request != event.key]
        about = event.about if event.action == Action.APPROVE else event.key
        told = self.knowledge.succeeded(event.service, sha) if sha else frozenset()
        return replace(
            world,
            running=self.running(*place),
            ahead=tuple(ahead),
            own=tuple(own),
            current=self.current(*place),
            locks=self.locks.all(),
            checks=self.knowledge.checks((sha,)).get(sha, ()) if sha else (),
            succeeded=self.runs.succeeded(event.service, sha) | told,
            approvals=self.queue.approvals(about),
            taken=waiting.taken if waiting is not None else None,
            subject=self._subject(event.about, pending) if event.action else None,
        )

    def _subject(self, about: str, pending: list[Pending]) -> Pending | None:
        """Return the unfinished request that a command is about."""
        found = next((one for one in pending if one.request == about), None)
        if found is not None:
            return found
        run = self.runs.of(about) if about else None
        if run is None or run.state not in _UNDER_WAY:
            return None
        return Pending(run.request, run.target, run.environment, run.person, run.sha, run.state)
