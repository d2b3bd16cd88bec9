"""The shared parts of the tests of collectors: samples read, services polled, events compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import strategies as st
from sorts import check_answer

from devstream_collectors.contract import (
    Delivery,
    Gap,
    Normalised,
    PollCollector,
    Request,
    Response,
    SourceInfo,
)
from devstream_desktop.intake.poll.chain import MAX_CURSOR
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.line import LIST_WIDTH, render

HERE = Path(__file__).parent
PAYLOADS = HERE.parents[2] / "shared" / "payloads"
RECEIVED = 1_800_000_000_000  # 2027-01-15T08:00:00Z
Normalise = Callable[[Delivery, SourceInfo], Normalised]
Headers = Callable[[str], Mapping[str, str]]
_BITBUCKET = (
    "diagnostics:ping",
    "issue:created",
    "issue:updated",
    "pullrequest:fulfilled",
    "repo:commit_status_updated",
    "repo:push",
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)


_EVENT_HEADERS: dict[str, Headers] = {
    "bitrise": lambda name: {
        "bitrise-event-type": "build/triggered" if name == "triggered" else "build/finished"
    },
    "bitbucket": lambda name: {"x-event-key": _bitbucket_event(name)},
    "buildkite": lambda name: {"x-buildkite-event": name},
    "cloudevents": lambda _: {"content-type": "application/cloudevents+json; charset=utf-8"},
    "gitee": lambda name: {"x-gitee-ping": "true" if name == "ping" else "false"},
    "gitea": lambda name: {"x-gitea-event": name},
    "github": lambda name: {"x-github-event": name.partition(".")[0]},
    "netlify": lambda name: {
        "x-netlify-event": "deploy_unlocked" if name == "unlocked" else "deploy_created"
    },
    "sentry": lambda name: {"sentry-hook-resource": name.partition(".")[0]},
}


def headers_of(kind: str, name: str) -> Mapping[str, str]:
    """The headers that come with a sample of a type, by its name."""
    return _EVENT_HEADERS.get(kind, lambda _: {})(name)


def _bitbucket_event(name: str) -> str:
    """`repo:push` for `repo_push_forced`; Data Center says it in the body too."""
    if name.startswith("server_"):
        return ""
    return next((event for event in _BITBUCKET if name.startswith(event.replace(":", "_"))), "")


def samples_of(kind: str) -> dict[str, bytes]:
    """Read the samples of a type: the content of each, by its name without the ending."""
    files = sorted((HERE / kind / "samples").glob("*.json"))
    return {file.stem: file.read_bytes() for file in files}


def assert_event(event: Event, **expected: object) -> None:
    """Compare fields of an event by name; a failure names each that differs.

    `severity` may be given by its word.
    """
    found = {name: _plain(getattr(event, name), value) for name, value in expected.items()}
    assert found == expected


def _plain(found: Any, expected: object) -> object:
    return found.word if hasattr(found, "word") and isinstance(expected, str) else found


class Reader:
    """Reads samples of one type, whole or changed a little."""

    def __init__(
        self, kind: str, normalise: Normalise, headers: Headers, source: SourceInfo
    ) -> None:
        self.source = source
        self._kind = kind
        self._normalise = normalise
        self._headers = headers

    def body(self, name: str) -> bytes:
        """The sample as it is."""
        return (HERE / self._kind / "samples" / f"{name}.json").read_bytes()

    def read(
        self,
        name: str,
        change: object = None,
        source: SourceInfo | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Normalised:
        """Read the sample `name` with the fields of `change` replaced (nested ones merged)."""
        body = merge(json.loads(self.body(name)), change or {})
        said = self._headers(name) if headers is None else headers
        delivery = Delivery(said, json.dumps(body).encode(), RECEIVED)
        return self._normalise(delivery, source or self.source)

    def event(self, *arguments: Any, **keywords: Any) -> Event:
        """The one event that it comes to."""
        result = self.read(*arguments, **keywords)
        assert not result.dropped, result
        (made,) = result.events
        return made

    def dropped(self, *arguments: Any, **keywords: Any) -> str:
        """The reason why there is none."""
        result = self.read(*arguments, **keywords)
        assert result.events == ()
        return result.dropped


def merge(old: object, new: object) -> object:
    """Replace fields of `old` by those of `new`, nested ones too."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merge(old.get(key), value) for key, value in new.items()}
    return new


