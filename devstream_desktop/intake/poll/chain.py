"""Chain of requests: the first one, and all that follow from its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from devstream_collectors.contract import (
    Gap,
    Poll,
    PollCollector,
    Polled,
    Request,
    Response,
    SourceInfo,
)
from devstream_desktop.intake.broken_text import mended
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.poll.http_client import (
    Answer,
    Fetcher,
    FetchError,
    RateLimit,
    Validators,
    rate_limit,
)
from devstream_desktop.stream.bounds import check_json
from devstream_desktop.stream.event import Event

MAX_REQUESTS = 200
"""Requests of one chain: more pages at once are an import, not news."""
MAX_CURSOR = 64 * 1024
Proof = dict[str, str]
"""The header with the token."""


@dataclass
class Spent:
    """Requests of a round, and the rate limit that they count against."""

    asked: int = 0
    """All but the 304s, which do not count."""
    limit: RateLimit | None = None


@dataclass
class Chain:
    """Result of a chain that went well."""

    cursor: bytes
    validators: Validators
    events: list[Event] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    """Of lists with more pages than were read."""


class Asker:
    """Asks a service what its collector wants to know.

    Args:
        info: the source as its collector sees it.
        collector: reads answers.
        health: counts what is dropped, and knows when the token ends.
        now: UTC milliseconds.

    """

    def __init__(
        self, info: SourceInfo, collector: PollCollector, health: Health, now: Callable[[], int]
    ) -> None:
        self._info = info
        self._about = collector.COLLECTOR.poll or Poll()
        self._collector = collector
        self._health = health
        self._now = now
        self._fetcher: Fetcher | None = None

    async def close(self) -> None:
        """End the connection."""
        if self._fetcher is not None:
            fetcher, self._fetcher = self._fetcher, None
            await fetcher.close()

    async def chain(
        self, first: Request, cursor: bytes, proof: Proof, before: Validators, spent: Spent
    ) -> Chain:
        """Send a first request and all that follow from it.

        Raises:
            FetchError: one of them failed; nothing of the chain counts.

        """
        answer = await self._fetch(first, proof, before, spent)
        # Nothing changed, so the pages behind it did not either.
        if answer.status == 304:
            return Chain(cursor, before)
        chain = Chain(cursor, Validators.of(answer.headers))
        polled = self._parse(first, answer, cursor)
        waiting = self._take(chain, polled)
        asked = 1
        while waiting:
            if asked >= MAX_REQUESTS:
                self._health.dropped["too-many-pages"] += len(waiting)
                chain.gaps.append(Gap(f"answers to {_plain(first)}"))
                break
            asked += 1
            request = waiting.pop(0)
            # Without validators: this is asked because something changed, so it is read even if the
            # answer is an old one.
            polled = self._parse(
                request, await self._fetch(request, proof, Validators(), spent), chain.cursor
            )
            waiting = self._take(chain, polled) + waiting
        return chain

    async def one(self, request: Request, proof: Proof) -> tuple[int, Polled]:
        """Send a request for a test; return the status and what is read in the answer.

        Raises:
            FetchError: it could not be asked, or the answer not be understood.

        """
        answer = await self._fetch(request, proof, Validators(), Spent())
        return answer.status, self._parse(request, answer, b"")

    def _take(self, chain: Chain, polled: Polled) -> list[Request]:
        # An empty cursor would mean first contact, and a large one is written each round.
        if not 0 < len(polled.cursor) <= MAX_CURSOR:
            raise FetchError(
                f"the collector's cursor must be 1 to {MAX_CURSOR} bytes, not {len(polled.cursor)}"
            )
        chain.cursor = polled.cursor
        chain.events += polled.events
        self._health.dropped.update(polled.dropped)
        if polled.gap is not None:
            chain.gaps.append(polled.gap)
        return list(polled.requests)

    def _parse(self, request: Request, answer: Answer, cursor: bytes) -> Polled:
        response = Response(request, answer.status, answer.headers, answer.body, self._now())
        return understood(self._collector, response, cursor, self._info)

    async def _fetch(
        self, request: Request, proof: Proof, validators: Validators, spent: Spent
    ) -> Answer:
        # Made here and off the loop, because it reads the system's certificates.
        if self._fetcher is None:
            self._fetcher = await asyncio.to_thread(Fetcher, self._info.url, self._about.headers)
        answer = await self._fetcher.fetch(request, proof, validators, self._now())
        # GitHub does not count a 304 against its rate limit.
        spent.asked += answer.status != 304
        spent.limit = rate_limit(answer.headers, self._now()) or spent.limit
        if self._about.expiry_header:
            self._health.credential_expires = _moment(
                answer.headers.get(self._about.expiry_header, "")
            )
        return answer


def understood(
    collector: PollCollector, response: Response, cursor: bytes, source: SourceInfo
) -> Polled:
    """Let the collector read an answer.

    Raises:
        FetchError: it is not an answer of that service.

    """
    request = response.request
    # Foreign JSON: text is mended and its depth checked, before any collector decodes it.
    try:
        if "json" in request.accept:
            response = replace(response, body=mended(response.body))
            check_json(response.body)
        return collector.parse(response, cursor, source)
    except ValueError as error:
        raise FetchError(
            f"the answer to {_plain(request)} is not what was expected: {error}"
        ) from error


def _plain(request: Request) -> str:
    return request.path.split("?", 1)[0]


def _moment(text: str) -> int:
    """Read a time such as `2026-12-01 00:00:00 UTC`, `... +0200` or ISO 8601.

    Returns UTC milliseconds, 0 when it is no time.
    """
    try:
        moment = datetime.fromisoformat(
            text.replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-")
        )
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
