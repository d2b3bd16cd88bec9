"""The parts that all of GitLab's payloads share: a project, an account and a commit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.decoding import Part, Text, person
from devstream_collectors.kit.place import Place, remote_scope


class User(msgspec.Struct, frozen=True):
    """An account."""

    username: Text = ""
    name: Text = ""


class Project(msgspec.Struct, frozen=True):
    """A project, also in the API; `homepage`, `git_http_url` are of old servers and jobs."""

    name: str | None = ""
    path_with_namespace: str | None = ""
    web_url: str | None = ""
    homepage: str | None = ""
    git_http_url: str | None = ""
    default_branch: str | None = ""

    @property
    def page(self) -> str:
        """The project's own address, to which GitLab's paths are added; empty when not said."""
        return (self.web_url or self.homepage or "").rstrip("/")


class Commit(msgspec.Struct, frozen=True):
    """A commit."""

    id: str | int | None = ""
    message: Text = ""


class Payload(msgspec.Struct, frozen=True):
    """The fields of every event; only system hooks lack `object_kind` and have `event_name`."""

    object_kind: str | None = ""
    event_name: str | None = ""
    event_type: str | None = ""
    project: Project | None = None
    repository: Project | None = None
    user: Part[User] = User()

    @property
    def projects(self) -> list[Project]:
        """The descriptions of its project, the better first."""
        return [project for project in (self.project, self.repository) if project]

    @property
    def page(self) -> str:
        """The project's own address; empty when not said."""
        return next((project.page for project in self.projects if project.page), "")


def place_of(projects: Sequence[Project], source: SourceInfo, received: int) -> Place:
    """Return the place of a project's facts.

    Args:
        projects: descriptions of it, the better first.
        source: for which.
        received: UTC milliseconds.

    """
    urls = [
        url
        for project in projects
        for url in (project.web_url, project.homepage, project.git_http_url)
        if url
    ]
    scope = next((scope for url in urls if (scope := remote_scope(url))), "")
    paths = [project.path_with_namespace or project.name or "" for project in projects]
    path = next((path for path in paths if path), "")
    branches = [project.default_branch for project in projects if project.default_branch]
    return Place(
        source=source,
        received=received,
        scope=scope or f"gitlab/{(path or source.name).lower()}",
        # Not the project's name, which may be a sentence, but what its address ends in.
        service=(scope or path).rsplit("/", 1)[-1].strip(),
        default_branches=defaults(branches[0] if branches else ""),
    )


def account(*users: User) -> str:
    """Return the first account's name."""
    return person(*(name for user in users for name in (user.username, user.name)))
