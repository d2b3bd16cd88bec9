"""Samples of our own, written after each service's documentation, the real payloads where they are at hand, and what holds for all."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import Delivery, Normalised, PollCollector, Request, Response, SourceInfo
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.line import LIST_WIDTH, render

HERE = Path(__file__).parent
PAYLOADS = HERE.parents[2] / "shared" / "payloads"
RECEIVED = 1_800_000_000_000  # 2027-01-15T08:00:00Z
Normalise = Callable[[Delivery, SourceInfo], Normalised]
_TABLE = pytest.StashKey[dict[str, Counter[str]]]()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def sample() -> Callable[[str], Delivery]:
    """`sample("push.forced")` of GitHub: the event's name up to the first point."""

    def read(name: str) -> Delivery:
        return Delivery(
            {"x-github-event": name.split(".", maxsplit=1)[0]}, (HERE / "samples" / "github" / f"{name}.json").read_bytes(), RECEIVED
        )

    return read


@pytest.fixture(scope="session")
def samples() -> Callable[[str], dict[str, bytes]]:
    """`samples("gitlab")`: the content of each file in `samples/gitlab`, by its name without the ending."""

    def read(kind: str) -> dict[str, bytes]:
        return {file.stem: file.read_bytes() for file in sorted((HERE / "samples" / kind).iterdir())}

    return read


class Reader:
    """Reads samples of one type, whole or changed a little."""

    def __init__(self, kind: str, normalise: Normalise, headers: Callable[[str], Mapping[str, str]]) -> None:
        self.source = SourceInfo(kind)
        self._folder = HERE / "samples" / kind
        self._normalise = normalise
        self._headers = headers

    def read(
        self, name: str, change: object = None, source: SourceInfo | None = None, headers: Mapping[str, str] | None = None
    ) -> Normalised:
        """What the sample `name` comes to, with the fields of `change` replaced (nested ones merged)."""
        body = merge(json.loads((self._folder / f"{name}.json").read_bytes()), change or {})
        delivery = Delivery(self._headers(name) if headers is None else headers, json.dumps(body).encode(), RECEIVED)
        return self._normalise(delivery, source or self.source)

    def event(self, *arguments: Any, **keywords: Any) -> Event:
        """The one event that it comes to."""
        result = self.read(*arguments, **keywords)
        assert not result.dropped, result
        (made,) = result.events
        return made

    def dropped(self, *arguments: Any, **keywords: Any) -> str:
        """Why there is none."""
        result = self.read(*arguments, **keywords)
        assert result.events == ()
        return result.dropped


def merge(old: object, new: object) -> object:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merge(old.get(key), value) for key, value in new.items()}
    return new


@pytest.fixture(scope="session")
def reader() -> Callable[..., Reader]:
    """`reader("gitlab", gitlab.normalise)` reads samples; a third argument gives the headers of one by its name."""

    def make(kind: str, normalise: Normalise, headers: Callable[[str], Mapping[str, str]] = lambda _: {}) -> Reader:
        return Reader(kind, normalise, headers)

    return make


class Rounds:
    """Polls a service that says what it was told, without a network; a path that nobody told is missing."""

    def __init__(self, collector: PollCollector, source: SourceInfo) -> None:
        self.source = source
        self.asked: list[str] = []
        self.dropped: Counter[str] = Counter()
        self.now = RECEIVED
        self._collector = collector
        self._cursor = b""
        self._answers: dict[str, tuple[bytes, dict[str, str]]] = {}

    def say(self, path: str, document: object, **headers: str) -> None:
        """What is answered from now on to this path; one with a query stands for all that begin so. The longest wins."""
        self._answers[path] = (json.dumps(document).encode(), headers)

    def forget(self, path: str) -> None:
        """Answer 404 to it."""
        del self._answers[path]

    def like(self, other: Rounds) -> None:
        """Say what another says."""
        self._answers |= other._answers

    def round(self) -> list[Event]:
        """The events of one more round."""
        events: list[Event] = []
        for first in self._collector.requests(self._cursor, self.source, self.now):
            waiting = [first]
            while waiting:
                request = waiting.pop(0)
                polled = self._collector.parse(self._answer(request), self._cursor, self.source)
                self._cursor = polled.cursor
                events += polled.events
                self.dropped.update(polled.dropped)
                waiting = [*polled.requests, *waiting]
        return events

    def _answer(self, request: Request) -> Response:
        self.asked.append(request.path)
        plain = request.path.split("?", 1)[0]
        told = [path for path in self._answers if path == plain or ("?" in path and request.path.startswith(path))]
        if not told:
            assert request.missing_ok, request.path
            return Response(request, 404, {}, b"", self.now)
        body, headers = self._answers[max(told, key=len)]
        return Response(request, 200, headers, body, self.now)


@pytest.fixture
def rounds() -> Callable[[PollCollector, SourceInfo], Rounds]:
    """`rounds(gitlab, source)` is a service to be told what it says, and polled."""
    return Rounds


