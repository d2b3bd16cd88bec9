"""The parts that all of GitHub's payloads share: a repository and an account."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.decoding import Part, Text
from devstream_collectors.kit.place import Place, remote_scope


class User(msgspec.Struct, frozen=True):
    """An account."""

    login: Text = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository; `pushed_at` is a number of seconds in a push and an ISO time elsewhere."""

    name: Text = ""
    full_name: str | None = ""
    html_url: str | None = ""
    default_branch: str | None = ""
    pushed_at: int | str | None = None

    def place(self, source: SourceInfo, received: int) -> Place:
        """Return the place of the repository's facts."""
        name = (self.full_name or source.name).lower()
        return Place(
            source=source,
            received=received,
            scope=remote_scope(self.html_url or "") or f"github/{name}",
            service=self.name,
            default_branches=defaults(self.default_branch),
        )


class Payload(msgspec.Struct, frozen=True):
    """The fields of every event."""

    repository: Repository | None = None
    sender: Part[User] = User()
    action: str | None = ""

    def place(self, source: SourceInfo, received: int) -> Place:
        """Return the place of the event's facts."""
        return (self.repository or Repository()).place(source, received)
