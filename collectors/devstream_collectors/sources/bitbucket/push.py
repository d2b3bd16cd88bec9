"""Bitbucket Cloud's pushes and merged pull requests."""

from __future__ import annotations

from functools import partial

import msgspec

from devstream_collectors.kit.decoding import (
    Flag,
    Id,
    Loose,
    Needed,
    Part,
    Text,
    decode,
    milliseconds,
    sha,
)
from devstream_collectors.kit.outcome import Dropped, together
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.push import Merge, Push, counted, merge_event, push_event
from devstream_collectors.sources.bitbucket.place import Links, Payload, User, account
from devstream_desktop.stream.event import Event


class _Author(msgspec.Struct, frozen=True):
    """The author of a commit; `raw` has the mail address, `user` is there for an account's."""

    raw: Text = ""
    user: Part[User] = User()


class Commit(msgspec.Struct, frozen=True):
    """A commit; in pull requests its hash has twelve digits."""

    hash: Needed[str | None] = ""
    message: Text = ""
    author: Part[_Author] = _Author()


class Branch(msgspec.Struct, frozen=True):
    """A branch or a tag: `type` is `branch`, `named_branch` or `tag`."""

    name: str | None = ""
    type: str | None = ""
    target: Commit | None = None


class _Change(msgspec.Struct, frozen=True):
    """One reference of a push; `commits` are five at most."""

    new: Branch | None = None
    old: Branch | None = None
    forced: bool | None = False
    commits: list[Loose] | None = None
    truncated: Flag = False
    links: Part[Links] = Links()


class _Changes(msgspec.Struct, frozen=True):
    changes: list[_Change] | None = None


class _Push(Payload, frozen=True):
    push: _Changes | None = None


class _End(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    branch: Branch | None = None


class PullRequest(msgspec.Struct, frozen=True):
    """A pull request, also in the API."""

    id: Id = ""
    title: Text = ""
    state: str | None = ""
    destination: _End | None = None
    merge_commit: Commit | None = None
    closed_by: Part[User] = User()
    updated_on: str | None = ""
    links: Part[Links] = Links()


class _PullRequestPayload(Payload, frozen=True):
    pullrequest: PullRequest | None = None


def push(body: bytes, place: Place) -> tuple[Event, ...]:
    """Make the events of a `repo:push` delivery."""
    said = decode(body, _Push)
    changes, actor = said.push.changes or () if said.push else (), account(said.actor)
    makers = [partial(_change, change, actor, place) for change in changes]
    return together(makers, nothing="no-change")


def _change(change: _Change, actor: str, place: Place) -> Event:
    ref = change.new or change.old
    if ref is None or ref.type == "tag":
        raise Dropped("not-a-branch", ref.name or "" if ref else "")
    new = change.new.target if change.new else None
    old = change.old.target if change.old else None
    found = Push(
        branch=ref.name or "",
        before=sha(old.hash) if old else "",
        after=sha(new.hash) if new else "",
        forced=bool(change.forced),
        actor=actor,
        title=new.message if new else "",
        # It lists five at most.
        count=None if change.truncated else counted(0 if change.forced else None, change.commits),
        url=change.links.html.href,
    )
    return push_event(found, place)


def fulfilled(body: bytes, place: Place) -> tuple[Event, ...]:
    """Make the event of a `pullrequest:fulfilled` delivery."""
    said = decode(body, _PullRequestPayload)
    if said.pullrequest is None:
        raise Dropped("unexpected-shape", "no pullrequest")
    return (merged(said.pullrequest, account(said.actor), place),)


def updated(body: bytes, place: Place) -> tuple[Event, ...]:
    """Make the event of a `pullrequest:updated` delivery."""
    said = decode(body, _PullRequestPayload)
    found = said.pullrequest
    if found is None or found.state != "MERGED":
        raise Dropped("pull-request-not-merged")
    return (merged(found, account(said.actor), place),)


def merged(found: PullRequest, actor: str, place: Place, commit: str = "") -> Event:
    """Make the event of a merged pull request; `actor` did it, if it does not say who.

    `commit` is the whole hash of what it was merged as, where that is known: with it the merge is
    in the row of its push. The identity stays that of the pull request's own twelve digits.

    Raises:
        Dropped: not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    into = found.destination.branch if found.destination else None
    merge = Merge(
        number=found.id,
        branch=into.name or "" if into else "",
        revision=sha(found.merge_commit.hash) if found.merge_commit else "",
        title=found.title,
        actor=account(found.closed_by) or actor,
        url=found.links.html.href,
        time=milliseconds(found.updated_on),
    )
    event = merge_event(merge, place)
    if not commit:
        return event
    return msgspec.structs.replace(event, revision=commit, number=commit)
