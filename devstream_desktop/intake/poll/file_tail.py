"""Poller of a log file: read new lines, publish their events, keep the place.

The collector knows the meaning of lines (`contract.TailCollector`), `file_follower.py` the ways of
files. The place moves only after the events are published: a crash repeats events with the same
keys.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstream_collectors.contract import Polled, SourceInfo, Tail, TailCollector
from devstream_desktop.clock import within
from devstream_desktop.errors import DevstreamError
from devstream_desktop.intake.backlog import BEHIND
from devstream_desktop.intake.health import Health, Way
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.file_follower import Follower, FollowError, Place, Read

MISSING_MS = 30_000
"""Time that a file may be missing: some programs begin a new one with their next line."""
IDLE_MS = 30_000
"""Time between calls of the collector without lines, for runs that ended."""
MAX_CURSOR = 64 * 1024
_LOG = logging.getLogger(__name__)


class _State(msgspec.Struct, frozen=True):
    """State that survives a restart. `of` is the file that it belongs to."""

    of: str
    place: Place
    cursor: bytes


_state = msgspec.msgpack.Decoder(_State)


@dataclass(frozen=True)
class _Look:
    """Result of one look."""

    read: Read
    polled: Polled


class FileTail:
    """Follows one file until stopped.

    Args:
        info: the source as its collector sees it; its option `path` is the file.
        collector: reads the lines.
        interval: seconds between looks, 0 for the collector's own.
        notes: keep the place.
        health: notes every look.
        limiter: publishes the events.
        now: UTC milliseconds.

    """

    def __init__(
        self,
        info: SourceInfo,
        collector: TailCollector,
        interval: int,
        notes: Notes,
        health: Health,
        limiter: RateLimiter,
        now: Callable[[], int],
    ) -> None:
        self.info = info
        self.interval = float(interval or (collector.COLLECTOR.tail or Tail()).interval)
        self._path = Path(info.text("path"))
        self._collector = collector
        self._notes = notes
        self.health = health
        self._limiter = limiter
        self._now = now
        self._follower = Follower(self._path)
        self._kept: _State | None = None
        self._asked = 0
        self._missing_since = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set.

        Failures are counted, shown and waited out. They never end the loop.
        """
        try:
            while not stop.is_set():
                more = False
                try:
                    more = await self.poll()
                except FollowError as error:
                    await self._failed(error)
                except Exception as error:  # noqa: BLE001 - shown; the next look tries again
                    _LOG.exception("source %s", self.info.name)
                    await self.health.failed(self._now(), str(error), Way.TAIL)
                await within(stop, 0.0 if more else self.interval)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._follower.close)

    async def poll(self) -> bool:
        """Look once; tell whether there is more to read right now.

        Raises:
            FollowError: the file cannot be read.

        """
        # Kept in memory: a look a second should not read the database each time.
        state = self._kept or await self._read_state()
        if state is None:
            state = await asyncio.to_thread(self._begin)
            await self._write_state(state)
        now, read = self._now(), self.health.last_seen
        look = await asyncio.to_thread(self._look, state, now)
        self.health.dropped.update(look.polled.dropped)
        if look.read.lost:
            self.health.dropped["lost-by-rotation"] += 1
        if look.polled.events:
            events = list(look.polled.events)
            if read and now - read > BEHIND:
                await self._limiter.catch_up(events, read)
            else:
                await self._limiter.publish(events)
            self.health.events += len(events)
        after = _State(state.of, look.read.place, look.polled.cursor)
        if after != state:
            await self._write_state(after)
        self._kept = after
        self._missing_since = 0
        await self.health.seen(now, Way.TAIL)
        return look.read.more

    async def look_once(self) -> str:
        """Read the file's end for a test; describe the result.

        Raises:
            DevstreamError: it cannot be read.

        """
        return await asyncio.to_thread(self._try)

    def _try(self) -> str:
        follower = Follower(self._path)
        try:
            end = follower.begin()
            if not end.inode:
                raise FollowError(f"there is no file {self._path}")
            place = msgspec.structs.replace(
                end, offset=max(0, end.offset - 64 * 1024), head="", head_size=0
            )
            lines = follower.look(place).lines[-1000:]
        finally:
            follower.close()
        cursor = self._collector.read((), b"", self.info, self._now()).cursor
        polled = self._collector.read(lines, cursor, self.info, self._now())
        return (
            f"the file can be read; its last {len(lines)} lines "
            f"would make {len(polled.events)} events"
        )

    def _begin(self) -> _State:
        return _State(
            str(self._path),
            self._follower.begin(),
            self._collector.read((), b"", self.info, self._now()).cursor,
        )

    def _look(self, state: _State, now: int) -> _Look:
        read = self._follower.look(state.place)
        # Collectors end runs by time, so they are asked now and then without lines too.
        if not read.lines and now - self._asked < IDLE_MS:
            return _Look(read, Polled(cursor=state.cursor))
        polled = self._understood(read.lines, state.cursor, now)
        if not 0 < len(polled.cursor) <= MAX_CURSOR:
            raise DevstreamError(
                f"the collector's cursor must be 1 to {MAX_CURSOR} bytes, not {len(polled.cursor)}"
            )
        self._asked = now
        return _Look(read, polled)

    def _understood(self, lines: tuple[str, ...], cursor: bytes, now: int) -> Polled:
        """Let the collector read lines. An unreadable cursor is replaced by a new file's."""
        try:
            return self._collector.read(lines, cursor, self.info, now)
        except (ValueError, RecursionError) as error:
            _LOG.warning(
                "source %s: its cursor cannot be read (%s), so it begins again",
                self.info.name,
                error,
            )
            return self._collector.read(
                lines, self._collector.read((), b"", self.info, now).cursor, self.info, now
            )

    async def _failed(self, error: FollowError) -> None:
        now = self._now()
        # A rotation leaves no file for a moment, which is no failure.
        self._missing_since = self._missing_since or now
        if now - self._missing_since >= MISSING_MS:
            await self.health.failed(now, str(error), Way.TAIL)
        else:
            self.health.last_error = str(error)

    async def _read_state(self) -> _State | None:
        saved = await self._notes.read(f"tail/{self.info.name}")
        try:
            state = _state.decode(saved) if saved else None
        except ValueError:
            return None
        return state if state is not None and state.of == str(self._path) else None

    async def _write_state(self, state: _State) -> None:
        await self._notes.write(f"tail/{self.info.name}", msgspec.msgpack.encode(state))
        self._kept = state
