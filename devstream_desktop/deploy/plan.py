"""The plan of a deploy: records of what would ship, made by the executor that would run it.

It is judged by the very judge that judges the request, so that a plan promises nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from msgspec import structs

from devstream_desktop.control.messages.deploys import (
    CheckState,
    Commit,
    LockState,
    ParameterForm,
    PendingDeploy,
    Plan,
    PlanDeploy,
    PlanWarning,
)
from devstream_desktop.deploy import rules
from devstream_desktop.deploy.checks import Check, newest
from devstream_desktop.deploy.commits import Between, Commits
from devstream_desktop.deploy.decisions import Decisions
from devstream_desktop.deploy.errors import PlanError
from devstream_desktop.deploy.judge import judge
from devstream_desktop.deploy.knowledge import Rights, Told
from devstream_desktop.deploy.locks import Lock
from devstream_desktop.deploy.offers import Offers
from devstream_desktop.deploy.plan_warnings import warnings_of
from devstream_desktop.deploy.queue import Waiting
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.request import (
    Action,
    InvalidRequestError,
    as_given,
    make_request,
)
from devstream_desktop.deploy.run import Run
from devstream_desktop.deploy.selection import LOOK_UP_S, Selection
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import Asker, Ignore, Refuse, Resolve, Wait
from devstream_desktop.stream.event import Event, InvalidEventError, decode_event
from devstream_desktop.stream.text import clean, short_revision

MOST_CHECKED = 30
"""Commits between of which builds and tests are looked up."""


class Plans:
    """Makes the plans of one executor."""

    def __init__(
        self,
        *,
        device: str,
        now: Callable[[], int],
        rights: Rights,
        records: Records,
        offers: Offers,
        decisions: Decisions,
        commits: Commits,
    ) -> None:
        self._device = device
        self._now = now
        self._rights = rights
        self._records = records
        self._offers = offers
        self._decisions = decisions
        self._commits = commits
        self._selection = Selection(records, commits)

    async def make(self, asked: PlanDeploy, author: Asker) -> Plan:
        """Return the plan of a new or a waiting request.

        Raises:
            PlanError: there is no such target, no such commit, or no such request.
            RunsError: deploy.sqlite cannot be used.

        """
        await self._offers.refresh()
        target = self._target(asked)
        asker, waiting, tips = author, None, None
        if asked.about:
            # The right to ask for it is its asker's, not the reader's.
            waiting = await asyncio.to_thread(self._waiting, asked)
            event = _signed(waiting)
            asker = Asker(waiting.device, self._rights.person_of(waiting.device))
            ref, sha = event.ref, event.revision
        else:
            ref, sha, tips = await self._selection.find(asked, target, self._offers.targets)
            event = _request(asked, author, self._device, ref, sha, self._now())
        world = await self._decisions.world(event, asker, fresh=True, waiting=waiting)
        world = replace(world, judged=False, tips=tips)
        # The one that waits is replaced after a question; here it is only named.
        own = world.own[0].request if world.own and waiting is None else ""
        verdict = judge(event, asker, replace(world, own=()))
        if isinstance(verdict, Resolve):
            world = await self._decisions.looked_up(verdict, sha, world, LOOK_UP_S)
            verdict = judge(event, asker, replace(world, own=()))
        reason = verdict.reason if isinstance(verdict, Refuse | Ignore) else ""
        waits = verdict.reason if isinstance(verdict, Wait) else ""
        between, source = await self._between(target, world.current, sha)
        new, old = await asyncio.gather(
            self._known(target, sha, author.person),
            self._known(target, world.current, author.person),
        )
        commits = await asyncio.to_thread(self._listed, between.commits, target, author.person)
        if world.reported is not None:
            told = world.reported.checks
            new = _with_checks(new, told, target)
            commits = tuple(
                _with_checks(one, told, target) if one.sha == sha else one for one in commits
            )
        warnings = await asyncio.to_thread(
            warnings_of,
            self._records.knowledge,
            world,
            target,
            new,
            old,
            commits,
            between,
        )
        if reason:
            warnings = (PlanWarning(severity="error", kind="refused", text=reason), *warnings)
        if waits:
            kind = (
                "approval" if isinstance(verdict, Wait) and verdict.state == "waiting" else "busy"
            )
            warnings = (*warnings, PlanWarning(severity="info", kind=kind, text=waits))
        return Plan(
            target=target.name,
            environment=target.environment,
            ref=ref,
            sha=sha,
            title=new.title,
            current=world.current,
            changes=tuple(_line(one) for one in commits),
            checks=tuple(f"{one.name} {one.state}" for one in new.checks),
            allowed=not reason,
            reason=reason,
            action=event.action,
            told_by="executor",
            source=source,
            old=old if world.current else None,
            new=new,
            commits=commits,
            more=between.more,
            backwards=between.backwards,
            warnings=warnings,
            locks=tuple(
                _lock_state(lock)
                for lock in world.locks
                if lock.covers(target.name, target.environment) and lock.holds(world.now)
            ),
            running=await asyncio.to_thread(self._running, target),
            queue=await asyncio.to_thread(self._queue, target),
            own=own,
            approvals=target.approvals if rules.needs_approval(as_given(event), target) else 0,
            approvers=self._approvers(target, asker.person),
            type_to_confirm=target.type_to_confirm,
            parameters=_forms(target),
            can_dry_run=bool(target.dry_run),
            order=target.order,
        )

    def _waiting(self, asked: PlanDeploy) -> Waiting:
        """Return the request that a plan is of; in a thread.

        Raises:
            PlanError: it does not wait there.

        """
        place = (asked.target, asked.environment)
        for one in self._records.queue.all():
            run = one.run
            if run.request == asked.about and (run.target, run.environment) == place:
                return one
        raise PlanError(f"no deploy {clean(asked.about, 8)} waits here any more")

    def _target(self, asked: PlanDeploy) -> Target:
        target = self._offers.targets.get((asked.target, asked.environment))
        if target is not None:
            return target
        raise PlanError(
            rules.unknown(
                clean(asked.target, 40),
                clean(asked.environment, 40),
                self._offers.targets,
                self._offers.mistake,
            )
        )

    async def _between(self, target: Target, old: str, new: str) -> tuple[Between, str]:
        if not old or old == new:
            return Between(()), ""
        if target.repository:
            found = await self._commits.between(target.repository, old, new)
            if found is not None:
                return found, "repository"
        told = await asyncio.to_thread(self._records.knowledge.between, target.name, old, new)
        return Between(told), "stream"

    async def _known(self, target: Target, sha: str, person: str) -> Commit:
        told: Told | None = None
        if sha and target.repository:
            told = await self._commits.about(target.repository, sha)
        if sha and told is None:
            told = await asyncio.to_thread(self._records.knowledge.change, target.name, sha)
        listed = await asyncio.to_thread(self._listed, (told or Told(sha),), target, person)
        return listed[0]

    def _listed(self, commits: Sequence[Told], target: Target, person: str) -> tuple[Commit, ...]:
        """Return the records of commits; in a thread."""
        shas = [one.sha for one in commits[:MOST_CHECKED] if one.sha]
        checks = self._records.knowledge.checks(shas) if shas else {}
        return tuple(
            _record(one, newest(checks.get(one.sha, ())), target, person) for one in commits
        )

    def _running(self, target: Target) -> PendingDeploy | None:
        place = (target.name, target.environment)
        run = self._records.runs.holder(*place)
        return None if run is None or run.state == "unknown" else pending_of(run)

    def _queue(self, target: Target) -> tuple[PendingDeploy, ...]:
        place = (target.name, target.environment)
        return tuple(
            pending_of(one.run)
            for one in self._records.queue.all()
            if (one.run.target, one.run.environment) == place
        )

    def _approvers(self, target: Target, person: str) -> tuple[str, ...]:
        if not target.approvals:
            return ()
        able = {
            one
            for role in target.approver_roles
            for one in self._rights.who_may(role, target.name, target.environment)
        }
        return tuple(sorted(able - {person}))


def pending_of(run: Run) -> PendingDeploy:
    """Return the record of a run that is not over."""
    return PendingDeploy(
        request=run.request,
        target=run.target,
        environment=run.environment,
        person=run.person,
        sha=run.sha,
        state=run.state,
        ref=run.ref,
        since=run.started,
        until=run.until,
        reason=run.reason,
        parameters=run.parameters,
    )


def _with_checks(commit: Commit, told: Sequence[Check], target: Target) -> Commit:
    """Add the forge's checks to those of the stream; of each the newest counts."""
    stream = [
        Check(one.name, one.state, one.at, one.url, told_by=one.told_by) for one in commit.checks
    ]
    return structs.replace(commit, checks=_states(newest((*stream, *told)), target))


