"""GitLab's API, asked: the same facts as by webhook, with the same keys.

Each round asks for the project, its pushes (as its events tell them: with who pushed), merged merge
requests, pipelines, deployments and issues, one chain each. Source:
https://docs.gitlab.com/api/rest/ (version 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.polling import Answer, Step
from devstream_collectors.sources.gitlab import deploy_poll, run_poll, ticket_poll
from devstream_collectors.sources.gitlab.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitlab.lists import (
    ask_list,
    ask_older,
    events_since,
    newest_of,
    since_of,
    sizes_of,
)
from devstream_collectors.sources.gitlab.place import Project, account
from devstream_collectors.sources.gitlab.push import MergeRequest, ProjectEvent, merged, push_of

requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    # First the project itself, for its address and default branch.
    yield ask_of(source, "", Step("project"))
    yield ask_list(source, Step("pushes"))
    yield ask_list(source, Step("merges"))
    yield from run_poll.asked(known, source)
    yield from deploy_poll.asked(known, source)
    yield from ticket_poll.asked(source)


@poller.answer("project")
def _project(answer: Answer[Cursor]) -> Polled:
    known = answer.known
    lists = () if known.lists is None and known.home == Project() else known.lists
    return answer.polled(home=answer.decode(Project), lists=lists)


@poller.answer("pushes")
def _pushes(answer: Answer[Cursor]) -> Polled:
    since, place = since_of(answer, answer.known.pushed), place_of(answer)
    page = answer.known.home.web_url or ""
    events = answer.decode(list[ProjectEvent])
    makers = [partial(push_of, event, page, place) for event in events_since(events, since)]
    times = [milliseconds(event.created_at) for event in events]
    fresh = sum(time > since for time in times)
    more, gap = ask_older(answer, "pushes", times, since, fresh)
    newest = newest_of(events, answer.known.pushed)
    return answer.polled(makers, more, gap, pushed=newest, sizes=sizes_of(answer))


@poller.answer("merges")
def _merges(answer: Answer[Cursor]) -> Polled:
    since, place = since_of(answer, answer.known.merged), place_of(answer)
    bodies = answer.decode(list[MergeRequest])
    found = [(milliseconds(body.merged_at), body) for body in bodies]
    times = [milliseconds(body.updated_at) for body in bodies]
    fresh = sum(time > since for time, _ in found)
    more, gap = ask_older(answer, "merges", times, since, fresh)
    # What was merged before the source was known is no news.
    makers = [
        partial(merged, body, account(body.merge_user, body.merged_by), place)
        for time, body in reversed(found)
        if 0 < since < time
    ]
    newest = max([answer.known.merged or 1, *(time for time, _ in found)])
    return answer.polled(makers, more, gap, merged=newest, sizes=sizes_of(answer))
