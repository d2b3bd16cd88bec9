"""The parts that we read of the payloads of Bitbucket Cloud's webhooks, and of the same objects in its API.

From https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ and https://developer.atlassian.com/cloud/bitbucket/rest/.
Every field may be missing or null.
"""

from __future__ import annotations

import msgspec


class Link(msgspec.Struct, frozen=True):
    """An address."""

    href: str | None = ""


class Links(msgspec.Struct, frozen=True):
    """The addresses of something; `html` is the page, `commit` what a commit status is of."""

    html: Link | None = None
    commit: Link | None = None


class User(msgspec.Struct, frozen=True):
    """An account."""

    nickname: str | None = ""
    display_name: str | None = ""
    username: str | None = ""


class Author(msgspec.Struct, frozen=True):
    """Who wrote a commit; `raw` has the mail address, `user` is there when it is an account's."""

    raw: str | None = ""
    user: User | None = None


class Commit(msgspec.Struct, frozen=True):
    """A commit; in pull requests its hash has twelve digits."""

    hash: str | None = ""
    message: str | None = ""
    date: str | None = ""
    author: Author | None = None


class Branch(msgspec.Struct, frozen=True):
    """A branch or a tag: `type` is `branch`, `named_branch` or `tag`."""

    name: str | None = ""
    type: str | None = ""
    target: Commit | None = None


class Repository(msgspec.Struct, frozen=True):
    """A repository; only the API says the main branch."""

    name: str | None = ""
    full_name: str | None = ""
    links: Links | None = None
    mainbranch: Branch | None = None


class Payload(msgspec.Struct, frozen=True):
    """What every event has."""

    actor: User | None = None
    repository: Repository | None = None


class Change(msgspec.Struct, frozen=True):
    """One reference of a push; `commits` are five at most."""

    new: Branch | None = None
    old: Branch | None = None
    forced: bool | None = False
    commits: list[Commit] | None = None
    links: Links | None = None


class Changes(msgspec.Struct, frozen=True):
    """What a push changed."""

    changes: list[Change] | None = None


class Push(Payload, frozen=True):
    """`repo:push`."""

    push: Changes | None = None


class End(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    branch: Branch | None = None


class PullBody(msgspec.Struct, frozen=True):
    """A pull request, also in the API."""

    id: int | None = None
    title: str | None = ""
    state: str | None = ""
    destination: End | None = None
    merge_commit: Commit | None = None
    closed_by: User | None = None
    updated_on: str | None = ""
    links: Links | None = None


class Pull(Payload, frozen=True):
    """`pullrequest:*`."""

    pullrequest: PullBody | None = None


class StatusBody(msgspec.Struct, frozen=True):
    """A commit status: how builds tell of themselves, Bitbucket's own pipelines too."""

    key: str | None = ""
    name: str | None = ""
    state: str | None = ""
    description: str | None = ""
    refname: str | None = ""
    url: str | None = ""
    created_on: str | None = ""
    updated_on: str | None = ""
    commit: Commit | None = None
    links: Links | None = None


class Status(Payload, frozen=True):
    """`repo:commit_status_created` and `repo:commit_status_updated`."""

    commit_status: StatusBody | None = None


class IssueBody(msgspec.Struct, frozen=True):
    """An issue, also in the API."""

    id: int | None = None
    title: str | None = ""
    state: str | None = ""
    created_on: str | None = ""
    updated_on: str | None = ""
    reporter: User | None = None
    links: Links | None = None


class Step(msgspec.Struct, frozen=True):
    """A changed field."""

    old: str | None = ""
    new: str | None = ""


class IssueChanges(msgspec.Struct, frozen=True):
    """What was changed of an issue, as far as we read it."""

    status: Step | None = None
    state: Step | None = None


class Issue(Payload, frozen=True):
    """`issue:created` and `issue:updated`."""

    issue: IssueBody | None = None
    changes: IssueChanges | None = None


class Statuses(msgspec.Struct, frozen=True):
    """A page of the API."""

    values: list[StatusBody] | None = None


class Branches(msgspec.Struct, frozen=True):
    """A page of the API; `next` is the address of the next one."""

    values: list[Branch] | None = None
    next: str | None = ""


class Commits(msgspec.Struct, frozen=True):
    """A page of the API."""

    values: list[Commit] | None = None


class Pulls(msgspec.Struct, frozen=True):
    """A page of the API."""

    values: list[PullBody] | None = None


class Issues(msgspec.Struct, frozen=True):
    """A page of the API."""

    values: list[IssueBody] | None = None


class IssueChange(msgspec.Struct, frozen=True):
    """An entry of an issue's history."""

    changes: IssueChanges | None = None
    user: User | None = None
    created_on: str | None = ""


class History(msgspec.Struct, frozen=True):
    """A page of the API."""

    values: list[IssueChange] | None = None
