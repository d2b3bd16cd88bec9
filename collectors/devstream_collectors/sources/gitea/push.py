"""The pushes and merged pull requests of Gitea, Forgejo and Gogs."""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.branches import HEADS
from devstream_collectors.kit.decoding import (
    Id,
    Loose,
    Needed,
    Part,
    Text,
    decode,
    milliseconds,
    sha,
)
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.push import Merge, Push, counted, merge_event, push_event
from devstream_collectors.sources.gitea.place import Payload, User, account
from devstream_desktop.stream.event import Event


class Commit(msgspec.Struct, frozen=True):
    """A commit of a push, and the API's newest of a branch."""

    id: str | None = ""
    message: Text = ""
    author: Part[User] = User()


class _Push(Payload, frozen=True):
    """`push`. Commits may be capped."""

    ref: Needed[str | None] = ""
    before: Needed[str | None] = ""
    after: Needed[str | None] = ""
    compare_url: Text = ""
    pusher: Part[User] = User()
    head_commit: Commit | None = None
    commits: list[Commit] | None = None
    total_commits: Loose = None


class _Reference(Payload, frozen=True):
    """`create` and `delete`: a branch or a tag. Only some say the commit."""

    ref: Needed[str | None] = ""
    ref_type: Needed[str | None] = ""
    sha: Needed[str | None] = ""


class _Branch(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    ref: Needed[str | None] = ""


class PullRequest(msgspec.Struct, frozen=True):
    """A pull request, also in the API. Gogs names the branch `base_branch`."""

    number: Id = ""
    title: Text = ""
    html_url: Text = ""
    merged: bool | None = False
    merged_at: str | None = ""
    updated_at: Text = ""
    merge_commit_sha: str | None = ""
    merged_commit_id: str | None = ""
    merged_by: Part[User] = User()
    base: _Branch | None = None
    base_branch: Needed[str | None] = ""


class _PullRequestPayload(Payload, frozen=True):
    number: Text = ""
    pull_request: PullRequest | None = None


def push(body: bytes, place: Place) -> Event:
    """Make the event of a `push` delivery."""
    said = decode(body, _Push)
    if not (said.ref or "").startswith(HEADS):
        raise Dropped("not-a-branch", said.ref or "")
    after, commits = sha(said.after), said.commits or []
    # The newest is first; Gogs' and old Gitea's have no `head_commit`.
    newest = commits[0] if commits else Commit()
    named = next((commit for commit in commits if commit.id == after), newest)
    found = Push(
        branch=said.ref or "",
        before=sha(said.before),
        after=after,
        actor=account(said.pusher, said.sender),
        title=(said.head_commit or named).message,
        count=counted(said.total_commits, commits),
        url=said.compare_url,
    )
    return push_event(found, place)


def created(body: bytes, place: Place) -> Event:
    """Make the event of a `create` delivery."""
    return _reference(body, place, new=True)


def deleted(body: bytes, place: Place) -> Event:
    """Make the event of a `delete` delivery."""
    return _reference(body, place, new=False)


def _reference(body: bytes, place: Place, *, new: bool) -> Event:
    """Make the event of a branch that came or went: the event's name says which, not the shape."""
    said = decode(body, _Reference)
    if said.ref_type != "branch":
        raise Dropped("not-a-branch", said.ref or "")
    found = Push(
        branch=said.ref or "",
        before="" if new else sha(said.sha),
        after=sha(said.sha) if new else "",
        created=new,
        actor=account(said.sender),
        once=said.repository.updated_at or "" if said.repository else "",
    )
    return push_event(found, place)


def pull_request(body: bytes, place: Place) -> Event:
    """Make the event of a `pull_request` delivery."""
    said = decode(body, _PullRequestPayload)
    found = said.pull_request
    if found is None or said.action != "closed":
        raise Dropped("pull-request-not-closed", said.action or "")
    if not found.merged:
        raise Dropped("pull-request-not-merged")
    # Some versions say the number beside the request only.
    if not found.number:
        found = msgspec.structs.replace(found, number=said.number)
    return merged(found, said.sender, place)


def merged(found: PullRequest, sender: User, place: Place) -> Event:
    """Make the event of a merged pull request.

    Args:
        found: the pull request.
        sender: the account that did it, if the request does not say who.
        place: the repository's.

    Raises:
        Dropped: not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    merge = Merge(
        number=found.number,
        branch=(found.base.ref if found.base else "") or found.base_branch or "",
        revision=sha(found.merge_commit_sha) or sha(found.merged_commit_id),
        title=found.title,
        actor=account(found.merged_by, sender),
        url=found.html_url,
        time=milliseconds(found.merged_at),
    )
    return merge_event(merge, place)
