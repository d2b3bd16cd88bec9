"""The cursor of Gitea's poller, and the way its modules ask."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Request, SourceInfo
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Query, Step, ask
from devstream_collectors.sources.gitea.place import Repository


class Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint.

    Times are UTC milliseconds; 0 is never asked, so that what was before is no news.
    """

    home: Repository = Repository()
    heads: dict[str, str] | None = None
    """The commit of each branch that was asked for by name; empty for none."""
    listed: dict[str, str] | None = None
    """The same of those that match a glob."""
    merged: int = 0
    closed: int = 0
    """The newest change of a pull request, merged or not."""
    runs: dict[str, str] = {}
    opened: int = 0
    updated: str = ""
    """As the forge writes times."""
    sizes: dict[str, int] = {}
    """The number of items of each list."""

    def patterns(self, source: SourceInfo) -> tuple[str, ...]:
        """Return the names and globs of the branches that count."""
        return source.branches or defaults(self.home.default_branch)


poller = Poller(Cursor)


def place_of(answer: Answer[Cursor]) -> Place:
    """Return the place of the repository's facts."""
    return answer.known.home.place(answer.source, answer.received)


def ask_of(
    source: SourceInfo, path: str, purpose: Step, query: Query = (), *, missing_ok: bool = False
) -> Request:
    """Ask for something of the repository; see `Request` for what may be missing."""
    path = f"/api/v1/repos/{quote(source.text('repository').strip('/'))}{path}"
    return ask(path, purpose, missing_ok=missing_ok, query=query)