@pytest.fixture
def row() -> Callable[[Event], tuple[object, ...]]:
    """What two ways to learn a fact must agree on: its identity, its row, and what the line says."""

    def row(event: Event) -> tuple[object, ...]:
        return event.key, event.kind, event.state, event.subject, event.number, event.service, event.actor, event.title, event.environment

    return row


@pytest.fixture(scope="session")
def any_answers() -> Callable[[Any, SourceInfo, list[object]], None]:
    """`any_answers(gitlab_poll, source, bodies)`: whatever rounds are answered, the cursor stays small and readable, and events valid."""

    def check_all(poller: Any, source: SourceInfo, bodies: list[object]) -> None:
        @settings(deadline=None, max_examples=25)
        @given(st.data())
        def check(data: st.DataObject) -> None:
            cursor = b""
            for _ in range(3):
                waiting = list(poller.requests(cursor, source, RECEIVED))
                for _ in range(12):
                    if not waiting:
                        break
                    request = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
                    document = json.loads(json.dumps(data.draw(st.sampled_from(bodies))))
                    node, key = data.draw(st.sampled_from(places(document)))
                    node[key] = data.draw(JSON)
                    answer = data.draw(st.sampled_from([document, [document], {"value": [document]}, {"values": [document]}]) | JSON)
                    status = data.draw(st.sampled_from([200, 200, 404])) if request.missing_ok else 200
                    with contextlib.suppress(ValueError):
                        polled = poller.parse(Response(request, status, {}, json.dumps(answer).encode(), RECEIVED), cursor, source)
                        cursor, waiting = polled.cursor, [*waiting, *polled.requests]
                        assert 0 < len(cursor) < 64 * 1024
                        assert all(event.key for event in polled.events)

        check()

    return check_all


@pytest.fixture
def payloads() -> Path:
    if not PAYLOADS.is_dir():
        pytest.skip("the real payloads are not beside this repository (../shared/payloads)")
    return PAYLOADS


@pytest.fixture
def check_payloads(payloads: Path, request: pytest.FixtureRequest) -> Callable[..., Counter[str]]:
    """`check_payloads("gitlab", normalise, files, headers)`: each is clean lines or a named drop, twice the same; counts by outcome.

    `headers` gives those of a file. What it adds to the table is printed at the end of the run.
    """

    def check(
        kind: str,
        normalise: Normalise,
        files: Iterable[Path],
        headers: Callable[[Path], Mapping[str, str]] = lambda _: {},
        source: SourceInfo | None = None,
    ) -> Counter[str]:
        about = source or SourceInfo(kind)
        outcomes: Counter[str] = Counter()
        for file in files:
            delivery = Delivery(headers(file), file.read_bytes(), RECEIVED)
            result = normalise(delivery, about)
            assert_clean(result, file)
            assert normalise(delivery, about) == result, f"{file}: the same bytes twice are not the same events"
            outcomes[result.dropped or "lines"] += 1
        assert outcomes.total(), f"there is no payload of {kind}"
        request.config.stash.setdefault(_TABLE, {}).setdefault(kind, Counter()).update(outcomes)
        return outcomes

    return check


def assert_clean(result: Normalised, where: object) -> None:
    assert bool(result.events) != bool(result.dropped), where
    assert result.dropped not in ("unexpected-shape", "invalid-event", "collector-failed"), (where, result.detail)
    for event in result.events:
        line = render(event)
        assert len(line) <= LIST_WIDTH, (where, line)
        assert line.isprintable(), (where, line)
        assert event.number, (where, line)


@pytest.fixture(scope="session")
def survives() -> Callable[[Normalise, Iterable[Delivery], SourceInfo], None]:
    """`survives(normalise, deliveries, source)`: with any bytes, any JSON, or any field of these replaced: events or a named drop."""

    def survives(normalise: Normalise, deliveries: Iterable[Delivery], source: SourceInfo) -> None:
        known = list(deliveries)

        def answers(headers: Mapping[str, str], body: bytes) -> None:
            result = normalise(Delivery(headers, body, RECEIVED), source)
            assert bool(result.events) != bool(result.dropped)

        @settings(deadline=None, max_examples=60)
        @given(st.sampled_from(known), st.binary(max_size=100), JSON, st.data())
        def check(delivery: Delivery, noise: bytes, value: object, data: st.DataObject) -> None:
            answers(delivery.headers, noise)
            answers(delivery.headers, json.dumps(value).encode())
            document = json.loads(delivery.body)
            if found := places(document):
                node, key = data.draw(st.sampled_from(found))
                node[key] = value
                answers(delivery.headers, json.dumps(document).encode())

        check()

    return survives


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = terminalreporter.config.stash.get(_TABLE, {})
    if table:
        terminalreporter.section("real payloads by source")
    for kind, outcomes in sorted(table.items()):
        drops = ", ".join(f"{name} {count}" for name, count in outcomes.most_common() if name != "lines")
        terminalreporter.line(f"{kind:18} {outcomes.total():4} payloads  {outcomes['lines']:4} with lines  {drops}")
