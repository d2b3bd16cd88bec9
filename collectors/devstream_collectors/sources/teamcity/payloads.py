"""What TeamCity's builds say, by webhook as by the REST API. A team can choose the fields of a webhook.

Source: https://www.jetbrains.com/help/teamcity/rest/build.html. Any field may be missing or null.
"""

from __future__ import annotations

import msgspec


class User(msgspec.Struct, frozen=True, rename="camel"):
    """An account."""

    username: str | None = ""
    name: str | None = ""


class Triggered(msgspec.Struct, frozen=True, rename="camel"):
    """What started a build."""

    type: str | None = ""
    user: User | None = None


class Cancelled(msgspec.Struct, frozen=True, rename="camel"):
    """Who called a build off, and why."""

    user: User | None = None
    text: str | None = ""


class BuildType(msgspec.Struct, frozen=True, rename="camel"):
    """A build configuration."""

    id: str | None = ""
    name: str | None = ""
    project_name: str | None = ""


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """A commit."""

    version: str | None = ""
    username: str | None = ""


class Changes(msgspec.Struct, frozen=True, rename="camel"):
    """The commits of a build, newest first."""

    change: list[Change] | None = None


class Revision(msgspec.Struct, frozen=True, rename="camel"):
    """What of a repository is built."""

    version: str | None = ""
    vcs_branch_name: str | None = ""


class Revisions(msgspec.Struct, frozen=True, rename="camel"):
    """One revision for each repository."""

    revision: list[Revision] | None = None


class Tests(msgspec.Struct, frozen=True, rename="camel"):
    """How many tests there were."""

    count: int | None = 0
    failed: int | None = 0


class BuildBody(msgspec.Struct, frozen=True, rename="camel"):
    """A build."""

    id: int | None = None
    build_type_id: str | None = ""
    number: str | int | None = ""
    status: str | None = ""
    state: str | None = ""
    status_text: str | None = ""
    branch_name: str | None = ""
    default_branch: bool | None = None
    personal: bool | None = False
    failed_to_start: bool | None = False
    href: str | None = ""
    web_url: str | None = ""
    queued_date: str | None = ""
    start_date: str | None = ""
    finish_date: str | None = ""
    build_type: BuildType | None = None
    triggered: Triggered | None = None
    canceled_info: Cancelled | None = None
    last_changes: Changes | None = None
    revisions: Revisions | None = None
    test_occurrences: Tests | None = None
