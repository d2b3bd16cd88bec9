"""Messages of a log file, once for each sort of message.

Messages that differ only in numbers, hashes and quoted texts are one: told when it is first seen,
at its 10th, 100th, ... occurrence, and resolved when it was not seen for a while.
"""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

import msgspec

from devstream_collectors.contract import Polled, SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.logfile.lines import Patterns, compiled, fingerprint, found
from devstream_desktop.stream.event import Event, InvalidEventError

MAX_KNOWN = 200
"""Sorts of messages that are remembered at once."""
_RESOLVED_AFTER = 60
_MINUTE = 60_000


class _Run(msgspec.Struct, frozen=True, array_like=True):
    """A sort of message that is being seen."""

    number: int
    count: int
    first: int
    last: int
    title: str
    service: str
    environment: str
    severity: str


class _Cursor(msgspec.Struct, frozen=True):
    born: int
    """First contact: with it a number never stands for two runs, even if a cursor is lost."""
    runs: int = 0
    """The number of runs."""
    known: dict[str, _Run] = {}
    """By fingerprint, in the order in which they were last seen."""


_decoder = msgspec.msgpack.Decoder(_Cursor)


def read(lines: tuple[str, ...], cursor: bytes, source: SourceInfo, now: int) -> Polled:
    """Read new lines, and tell the messages not seen for long enough."""
    known = _decoder.decode(cursor) if cursor else _Cursor(born=now)
    book = _Book(known, compiled(source), source, now)
    book.resolve()
    for line in lines:
        book.take(line)
    return Polled(tuple(book.events), msgspec.msgpack.encode(book.cursor), dropped=book.dropped)


class _Book:
    """The account of one `read`."""

    def __init__(self, known: _Cursor, patterns: Patterns, source: SourceInfo, now: int) -> None:
        self.events: list[Event] = []
        self.dropped: Counter[str] = Counter()
        self._known = dict(known.known)
        self._runs = known.runs
        self._born = known.born
        self._patterns = patterns
        self._source = source
        self._place = Place(source, now, f"logfile/{source.name}")
        self._now = now

    @property
    def cursor(self) -> _Cursor:
        """The state to remember."""
        return _Cursor(self._born, self._runs, self._known)

    def resolve(self) -> None:
        """Say what has ended: the longest silent come first."""
        after = (self._source.whole("resolved_after") or _RESOLVED_AFTER) * _MINUTE
        silent = takewhile(lambda item: self._now - item[1].last > after, self._known.items())
        for identity, run in list(silent):
            self._end(identity, run, run.last + after)

    def take(self, line: str) -> None:
        """Count one line."""
        text, reason = found(line, self._patterns)
        if text is None:
            self.dropped[reason] += 1
            return
        identity = fingerprint(f"{text.service}\0{text.environment}\0{text.message}")
        run = self._known.pop(identity, None)
        if run is None:
            self._make_room()
            self._runs += 1
            run = _Run(
                self._runs,
                0,
                self._now,
                self._now,
                _short(text.message, 100),
                _short(text.service, 60),
                _short(text.environment, 40),
                text.severity,
            )
        run = msgspec.structs.replace(run, count=run.count + 1, last=max(run.last, self._now))
        self._known[identity] = run
        # 1, 10, 100, ...: a flood of one message is a handful of lines.
        if str(run.count).strip("0") == "1":
            self._say(identity, run, "firing", str(run.count), run.last)
        else:
            self.dropped["repeated"] += 1

    def _make_room(self) -> None:
        # The longest silent one is given up, and resolved so that its row does not stay red.
        while len(self._known) >= MAX_KNOWN:
            identity, run = next(iter(self._known.items()))
            self._end(identity, run, self._now)

    def _end(self, identity: str, run: _Run, at: int) -> None:
        del self._known[identity]
        self._say(identity, run, "resolved", "resolved", at)

    def _say(self, identity: str, run: _Run, state: str, step: str, at: int) -> None:
        alert = Alert(
            identity=identity,
            state=state,
            name=run.title,
            service=run.service,
            environment=run.environment,
            severity=run.severity,
            number=f"{self._born}-{run.number}",
            once=f"{self._born} {run.number} {step}",
            started=run.first,
            changed=at,
            is_error=True,
            reason=f"{run.count} times" if run.count > 1 else "",
        )
        try:
            self.events.append(alert_event(alert, self._place))
        except InvalidEventError:
            self.dropped["invalid-event"] += 1


def _short(text: str, most: int) -> str:
    """Cut a text to `most` bytes, to keep the cursor small."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
