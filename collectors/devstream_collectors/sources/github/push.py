"""GitHub's pushes and merged pull requests."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import HEADS
from devstream_collectors.kit.decoding import (
    Loose,
    Needed,
    Part,
    Text,
    Whole,
    decode,
    milliseconds,
    sha,
)
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.push import Merge, Push, counted, merge_event, push_event
from devstream_collectors.sources.github.place import Payload, User
from devstream_desktop.stream.event import Event


class _Commit(msgspec.Struct, frozen=True):
    message: Text = ""


class _Push(Payload, frozen=True):
    """`push`. `commits` is capped by the sender; `size`, where given, is not."""

    ref: Needed[str | None] = ""
    before: Needed[str | None] = ""
    after: str | None = ""
    deleted: bool | None = False
    forced: bool | None = False
    compare: Text = ""
    head_commit: Part[_Commit] = _Commit()
    commits: list[Loose] | None = None
    size: Whole = 0


class _Branch(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    ref: str | None = ""


class PullRequest(msgspec.Struct, frozen=True):
    """A pull request, also in the API."""

    number: Needed[int] = 0
    title: Text = ""
    html_url: Text = ""
    merged: bool | None = False
    merged_at: str | None = ""
    updated_at: Text = ""
    merge_commit_sha: str | None = ""
    merged_by: Part[User] = User()
    commits: Whole = 0
    base: _Branch | None = None


class _PullRequestPayload(Payload, frozen=True):
    pull_request: PullRequest | None = None


def push(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `push` delivery."""
    said = decode(delivery.body, _Push)
    ref, after = said.ref or "", sha(said.after)
    if not ref.startswith(HEADS):
        raise Dropped("not-a-branch", ref)
    # Of an empty list only a force says that nothing came.
    set_back = bool(said.forced) and said.commits == []
    # A commit that cannot be read is not a deletion.
    if not said.deleted and not said.after:
        raise Dropped("unexpected-shape", "no commit")
    pushed_at = said.repository.pushed_at if said.repository else None
    found = Push(
        branch=ref,
        before=sha(said.before),
        after="" if said.deleted else after,
        forced=bool(said.forced),
        actor=said.sender.login,
        title=said.head_commit.message,
        count=counted(said.size or (0 if set_back else None), said.commits),
        url=said.compare,
        time=pushed_at * 1000 if isinstance(pushed_at, int) else 0,
    )
    return push_event(found, said.place(source, delivery.received))


def pull_request(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `pull_request` delivery."""
    said = decode(delivery.body, _PullRequestPayload)
    found = said.pull_request
    if said.action != "closed" or found is None:
        raise Dropped("pull-request-not-closed", said.action or "")
    if not found.merged:
        raise Dropped("pull-request-not-merged")
    return merged(found, said.place(source, delivery.received), said.sender)


def merged(found: PullRequest, place: Place, sender: User) -> Event:
    """Make a merged pull request's event, in the row of its push.

    Args:
        found: the pull request.
        place: the repository's.
        sender: the account that did it, if the request does not say who.

    Raises:
        Dropped: not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    branch = found.base.ref if found.base else ""
    if not branch:
        raise Dropped("unexpected-shape", "no branch that it was merged into")
    merge = Merge(
        number=str(found.number),
        branch=branch,
        revision=sha(found.merge_commit_sha),
        title=found.title,
        actor=found.merged_by.login or sender.login,
        count=found.commits,
        url=found.html_url,
        time=milliseconds(found.merged_at),
    )
    return merge_event(merge, place)
