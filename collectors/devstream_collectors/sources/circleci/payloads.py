"""What CircleCI's pipelines and workflows say, by webhook as by the API.

Sources: https://circleci.com/docs/reference/outbound-webhooks-reference/ and https://circleci.com/docs/api/v2/.
Any field may be missing or null.
"""

from __future__ import annotations

import msgspec


class Author(msgspec.Struct, frozen=True):
    """Who wrote a commit."""

    name: str | None = ""


class Commit(msgspec.Struct, frozen=True):
    """A commit's text."""

    subject: str | None = ""
    author: Author | None = None


class Vcs(msgspec.Struct, frozen=True):
    """The commit, for projects of GitHub's OAuth app and Bitbucket Cloud."""

    origin_repository_url: str | None = ""
    target_repository_url: str | None = ""
    revision: str | None = ""
    branch: str | None = ""
    tag: str | None = ""
    commit: Commit | None = None


class Provider(msgspec.Struct, frozen=True):
    """What GitLab, GitHub's app or Bitbucket Data Center said when they started the pipeline. Texts, whatever they hold."""

    user_username: str | None = ""
    user_name: str | None = ""
    commit_author_name: str | None = ""
    commit_title: str | None = ""
    commit_message: str | None = ""
    commit_sha: str | None = ""
    checkout_sha: str | None = ""
    branch: str | None = ""
    ref: str | None = ""
    tag: str | None = ""
    type: str | None = ""


class Parameters(msgspec.Struct, frozen=True):
    """What started the pipeline, for projects that have no `vcs`."""

    git: Provider | None = None
    gitlab: Provider | None = None
    github_app: Provider | None = None
    bitbucket: Provider | None = None


class Actor(msgspec.Struct, frozen=True):
    """Who started a pipeline; only the API says it."""

    login: str | None = ""


class Trigger(msgspec.Struct, frozen=True):
    """How a pipeline was started."""

    type: str | None = ""
    actor: Actor | None = None


class Pipeline(msgspec.Struct, frozen=True):
    """A pipeline."""

    id: str | None = ""
    number: int | None = None
    trigger: Trigger | None = None
    trigger_parameters: Parameters | None = None
    vcs: Vcs | None = None


class Workflow(msgspec.Struct, frozen=True):
    """A workflow of a pipeline."""

    id: str | None = ""
    name: str | None = ""
    status: str | None = ""
    created_at: str | None = ""
    stopped_at: str | None = ""
    url: str | None = ""
