"""GitLab's issues, asked: new ones, and those that were closed or reopened."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step
from devstream_collectors.sources.gitlab.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitlab.lists import (
    ask_list,
    ask_older,
    events_since,
    newest_of,
    since_of,
    sizes_of,
)
from devstream_collectors.sources.gitlab.place import account
from devstream_collectors.sources.gitlab.push import ProjectEvent
from devstream_collectors.sources.gitlab.ticket import Issue, step


def asked(source: SourceInfo) -> Iterable[Request]:
    """Ask for the issues changed last, and for those reopened."""
    yield ask_list(source, Step("issues"))
    yield ask_list(source, Step("reopened"))


@poller.answer("issues")
def _issues(answer: Answer[Cursor]) -> Polled:
    known, place = answer.known, place_of(answer)
    # What was known before the first page.
    marks = msgspec.json.decode(answer.step.old or b"[0,0]", type=tuple[int, int])
    since_opened, since_closed = marks if answer.step.old else (known.opened, known.closed)
    opened, closed = known.opened or 1, known.closed or 1
    makers: list[Maker] = []
    bodies = answer.decode(list[Issue])
    for body in reversed(bodies):
        created, ended = milliseconds(body.created_at), milliseconds(body.closed_at)
        if 0 < since_opened < created:
            who = account(body.author)
            makers.append(partial(step, body, "opened", body.created_at, who, place))
        if 0 < since_closed < ended:
            who = account(body.closed_by)
            makers.append(partial(step, body, "closed", body.closed_at, who, place))
        opened, closed = max(opened, created), max(closed, ended)
    times = [milliseconds(body.updated_at) for body in bodies]
    made = [milliseconds(body.created_at) for body in bodies]
    mark = f"[{since_opened},{since_closed}]"
    newest, fresh = max(since_opened, since_closed), sum(at > since_opened for at in made)
    more, gap = ask_older(answer, "issues", times, newest, fresh, mark)
    return answer.polled(makers, more, gap, opened=opened, closed=closed, sizes=sizes_of(answer))


@poller.answer("reopened")
def _reopened(answer: Answer[Cursor]) -> Polled:
    since, source = since_of(answer, answer.known.reopened), answer.source
    events = answer.decode(list[ProjectEvent])
    times = [milliseconds(event.created_at) for event in events]
    fresh = sum(time > since for time in times)
    more, gap = ask_older(answer, "reopened issues", times, since, fresh)
    # The event does not say whether the issue is confidential.
    follow = [
        ask_of(
            source,
            f"/issues/{event.target_iid}",
            Step("issue", event.actor, new=event.created_at or ""),
            missing_ok=True,
        )
        for event in events_since(events, since)
    ]
    newest = newest_of(events, answer.known.reopened)
    return answer.polled(
        requests=(*follow, *more), gap=gap, reopened=newest, sizes=sizes_of(answer)
    )


@poller.answer("issue")
def _issue(answer: Answer[Cursor]) -> Polled:
    if not answer.ok:
        return answer.polled()
    body, at, who = answer.decode(Issue), answer.step.new, answer.step.of
    return answer.polled([partial(step, body, "reopened", at, who, place_of(answer))])
