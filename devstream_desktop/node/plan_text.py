"""A plan that another node made, with every text cleaned: it comes from outside."""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec.structs import replace

from devstream_desktop.control.messages.deploys import (
    CheckState,
    Commit,
    LockState,
    ParameterForm,
    PendingDeploy,
    Plan,
)
from devstream_desktop.stream.text import clean

MOST = 200
"""Of each list in a plan."""


def cleaned_plan(plan: Plan) -> Plan:
    """Return `plan` with plain, bounded texts and lists."""
    return replace(
        plan,
        target=clean(plan.target, 40),
        environment=clean(plan.environment, 40),
        ref=clean(plan.ref, 255),
        sha=clean(plan.sha, 64),
        title=clean(plan.title),
        current=clean(plan.current, 64),
        changes=tuple(clean(one) for one in plan.changes[:MOST]),
        checks=tuple(clean(one) for one in plan.checks[:MOST]),
        reason=clean(plan.reason, 300),
        action=clean(plan.action, 20),
        told_by="executor",
        source=clean(plan.source, 20),
        old=_commit(plan.old),
        new=_commit(plan.new),
        commits=tuple(filter(None, (_commit(one) for one in plan.commits[:MOST]))),
        warnings=tuple(
            replace(
                one,
                severity=clean(one.severity, 20),
                kind=clean(one.kind, 20),
                text=clean(one.text, 300),
            )
            for one in plan.warnings[:MOST]
        ),
        locks=tuple(_lock(one) for one in plan.locks[:MOST]),
        running=_pending(plan.running) if plan.running is not None else None,
        queue=tuple(_pending(one) for one in plan.queue[:MOST]),
        own=clean(plan.own, 64),
        approvers=tuple(clean(one, 60) for one in plan.approvers[:MOST]),
        parameters=tuple(_form(one) for one in plan.parameters[:MOST]),
        order=tuple(clean(one, 40) for one in plan.order[:MOST]),
    )


def _commit(commit: Commit | None) -> Commit | None:
    if commit is None:
        return None
    return replace(
        commit,
        sha=clean(commit.sha, 64),
        title=clean(commit.title),
        author=clean(commit.author, 60),
        url=_url(commit.url),
        checks=tuple(_check(one) for one in commit.checks[:MOST]),
    )


def _check(check: CheckState) -> CheckState:
    return replace(
        check,
        name=clean(check.name, 80),
        state=clean(check.state, 20),
        url=_url(check.url),
        told_by=clean(check.told_by, 20),
    )


def _lock(lock: LockState) -> LockState:
    return replace(
        lock,
        target=clean(lock.target, 40),
        environment=clean(lock.environment, 40),
        person=clean(lock.person, 60),
        reason=clean(lock.reason, 200),
    )


def _pending(one: PendingDeploy) -> PendingDeploy:
    return replace(
        one,
        request=clean(one.request, 64),
        target=clean(one.target, 40),
        environment=clean(one.environment, 40),
        person=clean(one.person, 60),
        sha=clean(one.sha, 64),
        state=clean(one.state, 20),
        ref=clean(one.ref, 255),
        reason=clean(one.reason, 200),
        parameters=clean(one.parameters, 2000),
        why=clean(one.why, 200),
    )


def _form(form: ParameterForm) -> ParameterForm:
    return replace(
        form,
        name=clean(form.name, 40),
        type=clean(form.type, 20),
        choices=tuple(clean(one, 120) for one in form.choices[:MOST]),
        default=clean(form.default, 120),
        help=clean(form.help, 200),
    )


def _url(url: str) -> str:
    # A link that is not plain http is no link: somebody would click it.
    try:
        plain = urlsplit(url).scheme in ("http", "https") and len(url) <= 500
    except ValueError:
        plain = False
    return clean(url, 500) if plain else ""
