"""GitHub's issues, asked: new ones, and those that were closed or reopened."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Needed, Part, milliseconds
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step
from devstream_collectors.sources.github.cursor import Cursor, place_of, poller
from devstream_collectors.sources.github.lists import ask_list, ask_older
from devstream_collectors.sources.github.place import User
from devstream_collectors.sources.github.ticket import Issue, step

_STEPS = frozenset({"closed", "reopened"})


class _IssueEvent(msgspec.Struct, frozen=True):
    id: Needed[int] = 0
    event: str | None = ""
    created_at: str | None = ""
    actor: Part[User] = User()
    issue: Issue | None = None


def asked(source: SourceInfo) -> Iterable[Request]:
    """Ask for the newest issues and the newest steps of issues."""
    yield ask_list(source, Step("issues"))
    yield ask_list(source, Step("ticket-events"))


@poller.answer("issues")
def _issues(answer: Answer[Cursor]) -> Polled:
    known, place = answer.step.old or answer.known.opened, place_of(answer)
    bodies = answer.decode(list[Issue])
    found = [issue for issue in bodies if issue.pull_request is None]
    issues = [(issue.created_at, issue) for issue in found if issue.created_at]
    makers = [
        partial(step, issue, "opened", created, issue.user, place)
        for created, issue in reversed(issues)
        if created > known
    ]
    unseen = bool(known) and all((issue.created_at or "") > known for issue in bodies)
    times = [milliseconds(issue.created_at) for issue in bodies]
    more, gap = ask_older(answer, "issues", times, known, all_new=unseen)
    # Pull requests are read as well; their pages would be asked for again and again.
    opened = max([answer.known.opened, *(issue.created_at or "" for issue in bodies)])
    return answer.polled(makers, more, gap, opened=opened)


@poller.answer("ticket-events")
def _ticket_events(answer: Answer[Cursor]) -> Polled:
    known = int(answer.step.old or answer.known.ticket_event)
    events = sorted(answer.decode(list[_IssueEvent]), key=lambda event: event.id)
    makers: list[Maker] = []
    for event in events:
        issue, name = event.issue, event.event or ""
        if event.id <= known or name not in _STEPS or issue is None:
            continue
        if issue.pull_request is None:
            told = partial(step, issue, name, event.created_at, event.actor, place_of(answer))
            makers.append(told)
    unseen = known > 0 and all(event.id > known for event in events)
    times = [milliseconds(event.created_at) for event in reversed(events)]
    more, gap = ask_older(answer, "steps of issues", times, str(known), all_new=unseen)
    newest = max([answer.known.ticket_event, *(event.id for event in events)])
    return answer.polled(makers, more, gap, ticket_event=newest)
