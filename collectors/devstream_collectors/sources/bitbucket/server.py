"""Bitbucket Data Center (once called Server): its payloads are not those of Bitbucket Cloud, though the headers are.

From https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html; every field may be missing or null.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from devstream_collectors.before.branches import HEADS
from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.outcome import Dropped, together
from devstream_collectors.before.place import Place, remote_scope
from devstream_collectors.before.push import Merge, merge_event, push_event
from devstream_collectors.before.push import Push as Pushed
from devstream_collectors.contract import Normalised, SourceInfo
from devstream_desktop.stream.event import Event

SERVER_EVENTS = frozenset({"repo:refs_changed", "pr:merged"})
"""Those that we read."""


class User(msgspec.Struct, frozen=True, rename="camel"):
    """An account."""

    name: str | None = ""
    slug: str | None = ""
    display_name: str | None = ""


class Link(msgspec.Struct, frozen=True, rename="camel"):
    """An address; of a clone, `name` is `ssh` or `http`."""

    href: str | None = ""
    name: str | None = ""


class Links(msgspec.Struct, frozen=True, rename="camel"):
    """The addresses of something."""

    clone: list[Link] | None = None
    self: list[Link] | None = None


class Project(msgspec.Struct, frozen=True, rename="camel"):
    """Where a repository is."""

    key: str | None = ""


class Repository(msgspec.Struct, frozen=True, rename="camel"):
    """A repository, also in the API."""

    slug: str | None = ""
    name: str | None = ""
    project: Project | None = None
    links: Links | None = None


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """A branch or a tag, also in the API."""

    id: str | None = ""
    display_id: str | None = ""
    latest_commit: str | None = ""
    repository: Repository | None = None


class Commit(msgspec.Struct, frozen=True, rename="camel"):
    """A commit, also in the API."""

    id: str | None = ""
    message: str | None = ""
    author: User | None = None


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """One reference of a push."""

    ref: Reference | None = None
    ref_id: str | None = ""
    from_hash: str | None = ""
    to_hash: str | None = ""


class Properties(msgspec.Struct, frozen=True, rename="camel"):
    """What a merge adds to a pull request."""

    merge_commit: Commit | None = None


class Pull(msgspec.Struct, frozen=True, rename="camel"):
    """A pull request, also in the API. Times are milliseconds."""

    id: int | None = None
    title: str | None = ""
    state: str | None = ""
    closed_date: int | None = 0
    updated_date: int | None = 0
    to_ref: Reference | None = None
    properties: Properties | None = None
    links: Links | None = None


class Payload(msgspec.Struct, frozen=True, rename="camel"):
    """Every event we read. Only from version 8 a push says its commits."""

    event_key: str | None = ""
    date: str | None = ""
    actor: User | None = None
    repository: Repository | None = None
    changes: list[Change] | None = None
    commits: list[Commit] | None = None
    to_commit: Commit | None = None
    pull_request: Pull | None = None


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    event_key: str | None = ""


def normalise_server(event: str, body: bytes, source: SourceInfo, received: int) -> Normalised:
    """The events of one delivery.

    Raises:
        Dropped: there is none.
        msgspec.ValidationError: it has another shape.

    """
    if event not in SERVER_EVENTS:
        known = "pull-request-not-merged" if event.startswith("pr:") else "event-not-mapped"
        raise Dropped("comment" if ":comment" in event else known, event)
    payload = msgspec.json.decode(body, type=Payload)
    actor = account(payload.actor)
    pull = payload.pull_request
    if event == "pr:merged":
        if pull is None:
            raise Dropped("unexpected-shape", "no pull request")
        home = (
            pull.to_ref.repository if pull.to_ref and pull.to_ref.repository else payload.repository
        )
        return Normalised((merged(pull, actor, place_of(home, source, received)),))
    place = place_of(payload.repository, source, received)
    makers = [partial(_change, change, payload, actor, place) for change in payload.changes or ()]
    return together(makers, nothing="no-change")


def event_of(body: bytes) -> str:
    """The event's name as the body says it; empty when it is not Data Center's."""
    return msgspec.json.decode(body, type=_Event).event_key or ""


def place_of(
    repository: Repository | None, source: SourceInfo, received: int, default_branch: str = ""
) -> Place:
    """The place of a repository's facts."""
    home = repository or Repository()
    clones = sorted(home.links.clone or (), key=lambda link: link.name or "") if home.links else []
    scope = next((scope for link in clones if (scope := remote_scope(link.href or ""))), "")
    name = home.slug or home.name or ""
    project = home.project.key or "" if home.project else ""
    return Place(
        source=source,
        scope=scope or f"bitbucket/{project}/{name or source.name}".lower(),
        service=source.service or name.strip() or source.name,
        received=received,
        default_branch=default_branch,
    )


def account(user: User | None) -> str:
    """An account's name."""
    return person(user.name, user.slug, user.display_name) if user else ""


def first(links: Sequence[Link] | None) -> str:
    """The first address."""
    return next((link.href for link in links or () if link.href), "")


def merged(pull: Pull, actor: str, place: Place) -> Event:
    """A merged pull request.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    commit = pull.properties.merge_commit if pull.properties else None
    found = Merge(
        number=str(pull.id or ""),
        branch=(pull.to_ref.display_id or pull.to_ref.id or "") if pull.to_ref else "",
        revision=sha(commit.id) if commit else "",
        title=pull.title or "",
        actor=actor,
        url=first(pull.links.self) if pull.links else "",
        time=pull.closed_date or pull.updated_date or 0,
    )
    return merge_event(found, place)


def _change(change: Change, payload: Payload, actor: str, place: Place) -> Event:
    ref = change.ref_id or (change.ref.id if change.ref else "") or ""
    if not ref.startswith(HEADS):
        raise Dropped("not-a-branch", ref)
    after = sha(change.to_hash)
    commits = payload.commits or []
    head = payload.to_commit if payload.to_commit and payload.to_commit.id == after else None
    head = head or next((commit for commit in commits if commit.id == after), None)
    # It does not say that a push was forced.
    pushed = Pushed(
        branch=ref,
        before=sha(change.from_hash),
        after=after,
        actor=actor,
        title=head.message or "" if head else "",
        count=len(commits) if head else 0,
        url=_page(payload.repository, after),
        time=milliseconds(payload.date),
    )
    return push_event(pushed, place)


def _page(repository: Repository | None, revision: str) -> str:
    """Where a commit is shown: beside the repository's own page, which ends in `/browse`."""
    home = (
        first(repository.links.self).removesuffix("/browse")
        if repository and repository.links
        else ""
    )
    return f"{home}/commits/{revision}" if home and revision else ""
