"""Poller of a service over HTTP: rounds of requests, each with its chain.

The collector makes the requests and reads the answers (`contract.PollCollector`). A chain is in
`chain.py`, and the rest of HTTP in `http_client.py`. The cursor moves only after the events are
published: a crash repeats events with the same keys.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from devstream_collectors.contract import (
    Poll,
    PollCollector,
    Request,
    SourceInfo,
)
from devstream_desktop.clock import within
from devstream_desktop.intake.backlog import BEHIND, is_digest
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_info import check_token
from devstream_desktop.intake.health import Health, Way
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.chain import Asker, Spent
from devstream_desktop.intake.poll.http_client import FetchError, Validators
from devstream_desktop.intake.webhook.proof import poll_header
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

MAX_INTERVAL = 300.0
JITTER = 0.2
MAX_CHAINS = 200
FIRST_EVENTS = 20
ASKED = 5 * 60_000
"""Milliseconds: a quiet service costs one write in this time."""
_LOG = logging.getLogger(__name__)


class _State(msgspec.Struct, frozen=True):
    """State that survives a restart. `of` is the address and options that it belongs to."""

    of: str
    cursor: bytes = b""
    since: int = 0
    """First contact, UTC milliseconds: events before it are history."""
    asked: int = 0
    """About when all was well last, UTC milliseconds; it is written once in `ASKED`."""
    validators: dict[str, tuple[str, str]] = {}


_state = msgspec.msgpack.Decoder(_State)


@dataclass
class Round(Spent):
    """Result of one round."""

    good: int = 0
    """Chains that went well."""
    events: int = 0
    digest: bool = False
    """One line told what happened in a long time."""
    errors: list[FetchError] = field(default_factory=list)

    def pause(self, interval: float) -> float:
        """Seconds to the next round: the rest of a rate limit is spread over its time."""
        if self.limit is None or not self.asked:
            return interval
        rounds = self.limit.remaining // self.asked
        return max(interval, self.limit.reset / rounds if rounds else self.limit.reset)


class HttpPoller:
    """Polls one service until stopped.

    Args:
        info: the source as its collector sees it.
        collector: makes requests and reads answers.
        interval: seconds between rounds, 0 for the collector's own.
        token: returns the token; it may block, and raise `SourcesError` or an error of the vault.
        notes: keep the cursor.
        health: notes every round.
        limiter: publishes the events.
        now: UTC milliseconds.

    """

    def __init__(
        self,
        info: SourceInfo,
        collector: PollCollector,
        interval: int,
        token: Callable[[], bytes],
        notes: Notes,
        health: Health,
        limiter: RateLimiter,
        now: Callable[[], int],
    ) -> None:
        self.info = info
        poll = collector.COLLECTOR.poll or Poll()
        self.interval = float(interval or poll.interval)
        self._collector = collector
        self._about = poll
        self._token = token
        self._notes = notes
        self.health = health
        self._limiter = limiter
        self._now = now
        self._asker = Asker(info, collector, health, now)
        # A long interval is no outage.
        self._behind = BEHIND + round(2000 * self.interval)
        self._last = 0
        self._unread: dict[str, int] = {}
        """Chains that the last round did not read: the last good time, UTC milliseconds."""
        self._of = msgspec.json.encode([info.url, sorted(info.options.items())]).decode()

    async def run(self, stop: asyncio.Event) -> None:
        """Ask again and again until `stop` is set.

        Failures are counted, shown and waited out. They never end the loop.
        """
        failures = 0
        try:
            while not stop.is_set():
                wait = 0.0
                try:
                    done = await self.poll()
                    # One chain that fails slows the whole source down: they share a server.
                    failures = failures + 1 if done.errors else 0
                    wait = max((error.wait for error in done.errors), default=0.0)
                    pause = done.pause(self.interval)
                except Exception as error:  # noqa: BLE001 - shown; the next round tries again
                    failures += 1
                    pause = self.interval
                    wait = error.wait if isinstance(error, FetchError) else 0.0
                    level = (
                        logging.INFO
                        if isinstance(error, FetchError | SourcesError)
                        else logging.ERROR
                    )
                    _LOG.log(level, "source %s: %s", self.info.name, error)
                    await self.health.failed(self._now(), str(error), Way.POLL)
                # The longest of what the service asks for, its rate limit, and our own back-off.
                pause = max(
                    wait, pause, min(MAX_INTERVAL, self.interval * 2**failures) if failures else 0.0
                )
                # So that many collectors do not ask at the same moment, and never earlier than the
                # service asks for.
                pause *= 1 + random.uniform(0.0 if wait else -JITTER, JITTER)  # noqa: S311 - not for secrets
                await within(stop, pause)
        finally:
            await self.close()

    async def close(self) -> None:
        """End the connection."""
        await self._asker.close()

    async def poll(self) -> Round:
        """Do one round, and publish its events; errors of single chains are in the result.

        Raises:
            FetchError: no chain worked.
            SourcesError: the token cannot be read.

        """
        now = self._now()
        state = await self._read_state()
        proof = await self._proof()
        cursor, asked = self._begin(state.cursor, now)
        # Everything a service has at first contact is history.
        first = not cursor
        kept = {
            name: state.validators[name] for name in map(_name, asked) if name in state.validators
        }
        done, quietly = Round(), list[Event]()
        held, since = list[Event](), now
        good = self._last or state.asked or now
        unread = {name: self._unread.get(name, good) for name in map(_name, asked)}
        for request in asked:
            name = _name(request)
            try:
                chain = await self._asker.chain(
                    request, cursor, proof, Validators(*kept.get(name, ("", ""))), done
                )
            except FetchError as error:
                done.errors.append(error)
                # The service asked us to stay away, from all of it.
                if error.wait:
                    break
                continue
            done.good += 1
            cursor, kept[name] = chain.cursor, (chain.validators.etag, chain.validators.modified)
            read = unread.pop(name, now)
            # Of all chains together only the newest few are published at first contact.
            if first:
                quietly += chain.events
                continue
            for gap in chain.gaps:
                await self.health.left_out(gap, read, now)
            # All of a backlog is told together, and the cursor moves only then.
            if held or (chain.events and now - read > self._behind):
                held, since = held + chain.events, min(since, read)
            # The cursor moves with each chain, so a later failure repeats only its own.
            elif chain.events or chain.gaps:
                # Pages come the newest first, and a line about older work is told late.
                events = sorted(chain.events, key=lambda event: event.time)
                await self._publish(events, state.since, done)
                await self._write_state(_State(self._of, cursor, state.since, state.asked, kept))
        # With one good chain the source is heard, and the errors are in the result.
        if done.errors and not done.good:
            self._unread = unread
            raise done.errors[0]
        if first:
            newest = sorted(quietly, key=lambda event: event.time)[-FIRST_EVENTS:]
            self.health.dropped["older-than-first-contact"] += len(quietly) - len(newest)
            await self._publish(
                [msgspec.structs.replace(event, quiet=True) for event in newest], 0, done
            )
        if held:
            held.sort(key=lambda event: event.time)
            await self._publish(held, state.since, done, since)
        after = _State(self._of, cursor, state.since or now, state.asked, kept)
        self._last, self._unread = now, unread
        # After a restart nobody knows which chain failed.
        if not done.errors and (after != state or now - state.asked >= ASKED):
            after = msgspec.structs.replace(after, asked=now)
        if after != state:
            await self._write_state(after)
        await self._note_health(done)
        return done

    def _begin(self, cursor: bytes, now: int) -> tuple[bytes, tuple[Request, ...]]:
        """Return the cursor and first requests of a round. An unreadable cursor counts as none."""
        try:
            return cursor, self._collector.requests(cursor, self.info, now)[:MAX_CHAINS]
        except (ValueError, RecursionError) as error:
            # Without a cursor it is the collector's own fault, and asking again does not help.
            if not cursor:
                raise FetchError(f"the collector cannot ask: {error}") from error
            _LOG.warning(
                "source %s: its cursor cannot be read (%s), so it is followed from now on",
                self.info.name,
                error,
            )
            return b"", self._collector.requests(b"", self.info, now)[:MAX_CHAINS]

    async def look_once(self) -> str:
        """Send the first request for a test; describe the answer.

        Raises:
            FetchError: it could not be asked, or the answer not be understood.
            SourcesError: the token cannot be read.

        """
        asked = self._collector.requests(b"", self.info, self._now())
        if not asked:
            raise FetchError("the collector asks nothing")
        status, polled = await self._asker.one(asked[0], await self._proof())
        return (
            f"the service answered {status} and was understood "
            f"({len(polled.events)} events in the first answer)"
        )

    async def _publish(self, events: list[Event], since: int, done: Round, behind: int = 0) -> None:
        """Publish events; `since` is the first contact, `behind` since when nobody looked."""
        if events:
            news = [
                msgspec.structs.replace(event, quiet=True) if _is_history(event, since) else event
                for event in events
            ]
            if behind:
                published = await self._limiter.catch_up(news, behind)
            else:
                published = await self._limiter.publish(news)
            done.events += len(news)
            done.digest = done.digest or any(is_digest(event) for event in published)
            # A poll brings what it brought before; a person counts each fact once.
            self.health.events += len(published)

    async def _note_health(self, done: Round) -> None:
        if done.errors:
            await self.health.failed(self._now(), str(done.errors[0]), Way.POLL)
        else:
            await self.health.seen(self._now(), Way.POLL, told=done.digest)

    async def _proof(self) -> dict[str, str]:
        # Read each round: a token file may have a new one.
        token = await asyncio.to_thread(self._token)
        check_token(self.info.name, self._about, token)
        return poll_header(self._about, token)

    async def _read_state(self) -> _State:
        saved = await self._notes.read(f"poll/{self.info.name}")
        try:
            state = _state.decode(saved) if saved else None
        except (ValueError, RecursionError):
            state = None
        # The cursor of another address or project means nothing here.
        return state if state is not None and state.of == self._of else _State(self._of)

    async def _write_state(self, state: _State) -> None:
        await self._notes.write(f"poll/{self.info.name}", msgspec.msgpack.encode(state))


def _name(request: Request) -> str:
    return f"{request.method} {request.path} {request.body.decode('utf-8', 'replace')}".strip()


def _is_history(event: Event, since: int) -> bool:
    """Tell whether an event was over at first contact; an alert that fires is never over."""
    return event.time < since and event.kind is not Kind.INCIDENT
