"""The durable trail of starts: how a run is found again after a crash.

A run's order is committed before it is started, its handle as soon as there is one, and who wants
it ended before it is asked to end. It is part of deploy.sqlite.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstream_desktop.deploy.database import Database
from devstream_desktop.deploy.targets import Target

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """The trail of one run; `handle` and `cancelled_by` are empty until they are known."""

    target: Target
    handle: str
    url: str
    cancelled_by: str


class Starts:
    """The trails of one executor. Calls are synchronous and raise `RunsError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self, request: str, target: Target) -> None:
        """Note that `request` is about to be started as `target` says."""
        definition = msgspec.json.encode(target, enc_hook=str).decode()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO starts (request, definition) VALUES (?, ?)", (request, definition)
            )

    def started(self, request: str, handle: str, url: str) -> None:
        """Note the handle and the page of a run."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE starts SET handle = ?, url = ? WHERE request = ?", (handle, url, request)
            )

    def cancelled(self, request: str, person: str) -> None:
        """Note that `person` wants a run ended; the first one counts."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE starts SET cancelled_by = ? WHERE request = ? AND cancelled_by = ''",
                (person, request),
            )

    def not_cancelled(self, request: str) -> None:
        """Note that a run goes on: its back end refused to end it."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE starts SET cancelled_by = '' WHERE request = ?", (request,))

    def of(self, request: str) -> Start | None:
        """Return the trail of a request; None where there is none, or it cannot be read."""
        with self._database.connection() as connection:
            row = connection.execute(
                "SELECT definition, handle, url, cancelled_by FROM starts WHERE request = ?",
                (request,),
            ).fetchone()
        if row is None:
            return None
        definition, handle, url, cancelled_by = row
        try:
            target = msgspec.json.decode(definition, type=Target, dec_hook=_path)
        # A damaged row, or one of a newer devstream: its run cannot be followed.
        except (ValueError, RecursionError) as error:
            _log.error("the order of deploy %s cannot be read: %s", request[:8], error)
            return None
        return Start(target, handle, url, cancelled_by)


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError
