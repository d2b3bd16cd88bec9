"""The issues of Gitea, Forgejo and Gogs."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Id, Loose, Part, Text, decode, milliseconds
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, second, ticket_event
from devstream_collectors.sources.gitea.place import Payload, User, account
from devstream_desktop.stream.event import Event

_ACTIONS = frozenset({"opened", "reopened", "closed"})


class Issue(msgspec.Struct, frozen=True):
    """An issue, also in the API. The API lists pull requests too, which have `pull_request`."""

    number: Id = ""
    title: Text = ""
    html_url: Text = ""
    created_at: str | None = ""
    updated_at: str | None = ""
    closed_at: str | None = ""
    user: Part[User] = User()
    pull_request: Loose = None


class _Payload(Payload, frozen=True):
    number: Text = ""
    issue: Issue | None = None


def issues(body: bytes, place: Place) -> Event:
    """Make the event of an `issues` delivery."""
    said = decode(body, _Payload)
    issue, state = said.issue, said.action or ""
    if issue is None or state not in _ACTIONS or issue.pull_request is not None:
        raise Dropped("issue-not-news", state)
    # Some versions say the number beside the issue only.
    if not issue.number:
        issue = msgspec.structs.replace(issue, number=said.number)
    return step(issue, state, account(said.sender), place)


def step(issue: Issue, state: str, actor: str, place: Place, at: str = "") -> Event:
    """Make the event of an issue that was `opened`, `reopened` or `closed`.

    Args:
        issue: as it is.
        state: of the step.
        actor: the name of the account that did it.
        place: the repository's.
        at: the ISO time of the step, if the issue does not say so itself.

    Raises:
        InvalidEventError: as `make_event`.

    """
    said = {"opened": issue.created_at, "closed": issue.closed_at}.get(state)
    time = milliseconds(said or at or issue.updated_at)
    ticket = Ticket(
        number=issue.number,
        state=state,
        once=second(time),
        title=issue.title,
        actor=actor,
        url=issue.html_url,
        time=time,
    )
    return ticket_event(ticket, place)
