"""The executor's answers to a request, as events."""

from __future__ import annotations

from devstream_desktop.deploy.request import Action, subject_of
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.fact import AuthorClass, identity
from devstream_desktop.stream.words import STATES, Kind, Severity, default_severity


def make_answer(
    *,
    request: str,
    target: str,
    environment: str,
    state: str,
    executor: str,
    person: str,
    ref: str,
    sha: str,
    title: str,
    time: int,
    duration: int = 0,
    reason: str = "",
    previous: str = "",
    expires: int = 0,
    action: str = "",
    about: str = "",
    parameters: str = "",
    policy: int = 0,
    override: bool = False,
    again: int = 0,
) -> Event:
    """Make the executor's answer to a request.

    `previous` is the commit that a successful deploy replaced, `expires` the end of a lock or of a
    wait, `policy` the version that it was judged by.

    The key comes from the request and the state, so saying it again after a crash is the same row;
    `again` counts what is said again on purpose.
    """
    severity = default_severity(Kind.DEPLOY, state, environment)
    # A dry run breaks nothing; rules that were set aside are worth a look.
    if action == Action.DRY_RUN:
        severity = min(severity, Severity.WARNING)
    elif override:
        severity = max(severity, Severity.WARNING)
    return make_event(
        kind=Kind.DEPLOY,
        state=state,
        service=target,
        environment=environment,
        subject=subject_of(target, environment, request),
        key=answer_key(request, state, again),
        number=request[:8],
        request=request,
        time=time,
        severity=severity,
        ref=ref,
        revision=sha,
        actor=person,
        executor=executor,
        title=title,
        duration=duration,
        reason=reason,
        previous=previous,
        expires=expires,
        action=action,
        about=about,
        parameters=parameters,
        policy=policy,
        override=override,
    )


def answer_key(request: str, state: str, again: int = 0) -> str:
    """Return the key of the answer `state` to `request`."""
    return fact_key("deploy", Kind.DEPLOY, request, state, *([str(again)] if again else []))


def answers(request: str, executor: str) -> tuple[bytes, ...]:
    """Return the identities of every answer that `executor` can give to `request`.

    Looking them up in a history tells whether it was judged; what another device says does not.
    """
    states = (state for state in STATES[Kind.DEPLOY] if state != "requested")
    return tuple(
        identity(AuthorClass.EXECUTOR, Kind.DEPLOY, answer_key(request, state), executor)
        for state in states
    )
