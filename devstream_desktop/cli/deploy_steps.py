"""Following a request to its end: each answer of its executor, and a live line between."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.node_client import ask
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError, NodeStoppedError, SilentError
from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.fact import is_answer
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import duration
from devstream_desktop.stream.words import DEPLOY_FINAL, Kind, outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_S = 125
"""Seconds to wait for a first answer: a request expires after 120 (deploy/request.py)."""
GOOD = frozenset({"success", "dry_run", "approved", "locked", "unlocked", "accepted"})
"""The last states in which what was asked for is done."""
_TICK_MS = 1000
_AWAY_S = 300.0
"""Seconds for which a node that stopped may be away: an upgrade is done in less."""
_RECONNECT_S = 0.5


class UnknownEndError(DevstreamError):
    """A request may be carried out, and this command cannot tell."""

    exit_code = 3


def send(home: Home, request: Request[Done]) -> list[str]:
    """Send what asks for deploys or locks; return the numbers of the requests.

    Raises:
        ControlError: it was refused; the sentence says why.
        UnknownEndError: the node stopped or fell silent, and may have sent it.

    """
    try:
        return ask(home, request).text.splitlines()
    except (NodeStoppedError, SilentError):
        raise UnknownEndError(
            "the node stopped or hung while it was asked, so the request may be on its way; "
            "look with `devstream deploys` before you ask again"
        ) from None


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
        self._gone = 0.0
        """Steady time since when the node is away; 0 while it answers."""
        self._live = sys.stdout.isatty() and not as_json

    def __enter__(self) -> Self:
        self._arrival = self._reader.newest()
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def follow(self, requests: Sequence[str]) -> int:
        """Print each step until the last one of each; return 0 when all are good.

        A node that stops, as for an upgrade, is waited for: the requests go on without it.

        Raises:
            UnknownEndError: no executor answered in time, or the node stayed away.

        """
        asked = [Followed(one) for one in requests]
        while not all(one.over for one in asked):
            try:
                with Client(self._home.control_url()) as client:
                    self._listen(client, asked)
            except (ControlError, HistoryError) as error:
                # Opened anew: a node that starts may put another file in its place.
                self._reader.close()
                self._gone = self._gone or time.monotonic()
                if time.monotonic() - self._gone > _AWAY_S:
                    raise self._unknown(asked, error) from None
                time.sleep(_RECONNECT_S)
        return self._ended(asked)

    def _listen(self, client: Client, asked: Sequence[Followed]) -> None:
        """Print each step until the last one of each."""
        newest = status = -1
        wait = _TICK_MS if self._live else 5_000
        while not all(one.over for one in asked):
            # The first is answered at once.
            news = client.ask(Wait(newest=newest, status=status, wait_ms=wait))
            newest, status = news.newest, news.status
            self._read(asked)
            self._returned(asked)
            self._wait_in_time(asked)
            self._show(asked)

    def _returned(self, asked: Sequence[Followed]) -> None:
        if not self._gone:
            return
        # While the node was away no answer could come in.
        for one in asked:
            if not one.state:
                one.since += time.monotonic() - self._gone
        self._gone = 0.0

    def _unknown(self, asked: Sequence[Followed], error: DevstreamError) -> UnknownEndError:
        self._clear()
        numbers = ", ".join(one.request[:8] for one in asked if not one.over)
        return UnknownEndError(
            f"how it ends cannot be seen from here: {error}. What was asked for goes on: "
            f"{numbers}; see `devstream deploys` before you ask again"
        )

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
            # It may run there all the same, and its answer be on its way: a full disk is enough.
            raise UnknownEndError(
                "no executor answered in time, and whether it runs is not known; look at the "
                "executor's node, or at `devstream deploys`, before you ask again"
            )

    def _show(self, asked: Sequence[Followed]) -> None:
        """Show the state of the moment, where there is a terminal."""
        if not self._live:
            return
        if all(one.over for one in asked):
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
