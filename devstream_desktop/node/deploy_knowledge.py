"""The history as an executor asks it: deploys, checks, changes and incidents of a target."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from devstream_desktop.deploy.checks import Check
from devstream_desktop.deploy.knowledge import Told
from devstream_desktop.deploy.request import is_sha
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.node.board import believed, changes_of
from devstream_desktop.stream.line import render
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind, Transition

_MOST_CHECKS = 50
_MOST_CHANGES = 100
_MOST_INCIDENTS = 10

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class HistoryKnowledge:
    """Reads a node's history; each call opens it for itself, so any thread may ask.

    A history that cannot be read knows nothing: what has to be known then refuses.
    """

    def __init__(self, history: Path) -> None:
        self._history = history

    def deployed(self, target: str, environment: str) -> tuple[str, int]:
        """Return the last success told there, commit and time; empty for none."""
        succeeded = Query(
            kind=Kind.DEPLOY, state="success", environment=environment, service=target
        )
        found = self._rows(succeeded, 5)
        return (found[0].event.revision, found[0].event.time) if found else ("", 0)

    def checks(self, shas: Sequence[str]) -> Mapping[str, tuple[Check, ...]]:
        """Return the builds and tests of commits, by commit."""
        return self._read(lambda reader: {sha: tuple(_checks(reader, sha)) for sha in shas}, {})

    def succeeded(self, target: str, sha: str) -> frozenset[str]:
        """Return the environments that a commit was told to have reached."""
        query = Query(words=(sha[:12],), kind=Kind.DEPLOY, service=target, state="success")
        found = self._rows(query, 100)
        return frozenset(line.event.environment for line in found if line.event.revision == sha)

    def change(self, target: str, start: str) -> Told | None:
        """Return the news of a commit, also by its beginning; None for nothing."""
        found = {
            line.event.revision: line
            for line in reversed(self._changes(target))
            if line.event.revision.startswith(start)
        }
        # Two commits that begin alike are none.
        return _told(next(iter(found.values()))) if len(found) == 1 else None

    def newest(self, target: str, ref: str) -> Told | None:
        """Return the newest commit told of a ref; None for none."""
        # A move that was told late is not where the branch is.
        told = [
            line
            for line in self._changes(target)
            if line.transition is not Transition.OUTDATED and short_ref(line.event.ref) == ref
        ]
        # A branch that was deleted is at no commit.
        if not told or told[0].event.state == "deleted":
            return None
        return next((_told(line) for line in told if is_sha(line.event.revision)), None)

    def between(self, target: str, old: str, new: str) -> tuple[Told, ...]:
        """Return the changes after `old` up to `new`, newest first."""
        told = [line for line in self._changes(target) if line.event.revision]
        start = next((at for at, line in enumerate(told) if line.event.revision == new), None)
        if start is None:
            return ()
        end = next((at for at, line in enumerate(told) if line.event.revision == old), start + 1)
        return tuple(_told(line) for line in told[start : max(end, start)][:_MOST_CHANGES])

    def incidents(self, target: str, environment: str) -> tuple[str, ...]:
        """Return the open incidents there, a line each."""
        query = Query(kind=Kind.INCIDENT, service=target, state="firing")
        return tuple(
            render(line.event, line.transition, service=False)
            for line in self._rows(query, _MOST_INCIDENTS)
            if line.event.environment in ("", environment)
        )

    def _changes(self, target: str) -> list[Line]:
        return self._read(lambda reader: changes_of(reader, target), [])

    def _rows(self, query: Query, limit: int) -> list[Line]:
        return self._read(lambda reader: believed(reader, query, limit), [])

    def _read(self, ask: Callable[[Reader], _T], nothing: _T) -> _T:
        try:
            with Reader(self._history) as reader:
                return ask(reader)
        except HistoryUnavailableError as error:
            _log.warning("a deploy is judged without the history: %s", error)
            return nothing


def _checks(reader: Reader, sha: str) -> list[Check]:
    return [
        Check(
            line.event.title or str(line.event.kind),
            line.event.state,
            line.event.time,
            line.event.url,
        )
        for kind in (Kind.BUILD, Kind.TEST)
        for line in believed(reader, Query(words=(sha[:12],), kind=kind), _MOST_CHECKS)
        if line.event.revision == sha
    ]


def _told(line: Line) -> Told:
    event = line.event
    return Told(
        event.revision, event.title, event.actor, event.time, event.url, short_ref(event.ref)
    )
