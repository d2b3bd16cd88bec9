"""Fixtures for the tests of collectors: samples of our own, and the real payloads where at hand."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from collecting import (
    JSON,
    PAYLOADS,
    RECEIVED,
    Headers,
    Normalise,
    Reader,
    Rounds,
    assert_clean,
    places,
    samples_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sorts import POLLED

from devstream_collectors.contract import Delivery, PollCollector, Response, SourceInfo
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.line import render

_TOLERANCE = pytest.StashKey[dict[str, Counter[str]]]()
_TABLE = pytest.StashKey[dict[str, Counter[str]]]()
_LINES = pytest.StashKey[dict[str, Counter[str]]]()


@pytest.fixture(scope="session")
def samples() -> Callable[[str], dict[str, bytes]]:
    """`samples("gitlab")`: the content of each file in `gitlab/samples`, by its name."""
    return samples_of


@pytest.fixture(scope="session")
def reader() -> Callable[..., Reader]:
    """`reader("gitlab", gitlab.normalise)` reads samples.

    A third argument gives the headers of one by its name; `source` is for whom.
    """

    def make(
        kind: str,
        normalise: Normalise,
        headers: Headers = lambda _: {},
        source: SourceInfo | None = None,
    ) -> Reader:
        return Reader(kind, normalise, headers, source or SourceInfo(kind))

    return make


@pytest.fixture
def rounds() -> Callable[[PollCollector, SourceInfo], Rounds]:
    """`rounds(gitlab, source)` is a service to be told what it says, and polled."""
    return Rounds


@pytest.fixture
def row() -> Callable[[Event], tuple[object, ...]]:
    """The part of a fact that two ways to learn it agree on: identity, row and line."""

    def row(event: Event) -> tuple[object, ...]:
        identity = (event.key, event.kind, event.state, event.subject, event.number)
        return *identity, event.service, event.actor, event.title, event.environment

    return row


@pytest.fixture(scope="session")
def any_answers() -> Callable[[Any, SourceInfo, list[object]], None]:
    """`any_answers(poll, source, bodies)`: whatever rounds are answered, the cursor stays good.

    It is small and readable, and events are valid.
    """

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
                    forms = [document, [document], {"value": [document]}, {"values": [document]}]
                    answer = data.draw(st.sampled_from(forms) | JSON)
                    statuses = [200, 200, 404] if request.missing_ok else [200]
                    status = data.draw(st.sampled_from(statuses))
                    body = json.dumps(answer).encode()
                    with contextlib.suppress(ValueError):
                        response = Response(request, status, {}, body, RECEIVED)
                        polled = poller.parse(response, cursor, source)
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
    """`check_payloads("gitlab", normalise, files, headers)` counts outcomes.

    Each is clean lines or a named drop, twice the same. `headers` gives those of a file. The table
    is printed at the end of the run: `pytest tests/collectors -k payload`, with `-v` each line.
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
        lines = request.config.stash.setdefault(_LINES, {})
        for file in files:
            delivery = Delivery(headers(file), file.read_bytes(), RECEIVED)
            result = normalise(delivery, about)
            assert_clean(result, file)
            again = normalise(delivery, about)
            assert again == result, f"{file}: the same bytes twice are not the same events"
            outcomes[result.dropped or "lines"] += 1
            said = [render(event) for event in result.events] or [f"({result.dropped})"]
            lines.setdefault(kind, Counter()).update(said)
        assert outcomes.total(), f"there is no payload of {kind}"
        table = request.config.stash.setdefault(_TABLE, {})
        table.setdefault(kind, Counter()).update(outcomes)
        return outcomes

    return check


@pytest.fixture(scope="session")
def survives() -> Callable[[Normalise, Iterable[Delivery], SourceInfo], None]:
    """`survives(normalise, deliveries, source)`: events or a named drop, whatever is sent.

    Any bytes, any JSON, and these deliveries with any field replaced.
    """

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


@pytest.fixture
def tolerance(request: pytest.FixtureRequest) -> dict[str, Counter[str]]:
    """The table of fields by type, printed at the end of the run."""
    return request.config.stash.setdefault(_TOLERANCE, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = terminalreporter.config.stash.get(_TABLE, {})
    if table:
        terminalreporter.section("real payloads by source")
    for kind, outcomes in sorted(table.items()):
        drops = [f"{name} {count}" for name, count in outcomes.most_common() if name != "lines"]
        total, lines = outcomes.total(), outcomes["lines"]
        terminalreporter.line(
            f"{kind:18} {total:4} payloads  {lines:4} with lines  {', '.join(drops)}"
        )
        # With -v to be read, each different line: nothing else tells whether one is false.
        said: Counter[str] = terminalreporter.config.stash.get(_LINES, {}).get(kind, Counter())
        for line, count in sorted(said.items()) if terminalreporter.verbosity > 0 else ():
            terminalreporter.line(f"    {count:3}  {line}")
    fields = terminalreporter.config.stash.get(_TOLERANCE, {})
    fields |= {f"{poller} (polled)": counted for poller, counted in POLLED.items()}
    if fields:
        terminalreporter.section("fields whose sort was changed, by source")
    for kind, counted in sorted(fields.items()):
        terminalreporter.line(
            f"{kind:22} {counted['fields']:5} fields  {counted['needed']:4} needed  "
            f"{counted['costs']:3} that cost a line without need"
        )
