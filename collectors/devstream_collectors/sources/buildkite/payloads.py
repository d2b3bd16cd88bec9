"""What Buildkite's builds say, by webhook as by the REST API.

Source: https://buildkite.com/docs/apis/rest-api/builds#build-data-model. Any field may be missing or null.
"""

from __future__ import annotations

import msgspec


class User(msgspec.Struct, frozen=True):
    """Who started or wrote it."""

    name: str | None = ""
    username: str | None = ""


class PullRequest(msgspec.Struct, frozen=True):
    """Of a branch build an empty object."""

    id: str | int | None = None


class PipelineBody(msgspec.Struct, frozen=True):
    """The pipeline of a build."""

    id: str | None = ""
    name: str | None = ""
    slug: str | None = ""
    web_url: str | None = ""
    repository: str | None = ""
    default_branch: str | None = ""


class BuildBody(msgspec.Struct, frozen=True):
    """A build, without its jobs."""

    id: str | None = ""
    number: int | None = None
    state: str | None = ""
    blocked: bool | None = False
    web_url: str | None = ""
    branch: str | None = ""
    tag: str | None = ""
    commit: str | None = ""
    message: str | None = ""
    cancel_reason: str | None = ""
    source: str | None = ""
    creator: User | None = None
    author: User | None = None
    created_at: str | None = ""
    scheduled_at: str | None = ""
    started_at: str | None = ""
    finished_at: str | None = ""
    pull_request: PullRequest | None = None
    pipeline: PipelineBody | None = None
