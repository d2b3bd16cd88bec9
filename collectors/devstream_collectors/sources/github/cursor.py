"""The cursor of GitHub's poller, and the way its modules ask."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Request, SourceInfo
from devstream_collectors.kit.branches import is_global
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Query, Step, ask
from devstream_collectors.sources.github.deploy import Deployment
from devstream_collectors.sources.github.place import Repository


class Watched(msgspec.Struct, frozen=True):
    """A deployment whose statuses are read."""

    body: Deployment
    seen: int = 0
    """The id of the newest status that was told."""
    over: bool = False
    """Its last status ends it; it is asked for again when it was changed since."""


class Checked(msgspec.Struct, frozen=True):
    """A commit whose statuses and checks are read."""

    branch: str
    date: int = 0
    """Of the commit, seconds; 0: not asked yet, -1: not known."""
    marks: dict[str, str] = {}
    """By a short hash of each result's name: a short hash of it as last told, `~` while it runs."""

    @property
    def goes_on(self) -> bool:
        """True while a result of it is awaited."""
        return "~" in self.marks.values()


class Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint. Times are ISO texts, as GitHub gives and takes them."""

    home: Repository = Repository()
    heads: dict[str, dict[str, str]] = {}
    """By the pattern that was asked for: branch and commit."""
    merged: str = ""
    closed: str = ""
    """The newest change of a pull request, merged or not."""
    runs: dict[str, str] = {}
    """Of the runs last seen: id, and attempt with state."""
    deployments: dict[str, Watched] = {}
    newest_deployment: int = -1
    """-1: never asked."""
    opened: str = ""
    ticket_event: int = 0
    sizes: dict[str, int] = {}
    """The number of all runs, by the list."""
    checked: dict[str, Checked] = {}
    """By commit, those asked for last at the end."""
    pages: dict[str, str] | None = None
    """Of the builds of the site last seen: id and status; empty: never asked."""
    alerts: dict[str, str] = {}
    """By the sort of security alert: when the newest was changed."""
    ended: tuple[str, ...] = ()
    """Security alerts that are over, by sort and number: they may come back."""
    refused: dict[str, int] = {}
    """The times at which lists were refused or missing."""

    def counting(self, source: SourceInfo) -> dict[str, str]:
        """Return the branches that count, with their commits, the default one first."""
        home = self.home.default_branch or ""
        found = {name: head for heads in self.heads.values() for name, head in heads.items()}
        wanted = {
            name: head for name, head in found.items() if is_global(name, source.branches, home)
        }
        return dict(sorted(wanted.items(), key=lambda one: one[0] != home))


poller = Poller(Cursor)
AGAIN = 3_600_000
"""Milliseconds until a list that could not be read is tried again."""


def place_of(answer: Answer[Cursor]) -> Place:
    """Return the place of the repository's facts."""
    return answer.known.home.place(answer.source, answer.received)


def ask_of(
    source: SourceInfo,
    path: str,
    purpose: Step,
    query: Query = (),
    *,
    missing_ok: bool = False,
    optional: bool = False,
) -> Request:
    """Ask for something of the repository; see `Request` for what may be missing."""
    path = f"/repos/{quote(source.text('repository').strip('/'))}{path}"
    request = ask(path, purpose, missing_ok=missing_ok, query=query)
    return replace(request, accept="application/vnd.github+json", optional=optional)
