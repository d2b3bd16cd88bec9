"""The parts that all of Bitbucket Cloud's payloads share: a repository, accounts, addresses."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.decoding import Part, Text, person
from devstream_collectors.kit.place import Place, remote_scope


class _Link(msgspec.Struct, frozen=True):
    href: Text = ""


class Links(msgspec.Struct, frozen=True):
    """Addresses; `html` is the page, `commit` the commit that a status is of."""

    html: Part[_Link] = _Link()
    commit: Part[_Link] = _Link()


class User(msgspec.Struct, frozen=True):
    """An account."""

    nickname: Text = ""
    display_name: Text = ""
    username: Text = ""


class _MainBranch(msgspec.Struct, frozen=True):
    name: str | None = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository; only the API says the main branch."""

    name: str | None = ""
    full_name: str | None = ""
    links: Part[Links] = Links()
    mainbranch: _MainBranch | None = None

    @property
    def default_branch(self) -> str:
        """The main branch; empty when not said."""
        return self.mainbranch.name or "" if self.mainbranch else ""

    def place(self, source: SourceInfo, received: int) -> Place:
        """Return the place of the repository's facts."""
        # What the address ends in: the name may have spaces in it.
        path = self.full_name or self.name or ""
        scope = remote_scope(self.links.html.href) or f"bitbucket/{source.name}"
        if self.full_name:
            scope = f"bitbucket.org/{path.lower()}"
        return Place(
            source=source,
            received=received,
            scope=scope,
            service=path.rsplit("/", 1)[-1].strip(),
            default_branches=defaults(self.default_branch),
        )


class Payload(msgspec.Struct, frozen=True):
    """The fields of every event."""

    actor: Part[User] = User()
    repository: Repository | None = None


def account(*users: User) -> str:
    """Return the first account's name."""
    return person(
        *(name for user in users for name in (user.nickname, user.display_name, user.username))
    )
