"""States of things in memory, for their next row.

They repeat what the tables say, and are dropped whenever anything but a newer row comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from devstream_desktop.history.judging import Result, Window, place_of_work
from devstream_desktop.history.telling import Row
from devstream_desktop.stream.subject import Tone
from devstream_desktop.stream.words import Kind

STEPS = 8
"""Newest rows of a thing that may have a run under way."""
_KEPT = 512
"""Things in memory; about 5 KB each."""
_UNDER_WAY = frozenset({"queued", "waiting", "running", "in_progress"})
_RUNS = frozenset({Kind.BUILD, Kind.TEST, Kind.DEPLOY})


class Step(NamedTuple):
    """A row of a thing, with signs that it is under way."""

    place: bytes
    id: int
    state: str
    run: int
    rank: int
    work: int

    @property
    def under_way(self) -> bool:
        return self.state in _UNDER_WAY

    def is_before(self, other: Step) -> bool:
        """Tell whether the other has this one's place."""
        return self.run == other.run and (self.rank, self.work, self.place) < (
            other.rank,
            other.work,
            other.place,
        )


@dataclass(slots=True)
class State:
    """A row of `subjects`, but for what it is about."""

    state: str
    tone: int
    severity: int
    line: int
    """Row that says the state."""
    since: int
    """First row of the unbroken time since it is good or open."""
    moving: int
    """Row of the newest run under way; 0 for none."""
    claim: int
    """Row of the claim that holds; 0 for none."""
    plain: int
    kind: str
    service: str
    environment: str


@dataclass(slots=True)
class Tail:
    """A thing's state, and what the next row is judged by."""

    state: State
    window: Window
    steps: deque[Step]
    """Its newest rows, at most `STEPS`."""
    decided: bytes
    """Place of the row that says the state."""
    edge: bytes
    """Place of the last row that said the opposite; empty for none."""
    began: bytes
    """Place of the row since which it is so."""
    unclaimed: bool = False
    """A claim that is here already may hold from now on: it has to be looked for."""

    down: bool = False
    """A word came that the environment runs nothing any more."""
    _running: tuple[str, str, str, int] | None = None

    def take_running(self) -> tuple[str, str, str, int] | None:
        """Return the row of `running` that the last success makes, once; None for none."""
        row, self._running, down, self.down = self._running, None, self.down, False
        return None if down else row

    def stands_without(self, rows: Sequence[Row], place: bytes) -> bool:
        """Tell whether older rows change nothing of the state.

        They gave results up to `place` new meanings.
        """
        older = len(self.steps) == STEPS and self.steps[0].place > place
        behind = self.window.full and self.window.first > place
        # Its own result can be stamped earlier than a step to it.
        moving = next((one.run for one in self.steps if one.id == self.state.moving), None)
        return older and behind and self.edge > place and all(row.run != moving for row in rows)

    def may_go_on(self, rows: Sequence[Row]) -> bool:
        """Tell whether the rows are newer, and of the one kind."""
        newest, kind = self.steps[-1].place, self.state.kind
        return all(row.place > newest and row.kind == kind and row.run >= 0 for row in rows)

    def go_on(self, rows: Sequence[Row]) -> list[tuple[str, int, int]]:
        """Go on with newer rows; returns `(transition, tone, row id)` of those with a meaning."""
        state = self.state
        meanings: list[tuple[str, int, int]] = []
        for row in sorted(rows, key=attrgetter("place")):
            step = Step(row.place, row.id, row.state, row.run, row.rank, row.work)
            self.steps.append(step)
            if not row.terminal:
                self.down = self.down or row.state == "inactive"
                continue
            work = place_of_work(row.kind, row.place, row.work)
            result = Result(work, row.place, row.run, row.state)
            meaning, tone = self.window.judge(Kind(row.kind), result, row.work)
            self.window.append(result)
            if meaning or tone != row.tone:
                meanings.append((meaning.value, int(tone), row.id))
            if tone:
                self._decide(row, tone)
        if state.kind in _RUNS:
            state.moving = next((one.id for one in reversed(self.steps) if self._moves(one)), 0)
        return meanings

    def _decide(self, row: Row, tone: Tone) -> None:
        state = self.state
        if tone is Tone.PLAIN:
            self.edge, self.began, state.since = row.place, row.place, row.id
        elif tone != state.tone:
            # The thing changed: what held of its earlier state is over.
            self.edge, self.began, state.since, state.claim = self.decided, row.place, row.id, 0
            self.unclaimed = True
        plain = 0 if row.kind == Kind.DEPLOY else row.plain
        if plain != state.plain:
            self.unclaimed = True
        self.decided = row.place
        state.state, state.tone, state.severity = row.state, int(tone), row.severity
        if row.kind == Kind.DEPLOY and tone is Tone.GOOD:
            self._running = (row.service, row.environment, row.revision, row.id)
        state.line, state.plain = row.id, plain
        state.service, state.environment = row.service, row.environment

    def _moves(self, step: Step) -> bool:
        return step.under_way and not any(step.is_before(other) for other in self.steps)


class Tails:
    """The tails of the things that went on last."""

    def __init__(self) -> None:
        self._tails: dict[int, Tail] = {}

    def take(self, subject: int) -> Tail | None:
        """Return the tail of a thing and forget it; None where there is none."""
        return self._tails.pop(subject, None)

    def put(self, subject: int, tail: Tail) -> None:
        """Remember the tail of a thing."""
        self._tails[subject] = tail
        # Taken out and put in again when used, so the first is the one unused the longest.
        if len(self._tails) > _KEPT:
            del self._tails[next(iter(self._tails))]

    def clear(self) -> None:
        """Forget them all."""
        self._tails.clear()
