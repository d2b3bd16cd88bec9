"""GitLab's issues and other work items."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Flag, Id, Needed, Part, Text, decode, milliseconds
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.ticket import Ticket, second, ticket_event
from devstream_collectors.sources.gitlab.place import Payload, User, account
from devstream_desktop.stream.event import Event

_ACTIONS = {"open": "opened", "reopen": "reopened", "close": "closed"}


class Issue(msgspec.Struct, frozen=True):
    """An issue or another work item, also in the API. There `web_url` is its address."""

    iid: Id = ""
    title: Text = ""
    action: str | None = ""
    confidential: Needed[bool | None] = False
    created_at: str | None = ""
    updated_at: str | None = ""
    closed_at: str | None = ""
    author: Part[User] = User()
    closed_by: Part[User] = User()
    url: Text = ""
    web_url: Text = ""


class _Change(msgspec.Struct, frozen=True):
    previous: Flag = False
    current: Flag = False


class _Changes(msgspec.Struct, frozen=True):
    confidential: Part[_Change] = _Change()


class _Payload(Payload, frozen=True):
    object_attributes: Issue | None = None
    changes: Part[_Changes] = _Changes()


def issue(body: bytes, place: Place) -> Event:
    """Make the event of an `issue` or `work_item` delivery."""
    said = decode(body, _Payload)
    found = said.object_attributes
    if found is None:
        raise Dropped("unexpected-shape", "no object_attributes")
    change, who = said.changes.confidential, account(said.user)
    # One that is over has no open row, and a new one has none yet.
    turned = found.action == "update" and change.previous != change.current
    if turned and not found.closed_at:
        if not change.current:
            return step(found, "opened", found.updated_at, who, place)
        bare = msgspec.structs.replace(found, title="", confidential=False)
        return step(bare, "closed", found.updated_at, who, place, sort="private")
    state = _ACTIONS.get(found.action or "")
    if state is None:
        raise Dropped(
            "confidential" if found.confidential else "issue-not-news", found.action or ""
        )
    if (said.event_type or "").startswith("confidential"):
        raise Dropped("confidential")
    at = {"opened": found.created_at, "closed": found.closed_at}.get(state) or found.updated_at
    return step(found, state, at, who, place)


def step(
    found: Issue, state: str, at: str | None, actor: str, place: Place, *, sort: str = ""
) -> Event:
    """Make the event of an issue's step: `opened`, `reopened` or `closed`.

    Raises:
        Dropped: not everybody may know of it.
        InvalidEventError: as `make_event`.

    """
    if found.confidential:
        raise Dropped("confidential")
    time = milliseconds(at)
    ticket = Ticket(
        number=found.iid,
        state=state,
        once=second(time),
        title=found.title,
        sort=sort,
        actor=actor,
        url=found.url or found.web_url,
        time=time,
    )
    return ticket_event(ticket, place)
