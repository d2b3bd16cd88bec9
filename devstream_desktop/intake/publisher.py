"""Publication of events: each fact once, and each repeat that is news.

All ways in take turns here, so that what one published is known when the next is asked about.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from devstream_desktop.intake.health import Publish
from devstream_desktop.intake.occurrence import KnownFacts, is_return, news_of, precedes
from devstream_desktop.stream.event import Event, fact_key
from devstream_desktop.stream.fact import AuthorClass, fact_id, identity, run_of, topic_of, work_of
from devstream_desktop.stream.words import NO_RESULT, Kind

MAX_REMEMBERED = 4096
MAX_PAST = 16
"""Reports on a thing that are compared with; as many as the stream tells."""
T = TypeVar("T")
_UNDER_WAY = ("queued", "running", "waiting", "in_progress")
_ENDS = ("success", "failure", "error", "cancelled", "unknown")
_SKEW_MS = 120_000
"""The largest difference between the clocks of an executor and a tool."""
_BY_RUN = frozenset({Kind.BUILD, Kind.TEST, Kind.DEPLOY})


def thing_of(event: Event) -> str:
    """Name the thing whose state an event reports: a run, a branch, an alert or a ticket."""
    return run_of(event) if event.kind in _BY_RUN else topic_of(event)


class _Past:
    """The last reports on a thing: the stream's, and those of this turn."""

    def __init__(self, told: Sequence[Event]) -> None:
        self.reports = list(told)
        """Newest work first; the later report first where the work is the same."""
        self._came = deque(reversed(told))

    def add(self, event: Event) -> None:
        """Go on with the next report; the first that came is forgotten."""
        self._came.append(event)
        place = bisect_left(self.reports, -work_of(event), key=_by_newest_work)
        self.reports.insert(place, event)
        if len(self._came) > MAX_PAST:
            self.reports.remove(self._came.popleft())


