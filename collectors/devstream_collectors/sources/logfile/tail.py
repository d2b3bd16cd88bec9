"""A log file's lines, as they are written: what is severe, or what a pattern finds, once for each sort of message and not for each line.

Messages that differ only in numbers, hashes and quoted texts are one: told when it is first seen, at its 10th, 100th, ... occurrence, and
resolved when it was not seen for a while.
"""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

import msgspec

from devstream_collectors.before.alert import Alert, alert_event
from devstream_collectors.contract import Collector, Option, Polled, SourceInfo, Tail
from devstream_collectors.sources.logfile.lines import Patterns, compiled, fingerprint, found
from devstream_desktop.stream.event import Event, InvalidEventError

COLLECTOR = Collector(
    title="a log file, followed as it is written",
    setup="""\
The file is on the collector's own machine. It may be rotated (moved away and begun anew) and truncated. Without --pattern a line counts
when it says a severity of --least or worse (ERROR, level=error, [error], "level":"error"), in text or JSON. A pattern is a regular
expression; its named groups message, severity, service and environment say what the line is made of, as in
  --pattern 'payment (?P<message>refused: .*)' --ignore 'refused: test card'
What is found goes to the whole team: give a pattern whose message leaves out what they should not read.""",
    options=(
        Option("path", "the file's absolute path, such as /var/log/shop/app.log", needed="always"),
        Option("pattern", "a regular expression: only lines that it finds count", kind="list"),
        Option("ignore", "a regular expression: lines that it finds never count", kind="list"),
        Option(
            "least", "the least severity that counts: notice, warning, error (default) or critical"
        ),
        Option(
            "resolved_after",
            "minutes without a message until it counts as resolved (default 60)",
            kind="whole",
        ),
    ),
    tail=Tail(),
)
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
    """How many runs there were."""
    known: dict[str, _Run] = {}
    """By fingerprint, in the order in which they were last seen."""


_decoder = msgspec.msgpack.Decoder(_Cursor)


def check(source: SourceInfo) -> None:
    """What the options hold.

    Raises:
        ValueError: the path is not absolute, a pattern is no regular expression, or the severity is unknown.

    """
    compiled(source)


def read(lines: tuple[str, ...], cursor: bytes, source: SourceInfo, now: int) -> Polled:
    """The events of new lines, and of messages that were not seen for long enough."""
    book = _Book(
        _decoder.decode(cursor) if cursor else _Cursor(born=now), compiled(source), source, now
    )
    book.resolve()
    for line in lines:
        book.take(line)
    return Polled(tuple(book.events), msgspec.msgpack.encode(book.cursor), dropped=book.dropped)


class _Book:
    """What one `read` does."""

    def __init__(self, known: _Cursor, patterns: Patterns, source: SourceInfo, now: int) -> None:
        self.events: list[Event] = []
        self.dropped: Counter[str] = Counter()
        self._known = dict(known.known)
        self._runs = known.runs
        self._born = known.born
        self._patterns = patterns
        self._source = source
        self._now = now

    @property
    def cursor(self) -> _Cursor:
        return _Cursor(self._born, self._runs, self._known)

    def resolve(self) -> None:
        """Say what has ended: the longest silent come first."""
        after = (self._source.whole("resolved_after") or _RESOLVED_AFTER) * _MINUTE
        over = list(takewhile(lambda item: self._now - item[1].last > after, self._known.items()))
        for identity, run in over:
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
            texts = (
                _short(text.message, 100),
                _short(text.service, 60),
                _short(text.environment, 40),
                text.severity,
            )
            run = _Run(self._runs, 0, self._now, self._now, *texts)
        run = msgspec.structs.replace(run, count=run.count + 1, last=max(run.last, self._now))
        self._known[identity] = run
        if str(run.count).strip("0") == "1":
            self._say(identity, run, "firing", str(run.count), run.last)
        else:
            self.dropped["repeated"] += 1

    def _make_room(self) -> None:
        while len(self._known) >= MAX_KNOWN:
            identity, run = next(iter(self._known.items()))
            self._end(identity, run, self._now)

    def _end(self, identity: str, run: _Run, at: int) -> None:
        del self._known[identity]
        self._say(identity, run, "resolved", "resolved", at)

    def _say(self, identity: str, run: _Run, state: str, step: str, at: int) -> None:
        alert = Alert(
            scope=f"logfile/{self._source.name}",
            identity=identity,
            state=state,
            name=run.title,
            service=run.service,
            environment=run.environment or self._source.environment,
            severity=run.severity,
            number=f"{self._born}-{run.number}",
            once=f"{self._born} {run.number} {step}",
            started=run.first,
            changed=at,
            reason=f"{run.count} times" if run.count > 1 else "",
        )
        try:
            self.events.append(alert_event(alert, self._source, self._now))
        except InvalidEventError:
            self.dropped["invalid-event"] += 1


def _short(text: str, most: int) -> str:
    """At most so many bytes, so that the cursor stays small."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
