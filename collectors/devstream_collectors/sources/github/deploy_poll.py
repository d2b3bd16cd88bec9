"""GitHub's deployments, asked: which there are, and the states of those that go on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.polling import MAX_OPEN, Answer, Step
from devstream_collectors.sources.github.cursor import Cursor, Watched, ask_of, place_of, poller
from devstream_collectors.sources.github.deploy import (
    Deployment,
    Noted,
    Status,
    deployed,
    displaced,
)
from devstream_collectors.sources.github.lists import ask_list, ask_older

FIRST_DEPLOYMENTS = 3
"""Deployments whose state is asked for at first contact."""
MAX_DEPLOYMENTS = 60
"""Deployments that are remembered: two pages."""
_TEXT = 100
_STEPS = frozenset({"waiting", "in_progress"})
_ENDED = frozenset({"success", "failure", "error"})
_FINAL = _ENDED | {"inactive"}


def asked(known: Cursor, source: SourceInfo) -> Iterable[Request]:
    """Ask for the newest deployments, and for open ones' states."""
    yield ask_list(source, Step("deployments"))
    open_ = [number for number, told in known.deployments.items() if not told.over]
    for number in open_[-MAX_OPEN:]:
        yield _statuses(source, number)


@poller.answer("deployments")
def _deployments(answer: Answer[Cursor]) -> Polled:
    newest, before = answer.known.newest_deployment, answer.known.deployments
    since = int(answer.step.old or newest)
    bodies = answer.decode(list[Deployment])
    unseen = since >= 0 and all(body.id > since for body in bodies)
    times = [milliseconds(body.changed) for body in bodies]
    more, gap = ask_older(answer, "deployments", times, str(since), all_new=unseen)
    # At first contact the state of a few is enough; the others are watched for a change.
    first = bodies if newest >= 0 else bodies[:FIRST_DEPLOYMENTS]
    fresh = {
        str(body.id): Watched(_small(body), over=body not in first)
        for body in reversed(bodies)
        if body.id > since
    }
    # One that was over goes on: it failed, and was tried again.
    again = {
        str(body.id): msgspec.structs.replace(told, body=_small(body), over=False)
        for body in reversed(bodies)
        if (told := before.get(str(body.id))) and told.over and told.body.changed != body.changed
    }
    kept = {**before, **fresh, **again}
    wanted = [number for number in {**fresh, **again} if not kept[number].over]
    return answer.polled(
        requests=(*(_statuses(answer.source, number) for number in wanted), *more),
        gap=gap,
        deployments=dict(list(kept.items())[-MAX_DEPLOYMENTS:]),
        newest_deployment=max([newest, 0, *(body.id for body in bodies)]),
    )


@poller.answer("status")
def _status(answer: Answer[Cursor]) -> Polled:
    known, number = answer.known.deployments, answer.step.of
    told = known.get(number)
    # It left the cursor while it was asked for.
    if told is None:
        return answer.polled()
    if not answer.ok:
        others = {key: value for key, value in known.items() if key != number}
        return answer.polled(deployments=others)
    statuses = sorted(answer.decode(list[Status]), key=lambda status: status.id)
    fresh = [status for status in statuses if status.id > told.seen]
    makers = [partial(deployed, told.body, status, place_of(answer)) for status in fresh]
    over = bool(statuses) and statuses[-1].state in _FINAL
    # Where it had ended, that another took its place is no news of it.
    said = {status.state for status in statuses}
    if over and statuses[-1] in fresh and said & _STEPS and not said & _ENDED:
        makers.append(partial(displaced, told.body, statuses[-1], place_of(answer)))
    seen = statuses[-1].id if statuses else 0
    return answer.polled(makers, deployments={**known, number: Watched(told.body, seen, over=over)})


def _small(body: Deployment) -> Deployment:
    """Cut the texts that a workflow writes freely, for the cursor."""
    noted = body.payload
    noted = Noted(noted.devstream_request[:_TEXT], noted.devstream_executor[:_TEXT])
    return msgspec.structs.replace(body, payload=noted)


def _statuses(source: SourceInfo, number: str) -> Request:
    path = f"/deployments/{number}/statuses"
    return ask_of(source, path, Step("status", number), {"per_page": 30}, missing_ok=True)
