"""Bitbucket Data Center (once called Server): other payloads than Cloud's, under the same headers.

From https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html; every field may
be missing or null.
"""

from __future__ import annotations

from functools import partial

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import HEADS, defaults
from devstream_collectors.kit.decoding import (
    Id,
    Many,
    Needed,
    Part,
    Text,
    Time,
    decode,
    person,
    sha,
)
from devstream_collectors.kit.outcome import Dropped, together
from devstream_collectors.kit.place import Place, remote_scope
from devstream_collectors.kit.push import Merge, Push, merge_event, push_event
from devstream_desktop.stream.event import Event

EVENTS = frozenset({"repo:refs_changed", "pr:merged"})
"""The events that we read."""


class User(msgspec.Struct, frozen=True, rename="camel"):
    """An account."""

    name: Text = ""
    slug: Text = ""
    display_name: Text = ""

    @property
    def plain(self) -> str:
        """The name for a line."""
        return person(self.name, self.slug, self.display_name)


class Link(msgspec.Struct, frozen=True):
    """An address; of a clone, `name` is `ssh` or `http`."""

    href: Text = ""
    name: Text = ""


class Links(msgspec.Struct, frozen=True):
    """The addresses of something."""

    clone: list[Link] | None = None
    self: Many[Link] = []

    @property
    def page(self) -> str:
        """The first address of its page."""
        return next((link.href for link in self.self if link.href), "")


class Project(msgspec.Struct, frozen=True):
    """The project that a repository is in."""

    key: str | None = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository, also in the API."""

    slug: str | None = ""
    name: str | None = ""
    project: Project | None = None
    links: Links | None = None

    def place(self, source: SourceInfo, received: int, default_branch: str = "") -> Place:
        """Return the place of the repository's facts."""
        links = self.links or Links()
        # In a fixed order, for the hosts of `http` and `ssh` may differ.
        clones = sorted(links.clone or (), key=lambda link: link.name)
        scope = next((scope for link in clones if (scope := remote_scope(link.href))), "")
        name = self.slug or self.name or ""
        project = self.project.key or "" if self.project else ""
        return Place(
            source=source,
            received=received,
            scope=scope or f"bitbucket/{project}/{name or source.name}".lower(),
            service=name.strip(),
            default_branches=defaults(default_branch),
        )

    def commit_page(self, revision: str) -> str:
        """Return the page of a commit: beside the repository's own, which ends in `/browse`."""
        home = (self.links or Links()).page.removesuffix("/browse")
        return f"{home}/commits/{revision}" if home and revision else ""


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """A branch or a tag, also in the API."""

    id: str | None = ""
    display_id: str | None = ""
    latest_commit: str | None = ""
    repository: Repository | None = None


class Commit(msgspec.Struct, frozen=True):
    """A commit, also in the API."""

    id: str | None = ""
    message: Text = ""
    author: Part[User] = User()


class _Change(msgspec.Struct, frozen=True, rename="camel"):
    """One reference of a push."""

    ref: Reference | None = None
    ref_id: Needed[str | None] = ""
    from_hash: Needed[str | None] = ""
    to_hash: Needed[str | None] = ""


class Properties(msgspec.Struct, frozen=True, rename="camel"):
    """The addition of a merge to a pull request."""

    merge_commit: Commit | None = None


class PullRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A pull request, also in the API. Times are milliseconds."""

    id: Id = ""
    title: Text = ""
    closed_date: Time = 0
    updated_date: Time = 0
    to_ref: Reference | None = None
    properties: Properties | None = None
    links: Part[Links] = Links()

    @property
    def closed(self) -> int:
        """The time of its end, UTC milliseconds."""
        return self.closed_date or self.updated_date or 0


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    """Every event that we read. Only from version 8 a push says its commits."""

    event_key: str | None = ""
    date: Time = 0
    actor: Part[User] = User()
    repository: Repository | None = None
    changes: list[_Change] | None = None
    commits: list[Commit] | None = None
    to_commit: Commit | None = None
    pull_request: PullRequest | None = None


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    event_key: str | None = ""


def event_name(body: bytes) -> str:
    """Return the event's name as the body says it; empty when it is not Data Center's."""
    return decode(body, _Event).event_key or ""


def events(name: str, body: bytes, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Read the events of one delivery.

    Raises:
        Dropped: there is none.
        msgspec.ValidationError: it has another shape.

    """
    if name not in EVENTS:
        known = "pull-request-not-merged" if name.startswith("pr:") else "event-not-mapped"
        raise Dropped("comment" if ":comment" in name else known, name)
    said = decode(body, _Payload)
    home = said.repository or Repository()
    if name == "pr:merged":
        pull = said.pull_request
        if pull is None:
            raise Dropped("unexpected-shape", "no pull request")
        # The repository that it was merged into, should the event be of a fork.
        if pull.to_ref and pull.to_ref.repository:
            home = pull.to_ref.repository
        return (merged(pull, said.actor, home.place(source, received)),)
    place = home.place(source, received)
    makers = [partial(_change, change, said, place) for change in said.changes or ()]
    return together(makers, nothing="no-change")


def merged(pull: PullRequest, actor: User, place: Place) -> Event:
    """Make the event of a merged pull request.

    Raises:
        Dropped: not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    commit = pull.properties.merge_commit if pull.properties else None
    merge = Merge(
        number=pull.id,
        branch=(pull.to_ref.display_id or pull.to_ref.id or "") if pull.to_ref else "",
        revision=sha(commit.id) if commit else "",
        title=pull.title,
        actor=actor.plain,
        url=pull.links.page,
        time=pull.closed,
    )
    return merge_event(merge, place)


def _change(change: _Change, said: _Payload, place: Place) -> Event:
    ref = change.ref_id or (change.ref.id if change.ref else "") or ""
    if not ref.startswith(HEADS):
        raise Dropped("not-a-branch", ref)
    after, commits = sha(change.to_hash), said.commits or ()
    named = [commit for commit in (said.to_commit, *commits) if commit and commit.id == after]
    head = named[0] if named else None
    # It does not say that a push was forced.
    push = Push(
        branch=ref,
        before=sha(change.from_hash),
        after=after,
        actor=said.actor.plain,
        title=head.message if head else "",
        count=len(commits) or None if head else None,
        url=(said.repository or Repository()).commit_page(after),
        time=said.date,
    )
    return push_event(push, place)