def _states(checks: Sequence[Check], target: Target) -> tuple[CheckState, ...]:
    return tuple(
        CheckState(
            name=clean(one.name, 80),
            state=one.state,
            at=one.at,
            url=one.url,
            required=any(fnmatchcase(one.name, glob) for glob in target.checks),
            told_by=one.told_by,
        )
        for one in checks
    )


def _record(told: Told, checks: Sequence[Check], target: Target, person: str) -> Commit:
    return Commit(
        sha=told.sha,
        title=clean(told.title),
        author=clean(told.author, 60),
        at=told.at,
        url=told.url,
        own=bool(person) and told.author.casefold() == person.casefold(),
        checks=_states(checks, target),
    )


def _request(asked: PlanDeploy, author: Asker, device: str, ref: str, sha: str, now: int) -> Event:
    """Make the request that the plan is of; it is judged and never sent."""
    try:
        return make_request(
            device=author.device,
            person=author.person,
            target=asked.target,
            environment=asked.environment,
            executor=device,
            now=now,
            ref=ref,
            sha=sha,
            reason="plan",
            action=Action(asked.action),
            parameters=_chosen(asked.parameters),
            override=asked.override,
        )
    except InvalidRequestError as error:
        raise PlanError(str(error)) from None


def _signed(waiting: Waiting) -> Event:
    """Return a waiting request as its asker signed it."""
    try:
        return decode_event(waiting.event)
    except InvalidEventError as error:
        number = waiting.run.request[:8]
        raise PlanError(f"the waiting deploy {number} cannot be read: {error}") from None


def _chosen(parameters: Mapping[str, str]) -> Mapping[str, str]:
    return dict(list(parameters.items())[:64])


def _lock_state(lock: Lock) -> LockState:
    return LockState(
        target=lock.target,
        environment=lock.environment,
        person=lock.person,
        reason=lock.reason,
        since=lock.since,
        until=lock.until,
    )


def _forms(target: Target) -> tuple[ParameterForm, ...]:
    return tuple(
        ParameterForm(
            name=name,
            type=one.type,
            choices=one.choices,
            default=one.value(),
            help=clean(one.help, 120),
        )
        for name, one in target.parameters.items()
    )


def _line(commit: Commit) -> str:
    title = f" — {commit.title}" if commit.title else ""
    return clean(f"{commit.author or 'somebody'} {short_revision(commit.sha)}{title}")
