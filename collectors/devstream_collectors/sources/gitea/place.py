"""The parts that all payloads of Gitea, Forgejo and Gogs share: a repository and an account."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.decoding import Part, Text, person
from devstream_collectors.kit.place import Place, remote_scope


class User(msgspec.Struct, frozen=True):
    """An account; Gogs says `username` alone."""

    login: Text = ""
    username: Text = ""
    full_name: Text = ""
    name: Text = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository."""

    name: str | None = ""
    full_name: str | None = ""
    html_url: str | None = ""
    clone_url: str | None = ""
    default_branch: str | None = ""
    updated_at: str | None = ""

    def place(self, source: SourceInfo, received: int) -> Place:
        """Return the place of the repository's facts."""
        name = self.full_name or self.name or ""
        scope = remote_scope(self.html_url or "") or remote_scope(self.clone_url or "")
        return Place(
            source=source,
            received=received,
            scope=scope or f"gitea/{(name or source.name).lower()}",
            service=(self.name or name).rsplit("/", 1)[-1],
            default_branches=defaults(self.default_branch),
        )


class Payload(msgspec.Struct, frozen=True):
    """The fields of every event."""

    repository: Repository | None = None
    sender: Part[User] = User()
    action: str | None = ""


def account(*users: User) -> str:
    """Return the first account's name."""
    return person(
        *(name for user in users for name in (user.login, user.username, user.name, user.full_name))
    )
