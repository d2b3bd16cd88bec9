"""GitLab's deployments, asked: the newest ones, and those that go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.executor import NOBODYS
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step, remembered, under_way, without
from devstream_collectors.sources.gitlab.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitlab.deploy import STATES, Deployment, deployed
from devstream_collectors.sources.gitlab.lists import ask_list, ask_older_by_state, sizes_of


def asked(known: Cursor, source: SourceInfo) -> Iterable[Request]:
    """Ask for the newest deployments, and for open ones."""
    yield ask_list(source, Step("deployments"))
    for number in under_way(known.deployments):
        yield ask_of(source, f"/deployments/{number}", Step("deployment", number), missing_ok=True)


@poller.answer("deployments")
def _deployments(answer: Answer[Cursor]) -> Polled:
    known, bodies = answer.known.deployments, answer.decode(list[Deployment])
    now = {body.id: STATES.get(body.status or "", f":{body.status}") for body in bodies}
    times = {body.id: body.updated_at for body in bodies}
    more, gap = ask_older_by_state(answer, "deployments", times, now, known)
    polled = _deploys(answer, bodies, remembered(known, {}), sizes=sizes_of(answer))
    return replace(polled, requests=more, gap=gap)


@poller.answer("deployment")
def _deployment(answer: Answer[Cursor]) -> Polled:
    known = answer.known.deployments
    if not answer.ok:
        return answer.polled(deployments=without(known, answer.step.of))
    return _deploys(answer, [answer.decode(Deployment)], known)


def _deploys(
    answer: Answer[Cursor], bodies: list[Deployment], kept: Mapping[str, str], **more: object
) -> Polled:
    """Tell the deployments that are in another state than when last seen; remember all."""
    known, place = answer.known.deployments, place_of(answer)
    now = {body.id: STATES.get(body.status or "", f":{body.status}") for body in bodies}
    makers: list[Maker] = []
    for body in reversed(bodies):
        state, pipeline = now[body.id], body.deployable.pipeline.id
        if known.get(body.id) == state or state.startswith(":"):
            continue
        # Pipelines are read before, in each round.
        mark = answer.known.marks.get(pipeline, NOBODYS)
        makers.append(partial(deployed, body, place, mark))
    return answer.polled(makers, (), None, deployments={**kept, **now}, **more)
