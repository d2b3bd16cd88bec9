"""Azure DevOps' pushes and completed pull requests."""

from __future__ import annotations

import re
from functools import partial

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import HEADS
from devstream_collectors.kit.decoding import Id, Needed, Part, Text, Time, milliseconds, sha
from devstream_collectors.kit.outcome import Dropped, together
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.push import Merge, Push, merge_event, push_event
from devstream_collectors.sources.azuredevops.place import Envelope, Identity, Repository
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

_COMPLETED = "marked the pull request as completed|completed the pull request"
_BY = re.compile(rf"(.{{1,60}}?) (?:{_COMPLETED}|has created a pull request merge)")
"""The person who completed it, in the sentence about the event."""
MAX_COMMITS = 100
"""Commits of a push that the API is asked for."""


class RefUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """One reference of a push."""

    name: Needed[str | None] = ""
    old_object_id: Needed[str | None] = ""
    new_object_id: Needed[str | None] = ""


class _Commit(msgspec.Struct, frozen=True, rename="camel"):
    commit_id: str | None = ""
    comment: Text = ""


class Pushed(msgspec.Struct, frozen=True, rename="camel"):
    """A push, also in the API."""

    ref_updates: list[RefUpdate] | None = None
    commits: list[_Commit] | None = None
    repository: Repository | None = None
    pushed_by: Part[Identity] = Identity()
    push_id: int | None = None
    date: Time = 0


class PullRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A pull request, also in the API."""

    pull_request_id: Id = ""
    status: str | None = ""
    title: Text = ""
    target_ref_name: Needed[str | None] = ""
    closed_date: str | None = ""
    created_by: Part[Identity] = Identity()
    closed_by: Part[Identity] = Identity()
    last_merge_commit: _Commit | None = None
    repository: Repository | None = None


def push(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the events of a `git.push` delivery."""
    found = said.decode(Pushed)
    place = (found.repository or Repository()).place(source, received)
    makers = [partial(pushed, update, found, place) for update in found.ref_updates or ()]
    return together(makers, nothing="no-change")


def pushed(update: RefUpdate, found: Pushed, place: Place) -> Event:
    """Make the event of one reference of a push.

    Raises:
        Dropped: no branch, or none that counts.
        InvalidEventError: as `make_event`.

    """
    ref = update.name or ""
    if not ref.startswith(HEADS):
        raise Dropped("not-a-branch", ref)
    after, commits = sha(update.new_object_id), found.commits or []
    head = next((commit for commit in commits if commit.commit_id == after), None)
    home = found.repository or Repository()
    # It does not say that a push was forced.
    made = Push(
        branch=ref,
        before=sha(update.old_object_id),
        after=after,
        actor=found.pushed_by.plain,
        title=head.comment if head else "",
        # As many as are asked for: there may be more.
        count=len(commits) if head and len(commits) < MAX_COMMITS else None,
        url=home.page(f"commit/{after}") if after else "",
        time=found.date,
    )
    return push_event(made, place)


def pull_request(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the event of a `git.pullrequest.*` delivery."""
    found, match = said.decode(PullRequest), _BY.match(said.message.text)
    place = (found.repository or Repository()).place(source, received)
    return (merged(found, match[1] if match else "", place),)


def merged(found: PullRequest, actor: str, place: Place) -> Event:
    """Make the event of a completed pull request.

    Args:
        found: the pull request.
        actor: the name of who completed it, if it does not say so itself.
        place: the repository's.

    Raises:
        Dropped: not completed, or not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    if found.status != "completed":
        raise Dropped("pull-request-not-merged", found.status or "")
    number, commit = found.pull_request_id, found.last_merge_commit
    merge = Merge(
        number=number,
        mark="!",
        branch=short_ref(found.target_ref_name or ""),
        revision=sha(commit.commit_id) if commit else "",
        title=found.title,
        actor=found.closed_by.plain or actor or found.created_by.plain,
        url=(found.repository or Repository()).page(f"pullrequest/{number}"),
        time=milliseconds(found.closed_date),
    )
    return merge_event(merge, place)
