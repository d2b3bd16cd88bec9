"""K4: what happens between two rounds is told once, or its absence is told, by every poller."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paged_forges import FORGES
from paged_tools import TOOLS, Argo, Redmine
from paging import START, Asked, Paged, Straight, Told, check, poller_of, untold

from devstream_desktop.home import Home
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll import chain
from devstream_desktop.intake.poll.http_client import FetchError
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.registry import collector_module, collector_names
from devstream_desktop.intake.store import Store

SERVICES = (*FORGES, *TOOLS)
MINUTE = 60_000
every_service = pytest.mark.parametrize(
    "make", SERVICES, ids=[service.__name__ for service in SERVICES]
)


OUTAGES = ("error", "cut", "login")
"""Answers of a service that is away: 503, the half of a page, a web page under 200."""
LOGIN = b"<!doctype html><html><body><form action='/login'></form></body></html>"


class Server:
    """A service on loopback that fails while `away`, and after so many more requests."""

    def __init__(self, service: Paged, outage: str = "error") -> None:
        self.service = service
        self.outage = outage
        self.away = False
        self.good = -1
        """Requests that are answered before it goes away; -1: all."""
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := (await reader.readline()).decode().strip():
                headers: dict[str, str] = {}
                while header := (await reader.readline()).decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = self._answer(line.split()[1], headers, body)
                cut = self.away and self.outage == "cut"
                writer.write(answer[: len(answer) - len(answer) // 3] if cut else answer)
                await writer.drain()
                if cut:
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, target: str, headers: dict[str, str], body: bytes) -> bytes:
        self.away = self.away or self.good == 0
        self.good -= 1
        if self.away and self.outage == "error":
            return _http(503, {}, b"{}")
        if self.away and self.outage == "login":
            return _http(200, {"content-type": "text/html"}, LOGIN)
        status, said, document = self.service.answer(Asked.of(target, headers, body))
        return _http(status, said, json.dumps(document).encode())


def _http(status: int, said: Mapping[str, str], content: bytes) -> bytes:
    headers = {**said, "content-length": str(len(content))}
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def rounds(poller: HttpPoller, clock: Callable[[], None], count: int = 1) -> None:
    """Poll so often, whatever comes of it."""
    for _ in range(count):
        clock()
        with suppress(FetchError):
            await poller.poll()


@pytest.mark.parametrize("outage", OUTAGES)
@every_service
async def test_a_service_that_pages_fails_and_returns_is_read_whole(
    make, outage, notes, clock
) -> None:
    service, told = make(), Told()

    def tick() -> None:
        clock.now += MINUTE // 2

    server = Server(service, outage)
    async with server.running():
        poller = poller_of(service, server.url, notes, told, clock)
        service.happen(5, clock.now - MINUTE, clock.now)
        await rounds(poller, tick, 2)
        before, last = len(told.events), clock.now
        tick()
        service.happen(10 if make is Argo else 95, last, clock.now)
        # It goes away at its third answer, which is somewhere within the pages.
        server.good = 2
        await rounds(poller, tick, 3)
        server.good, server.away = -1, False
        await rounds(poller, tick, 4)
        await poller.close()
    assert told.gaps == []
    assert untold(service, told, since=5) == set()
    check(service, told, since=5)
    numbers = [service.number(event) for event in told.events[before:]]
    assert numbers == sorted(numbers), "the oldest first, or lines are told late"


Use = Callable[[Paged, Callable[[], bool]], Straight]


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Let pollers ask a service without a network."""

    def use(service: Paged, failing: Callable[[], bool]) -> Straight:
        network = Straight(service, failing)
        monkeypatch.setattr(chain, "Fetcher", lambda *_: network)
        return network

    return use


@every_service
async def test_more_than_is_read_is_told_as_a_gap(make, notes, clock, straight) -> None:
    service, told = make(), Told()
    straight(service, lambda: False)

    def tick() -> None:
        clock.now += MINUTE // 2

    poller = poller_of(service, "http://127.0.0.1", notes, told, clock)
    service.happen(5, clock.now - MINUTE, clock.now)
    await rounds(poller, tick, 2)
    clock.now += 120 * MINUTE
    service.happen(2000, clock.now - 120 * MINUTE, clock.now)
    await rounds(poller, tick, 60 if make is Redmine else 3)
    check(service, told, since=5)
    assert poller.health.gap == (told.gaps[-1] if told.gaps else "")
    again = poller_of(service, "http://127.0.0.1", notes, told, clock)
    await again.health.open(clock.now)
    assert again.health.gap == poller.health.gap, "it is known after a restart too"
    count = len(told.events)
    await rounds(again, tick, 2)
    assert len(told.events) == count


@every_service
async def test_a_page_that_repeats_the_one_before_hides_nothing(
    make, notes, clock, straight
) -> None:
    service, told = make(), Told()
    network = straight(service, lambda: False)

    def tick() -> None:
        clock.now += MINUTE // 2

    poller = poller_of(service, "http://127.0.0.1", notes, told, clock)
    service.happen(5, clock.now - MINUTE, clock.now)
    await rounds(poller, tick, 2)
    last = clock.now
    tick()
    service.happen(10 if make is Argo else 130, last, clock.now)
    network.repeat(1)
    await rounds(poller, tick)
    network.repeat(0)
    await rounds(poller, tick, 4)
    check(service, told, since=5)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.integers(1, 160)),
        st.tuples(st.just("round"), st.just(0)),
        st.tuples(st.just("fails"), st.integers(0, 8)),
        st.tuples(st.just("repeats"), st.integers(1, 4)),
        st.tuples(st.just("away"), st.integers(1, 200)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=9,
)


@pytest.mark.slow
@every_service
def test_each_happening_is_told_once_or_lies_in_a_gap(make, straight) -> None:
    @settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS)
    def history(steps: list[tuple[str, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder) / "home")
            home.create()
            asyncio.run(_live(make(), home, steps, straight))

    history()


async def _live(
    service: Paged,
    home: Home,
    steps: list[tuple[str, int]],
    straight: Use,
) -> None:
    told, now, good = Told(), [START], [-2]

    def failing() -> bool:
        good[0] -= 1
        return good[0] == -1

    def tick() -> None:
        now[0] += MINUTE // 2

    network = straight(service, failing)
    store = Store(home.intake)
    await store.open()
    notes = Notes(store)

    def start() -> HttpPoller:
        return poller_of(service, "http://127.0.0.1", notes, told, lambda: now[0])

    poller = start()
    service.happen(3, now[0] - MINUTE, now[0])
    await rounds(poller, tick, 2)
    for step, number in steps:
        last = now[0]
        tick()
        if step == "happen":
            service.happen(number, last, now[0])
        elif step == "round":
            await rounds(poller, tick)
        elif step == "fails":
            good[0] = number
            await rounds(poller, tick)
        elif step == "repeats":
            network.repeat(number)
            await rounds(poller, tick)
            network.repeat(0)
        elif step == "away":
            now[0] += number * MINUTE
        else:
            poller = start()
            await poller.health.open(now[0])
        good[0] = -2
    await rounds(poller, tick, 30 if isinstance(service, Redmine) else 3)
    await store.close()
    check(service, told, since=3)


def test_every_poller_is_among_them() -> None:
    asked = {service.collector.COLLECTOR.title for service in SERVICES}
    # A list that is complete has no pages.
    whole = {"alertmanager", "grafana", "cctray"}
    about = {name: collector_module(name).COLLECTOR for name in collector_names()}
    polled = {name for name, one in about.items() if one.poll is not None}
    assert {name for name in polled - whole if about[name].title not in asked} == set()
