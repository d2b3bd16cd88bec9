"""GitHub's issues."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Loose, Needed, Part, Text, decode, milliseconds
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, second, ticket_event
from devstream_collectors.sources.github.place import Payload, User
from devstream_desktop.stream.event import Event

_ACTIONS = frozenset({"opened", "reopened", "closed"})
_GONE = frozenset({"deleted", "transferred"})
"""Ends that GitHub's API does not list: the row would stay open."""


class Issue(msgspec.Struct, frozen=True):
    """An issue, also in the API."""

    number: Needed[int] = 0
    title: Text = ""
    html_url: Text = ""
    created_at: str | None = ""
    updated_at: str | None = ""
    closed_at: str | None = ""
    user: Part[User] = User()
    pull_request: Loose = None
    """The API lists pull requests among the issues; they have this."""


class _Payload(Payload, frozen=True):
    issue: Issue | None = None


def issues(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of an `issues` delivery."""
    said = decode(delivery.body, _Payload)
    issue, state = said.issue, said.action or ""
    gone = state if state in _GONE else ""
    state = "closed" if gone else state
    if state not in _ACTIONS or issue is None:
        raise Dropped("issue-not-news", state)
    # The time of this very step, as the API says it too: a later comment moves `updated_at` on.
    at = {"opened": issue.created_at, "closed": "" if gone else issue.closed_at}.get(state)
    place = said.place(source, delivery.received)
    return step(issue, state, at or issue.updated_at, said.sender, place, sort=gone)


def step(
    issue: Issue, state: str, at: str | None, actor: User, place: Place, *, sort: str = ""
) -> Event:
    """Make the event of an issue that was `opened`, `reopened` or `closed`.

    Args:
        issue: as it is.
        state: of the step.
        at: the ISO time of the step, part of its identity: an issue may close twice.
        actor: the account that did it.
        place: the repository's.
        sort: how it ended, if it was not just closed.

    Raises:
        InvalidEventError: as `make_event`.

    """
    time = milliseconds(at)
    ticket = Ticket(
        number=str(issue.number),
        state=state,
        once=second(time),
        title=issue.title,
        actor=actor.login,
        sort=sort,
        url=issue.html_url,
        time=time,
    )
    return ticket_event(ticket, place)