class Turn:
    """One turn at the stream. Events that passed it count as published in it."""

    def __init__(
        self,
        publish: Publish,
        known: KnownFacts | None,
        confirmed: OrderedDict[str, Event],
        names: OrderedDict[str, str],
    ) -> None:
        self._publish = publish
        self._known = known
        self._confirmed = confirmed
        self._names = names
        self._facts: set[bytes] = set()
        self._past: dict[tuple[Kind, str], _Past] = {}

    def knows(self, fact: bytes) -> bool:
        """Tell whether the stream, or this turn, has the fact."""
        return fact in self._facts or (self._known is not None and self._known.knows(fact))

    def past(self, event: Event) -> Sequence[Event]:
        """Return the last reports on the thing of `event`, newest work first."""
        return self._past_of(event).reports

    def _past_of(self, event: Event) -> _Past:
        # The stream is asked once: a hundred pushes to one branch decode its past a single time.
        about = (event.kind, thing_of(event))
        past = self._past.get(about)
        if past is None:
            told = self._known.past(event) if self._known is not None else ()
            past = self._past[about] = _Past(told)
        return past

    def told(self, fact: bytes) -> Event | None:
        """Return the event of a fact in the stream; None where it has none."""
        return self._known.told(fact) if self._known is not None else None

    async def publish(self, events: Sequence[Event]) -> None:
        """Put events into the stream.

        Raises:
            Exception: the stream's own.

        """
        await self._publish(list(events))

    def news_of(self, events: Sequence[Event], received: int = 0) -> list[Event]:
        """Return the news among `events`, as it goes into the stream; see `occurrence.news_of`."""
        found: list[Event] = []
        for event in events:
            news = self._one(event, received)
            if news is None:
                continue
            found.append(news)
            later = self._confirmed.get(thing_of(event))
            # The report that the thing is back came before the report that it had left.
            if later is not None and precedes(event, later, received):
                # Where it leads on from the newest move, its place is known, whatever its time.
                leads_on = later.kind is Kind.CHANGE and later.previous == event.revision
                again = self._one(later, later.time if leads_on else 0)
                found += [again] if again is not None else []
        return found

    def _one(self, event: Event, received: int) -> Event | None:
        if self._executor_tells(event):
            return None
        if _is_void(event) and not self._is_under_way(event):
            return None
        news = news_of(event, self, received)
        if news is None:
            if is_return(event, self.past(event), received):
                _remember(self._confirmed, thing_of(event), event)
            return None
        # Both: a repeat has another key than the report it came from.
        self._facts |= {fact_id(event, ""), fact_id(news, "")}
        self._past_of(news).add(news)
        return self._named(news)

    def _executor_tells(self, event: Event) -> bool:
        """Tell whether a run seen at its tool has its executor's row.

        The tool's word alone hides no result: its executor must have said that it began to deploy
        this commit, and had not ended when the run began. What has a row of its own goes on there.
        """
        if event.kind not in _BY_RUN or event.request or not (event.about and event.executor):
            return False
        if self.past(event):
            return False
        answer = self._answer(event, "in_progress")
        is_build = event.kind is not Kind.DEPLOY
        if answer is None:
            # A build may be told before its executor has said that it began; its end is not.
            return is_build and event.state in _UNDER_WAY
        # A job of a CI server need not check anything out.
        told = (answer.revision,) if not is_build else (answer.revision, "")
        return event.revision in told and answer.revision != "" and not self._is_later(event)

    def _answer(self, event: Event, state: str) -> Event | None:
        """Return the executor's word of `state` on the request."""
        key = fact_key("deploy", Kind.DEPLOY, event.about, state)
        return self.told(identity(AuthorClass.EXECUTOR, Kind.DEPLOY, key, event.executor))

    def _is_later(self, event: Event) -> bool:
        """Tell whether a run began after its executor's had ended: somebody repeated it."""
        began = event.time - event.duration - _SKEW_MS
        ends = (self._answer(event, state) for state in _ENDS)
        return any(end is not None and end.time < began for end in ends)

    def _is_under_way(self, event: Event) -> bool:
        """Tell whether the stream has an event's run under way."""
        return next((one.state for one in self.past(event)), "") in _UNDER_WAY

    def _named(self, event: Event) -> Event:
        """Add the pipeline's file to the title where two share a name."""
        base, at, file = event.subject.rpartition("@")
        if event.kind not in (Kind.BUILD, Kind.TEST) or not at or not event.scope:
            return event
        name = f"{base}\x1f{event.scope}"
        # A single pipeline of its name needs no file in its title.
        other = self._names.get(name, file)
        if other == file:
            _remember(self._names, name, file)
            return event
        _remember(self._names, name, "")
        return msgspec.structs.replace(event, title=f"{event.title[:100]} ({file[:38]})")


def _by_newest_work(event: Event) -> int:
    return -work_of(event)


def _is_void(event: Event) -> bool:
    """Tell whether an event only ends a row: a run that was skipped has no result to report."""
    return (
        event.kind in _BY_RUN
        and event.quiet
        and event.state == "cancelled"
        and event.reason in NO_RESULT
    )


def _remember(kept: OrderedDict[str, T], name: str, value: T) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > MAX_REMEMBERED:
        kept.popitem(last=False)


class Publisher:
    """The one way of a collector into the stream."""

    def __init__(self, publish: Publish, known: KnownFacts | None = None) -> None:
        """Without `known` every event is news, once for each key."""
        self._publish = publish
        self._known = known
        self._lock = asyncio.Lock()
        self._confirmed: OrderedDict[str, Event] = OrderedDict()
        """The latest report without news, by the thing."""
        self._names: OrderedDict[str, str] = OrderedDict()
        """The file of each pipeline by its name; empty where several share the name."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Compare with the stream and publish, with nobody in between."""
        async with self._lock:
            yield Turn(self._publish, self._known, self._confirmed, self._names)

    async def publish(
        self,
        events: Sequence[Event],
        limit: Callable[[Sequence[Event]], list[Event]] = list,
        received: int = 0,
    ) -> list[Event]:
        """Publish the news among `events`, as far as `limit` passes it; return what was published.

        Raises:
            Exception: the stream's own. Trying again with the same events does no harm.

        """
        async with self.turn() as turn:
            news = limit(turn.news_of(events, received))
            if news:
                await turn.publish(news)
        return news
