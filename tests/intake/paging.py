"""Services whose lists have pages: what happens in them, and a poller that asks them.

A `Paged` service has one list in which things happen, at known times, and answers as the real one
does. It is the oracle of what a poller should tell.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from devstream_collectors.contract import PollCollector, SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll import http_client
from devstream_desktop.intake.poll.http_client import FetchError
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

START = 1_800_000_000_000
A = "a" * 40
Document = dict[str, Any]
Said = tuple[int, Mapping[str, str], object]
"""Status, headers and document of an answer."""


@dataclass(frozen=True)
class Asked:
    """A request as a service sees it."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Document

    @staticmethod
    def of(target: str, headers: Mapping[str, str], body: bytes) -> Asked:
        """Read a request; `target` is its path and query."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        return Asked(url.path, query, headers, json.loads(body) if body else {})


class Paged:
    """One list of one service. Happening n is the n-th, from 1, at `times[n - 1]`."""

    collector: ClassVar[PollCollector]
    options: ClassVar[Mapping[str, Any]] = {}
    path: ClassVar[str] = ""
    """Of the source's address."""
    counts: ClassVar[bool] = False
    """It says how many there are, so a gap has their number."""

    def __init__(self) -> None:
        self.times: list[int] = []

    def happen(self, count: int, since: int, now: int) -> None:
        """Let so many things have happened after `since` and before `now`."""
        since = max([since, *self.times[-1:]])
        self.times += [
            since + (now - since) * place // (count + 1) for place in range(1, count + 1)
        ]

    def answer(self, asked: Asked) -> Said:
        """Answer a request; a path that it does not have is 404."""
        raise NotImplementedError

    def number(self, event: Event) -> int:
        """The happening that a line is about."""
        raise NotImplementedError

    def newest(self) -> Iterator[int]:
        """The numbers of all happenings, the newest first."""
        return iter(range(len(self.times), 0, -1))

    def at(self, number: int) -> int:
        """The time when it happened, UTC milliseconds."""
        return self.times[number - 1]

    def iso(self, number: int) -> str:
        """The same as text."""
        return iso(self.at(number))


def cut(items: Sequence[Any], page: int, size: int) -> list[Any]:
    """The items of a page, from 1."""
    return list(items[(page - 1) * size : page * size])


def of_title(event: Event) -> int:
    """Read the number behind the last blank of a title."""
    return int(event.title.rpartition(" ")[2])


def of_revision(event: Event) -> int:
    """Read the number that a made-up commit is."""
    return int(event.revision, 16)


@dataclass
class Told:
    """A stream: each key once, in order."""

    events: list[Event] = field(default_factory=list)

    async def publish(self, events: list[Event]) -> None:
        known = {event.key for event in self.events}
        self.events += [event for event in events if event.key not in known]

    @property
    def gaps(self) -> list[str]:
        """The sentences of the gaps."""
        return [
            event.title
            for event in self.events
            if event.kind is Kind.SOURCE and event.subject.endswith("/gap")
        ]

    def of(self, service: Paged) -> Counter[tuple[int, str]]:
        """The count of lines of each happening, by its number and state."""
        return Counter(
            (service.number(event), event.state)
            for event in self.events
            if event.kind is not Kind.SOURCE
        )


class Straight:
    """Asks a service without a network; `failing` says which requests fail."""

    def __init__(self, service: Paged, failing: Callable[[], bool]) -> None:
        self._service = service
        self._failing = failing
        self._repeated = 0
        self._pages: dict[object, tuple[object, http_client.Answer]] = {}

    def repeat(self, number: int) -> None:
        """Answer the so-manieth later page from now on with the one before; 0: none."""
        self._repeated = number
        self._pages = {}

    async def close(self) -> None:
        pass

    async def fetch(self, request: Any, *_: object) -> http_client.Answer:
        """Answer as `Fetcher.fetch`."""
        if self._failing():
            raise FetchError("the service is away")
        name, *rest = json.loads(request.tag)
        listed = (request.path.partition("?")[0], name, *rest[:1])
        page = (request.path, request.body, *request.headers.items())
        asked, answer = self._pages.get(listed, (page, None))
        if answer is not None and asked != page:
            self._repeated -= 1
            if self._repeated == 0:
                return answer
        answer = self._answered(request)
        self._pages[listed] = page, answer
        return answer

    def _answered(self, request: Any) -> http_client.Answer:
        target = self._service.path + request.path
        asked = Asked.of(target, request.headers, request.body)
        status, headers, document = self._service.answer(asked)
        if status == 404 and not (request.missing_ok or request.optional):
            raise FetchError(f"there is no {request.path}")
        return http_client.Answer(status, headers, json.dumps(document).encode())


def poller_of(
    service: Paged, url: str, notes: Notes, told: Told, now: Callable[[], int]
) -> HttpPoller:
    """Make the poller of a service at `url`."""
    health = Health("it", told.publish, notes)
    limiter = RateLimiter("it", health, Publisher(told.publish), now)
    info = SourceInfo("it", ("main",), url=url + service.path, options=service.options)
    return HttpPoller(info, service.collector, 0, lambda: b"t0:ken", notes, health, limiter, now)


_PERIOD = re.compile(
    r"(?:(?P<count>[\d,]+|one of the) )?.* between (?P<day>\d\d \w{3}) (?P<begin>\d\d:\d\d)"
    r" and (?:\d\d \w{3} )?(?P<end>\d\d:\d\d) UTC w"
)


def untold(service: Paged, told: Told, since: int = 0) -> set[int]:
    """The happenings behind the number `since` of which there is no line."""
    said = {number for number, _ in told.of(service)}
    return set(range(since + 1, len(service.times) + 1)) - said


def check(service: Paged, told: Told, since: int = 0) -> None:
    """See that each happening is told once, in order, or lies in a gap that is told."""
    said = told.of(service)
    assert set(said.values()) <= {1}, [one for one, times in said.items() if times > 1]
    missing = untold(service, told, since)
    assert bool(missing) <= bool(told.gaps), f"{len(missing)} are lost without a word"
    periods = [_PERIOD.match(sentence) for sentence in told.gaps]
    assert all(periods), told.gaps
    counts = [period["count"] for period in periods if period]
    if service.counts and told.gaps:
        numbers = [1 if text == "one of the" else int(text.replace(",", "")) for text in counts]
        assert sum(numbers) == len(missing), (told.gaps, len(missing))
    if len(periods) == 1 and periods[0]:
        within = {iso(service.at(number))[11:16] for number in missing}
        assert all(periods[0]["begin"] <= at <= periods[0]["end"] for at in within), told.gaps
