"""Following a request to its end: each answer of its executor, and a live line between."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from devstream_desktop.cli.lines import print_line
from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.fact import is_answer
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import duration
from devstream_desktop.stream.words import DEPLOY_FINAL, Kind, outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_S = 125
"""A request expires after 120 seconds (deploy/request.py), and no executor answers later."""
GOOD = frozenset({"success", "dry_run", "approved", "locked", "unlocked", "accepted"})
"""The last states in which what was asked for is done."""
_TICK_MS = 1000


@dataclass
class Followed:
    """One request, as far as its answers have come."""

    request: str
    executor: str = ""
    state: str = ""
    reason: str = ""
    since: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Tell whether it will not change any more."""
        return self.state in DEPLOY_FINAL


class Follower:
    """Reads the answers to some requests; entered before they are sent, so that none is missed."""

    def __init__(self, home: Home, *, as_json: bool = False) -> None:
        self._home = home
        self._json = as_json
        self._reader = Reader(home.history)
        self._arrival = 0
        self._live = sys.stdout.isatty() and not as_json

    def __enter__(self) -> Self:
        self._arrival = self._reader.newest()
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def follow(self, requests: Sequence[str]) -> int:
        """Print each step until the last one of each; return 0 when all are good.

        Raises:
            DevstreamError: no executor answered in time.

        """
        asked = [Followed(one) for one in requests]
        with Client(self._home.control_url()) as client:
            newest = status = -1
            while True:
                self._read(asked)
                if all(one.over for one in asked):
                    return self._ended(asked)
                self._wait_in_time(asked)
                self._show(asked)
                wait = _TICK_MS if self._live else 5_000
                news = client.ask(Wait(newest=newest, status=status, wait_ms=wait))
                newest, status = news.newest, news.status

    def _read(self, asked: Sequence[Followed]) -> None:
        for line in self._reader.all_since(self._arrival):
            self._arrival = line.arrival
            one = next((one for one in asked if line.event.request == one.request), None)
            if one is None or line.event.kind is not Kind.DEPLOY:
                continue
            if line.event.key == one.request:
                one.executor = line.event.executor
            # Only the executor that the request names can answer it.
            elif not is_answer(line.event, line.device, request=one.request, executor=one.executor):
                continue
            else:
                self._note(one, line)
            self._clear()
            print_line(line, as_json=self._json)

    @staticmethod
    def _note(one: Followed, line: Line) -> None:
        if line.event.state != one.state:
            one.since = time.monotonic()
        one.state, one.reason = line.event.state, line.event.reason

    def _wait_in_time(self, asked: Sequence[Followed]) -> None:
        # What has begun, or waits for its turn, may take hours.
        silent = [one for one in asked if not one.state]
        if any(time.monotonic() - one.since > ANSWER_S for one in silent):
            raise DevstreamError(
                "no executor answered in time, so nothing ran and nothing will; "
                "look at its node with `devstream status`"
            )

    def _show(self, asked: Sequence[Followed]) -> None:
        """Show the state of the moment, where there is a terminal."""
        if not self._live:
            return
        one = next(one for one in asked if not one.over)
        state = outcome(Kind.DEPLOY, one.state) if one.state else "asked for"
        age = duration(max(1000, int((time.monotonic() - one.since) * 1000)))
        number = one.request[:8]
        sys.stdout.write(f"\r\x1b[K{number} is {state} since {age}")
        sys.stdout.flush()

    def _clear(self) -> None:
        if self._live:
            sys.stdout.write("\r\x1b[K")

    def _ended(self, asked: Sequence[Followed]) -> int:
        self._clear()
        bad = [one for one in asked if one.state not in GOOD]
        for one in bad:
            print(f"devstream: {one.state}: {one.reason or 'no reason was given'}", file=sys.stderr)
        return 1 if bad else 0