class Rounds:
    """Polls a service that says what it was told; a path that nobody told is missing."""

    def __init__(self, collector: PollCollector, source: SourceInfo) -> None:
        self.source = source
        self.asked: list[str] = []
        self.dropped: Counter[str] = Counter()
        self.gaps: list[Gap] = []
        self.errors: list[str] = []
        self.now = RECEIVED
        self.down = False
        """Every path is missing, as behind a proxy whose service is gone."""
        self._collector = collector
        self._cursor = b""
        self._answers: dict[str, tuple[bytes, dict[str, str]]] = {}

    def say(self, path: str, document: object, **headers: str) -> None:
        """Answer this to a path from now on.

        One with a query stands for all that begin so. The longest wins.
        """
        self._answers[path] = (json.dumps(document).encode(), headers)

    def forget(self, path: str) -> None:
        """Answer 404 to it."""
        del self._answers[path]

    def like(self, other: Rounds) -> None:
        """Say what another says."""
        self._answers |= other._answers

    def round(self, *, but: str = "") -> list[Event]:
        """The events of one more round, but for chains that fail with this text."""
        events: list[Event] = []
        for first in self._collector.requests(self._cursor, self.source, self.now):
            try:
                events += self._chain(first)
            except ValueError as error:
                if not but or but not in str(error):
                    raise
                self.errors.append(str(error))
        return events

    def _chain(self, first: Request) -> list[Event]:
        """The events of a request and all that follow; none where one of them is missing."""
        events: list[Event] = []
        cursor, waiting = self._cursor, [first]
        while waiting:
            request = waiting.pop(0)
            answer = self._answer(request)
            if answer.status == 404 and not (request.missing_ok or request.optional):
                return []
            if answer.status == 200:
                check_answer(self._collector, answer, cursor, self.source)
            polled = self._collector.parse(answer, cursor, self.source)
            cursor = polled.cursor
            assert 0 < len(cursor) <= MAX_CURSOR, "the node refuses it"
            events += polled.events
            self.dropped.update(polled.dropped)
            self.gaps += [polled.gap] if polled.gap is not None else []
            waiting = [*polled.requests, *waiting]
        self._cursor = cursor
        return events

    def _answer(self, request: Request) -> Response:
        self.asked.append(request.path)
        if self.down:
            return Response(request, 404, {}, b"", self.now)
        plain = request.path.split("?", 1)[0]
        told = [
            path
            for path in self._answers
            if path == plain or ("?" in path and request.path.startswith(path))
        ]
        if not told:
            assert request.missing_ok or request.optional, request.path
            return Response(request, 404, {}, b"", self.now)
        body, headers = self._answers[max(told, key=len)]
        return Response(request, 200, headers, body, self.now)


class Api:
    """A service that is asked round by round."""

    def __init__(self, collector: PollCollector, source: SourceInfo) -> None:
        self.source = source
        self.cursor = b""
        self.asked: list[Request] = []
        self.dropped: dict[str, int] = {}
        self._collector = collector

    def round(self, answer: Callable[[Request], object], now: int = RECEIVED) -> list[Event]:
        """The events of one more round.

        Args:
            answer: gives the document for a request, or None for 404.
            now: UTC milliseconds.

        """
        told: list[Event] = []
        cursor = self.cursor
        waiting = list(self._collector.requests(self.cursor, self.source, now))
        for _ in range(60):
            if not waiting:
                break
            request = waiting.pop(0)
            self.asked.append(request)
            body = answer(request)
            status = 404 if body is None else 200
            response = Response(request, status, {}, json.dumps(body).encode(), now)
            if status == 200:
                check_answer(self._collector, response, cursor, self.source)
            polled = self._collector.parse(response, cursor, self.source)
            told += polled.events
            waiting = [*polled.requests, *waiting]
            cursor, self.dropped = polled.cursor, dict(polled.dropped)
            assert 0 < len(cursor) <= MAX_CURSOR
        assert not waiting
        self.cursor = cursor
        return told


def query(request: Request) -> dict[str, str]:
    """The parameters of a request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


def same(polled: list[Event], hooked: list[Event]) -> None:
    """See that two ways tell the same steps."""

    def told(events: list[Event]) -> list[tuple[str, ...]]:
        return [(one.key, one.subject, one.number, one.state, one.actor, one.url) for one in events]

    assert told(polled) == told(hooked)


def assert_clean(result: Normalised, where: object) -> None:
    """See that a payload is clean lines or a named drop."""
    assert bool(result.events) != bool(result.dropped), where
    refused = ("unexpected-shape", "invalid-event", "collector-failed")
    assert result.dropped not in refused, (where, result.detail)
    for event in result.events:
        line = render(event)
        assert len(line) <= LIST_WIDTH, (where, line)
        assert line.isprintable(), (where, line)
        assert event.number, (where, line)


def places(document: object) -> list[tuple[dict[str, object], str]]:
    """Every field of a document."""
    found: list[tuple[dict[str, object], str]] = []
    if isinstance(document, dict):
        for key, value in document.items():
            found += [(document, key), *places(value)]
    elif isinstance(document, list):
        for value in document[:3]:
            found += places(value)
    return found
