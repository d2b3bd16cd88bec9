"""The state of each thing, folded from the rows about it.

A thing is what a line is about (`stream.fact.topic_of`): a branch's suite, an alert, a ticket, the
deploys of a service to an environment. Its row in `subjects` names lines and repeats little of
them; `running` names the deploy that runs in each place.

Both follow from the set of the rows and from nothing else: not from the order in which they came,
and not from what was there before. So a change folds the touched things anew, by seeks in the
indexes and never by a walk through a thing's whole past. Where a thing only goes on, which is
nearly always, its state in memory goes on with it (tails.py).
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from devstream_desktop.history.judging import PAST, Result, Window, place_of_work
from devstream_desktop.history.rows import LATER
from devstream_desktop.history.tails import STEPS, State, Step, Tail, Tails
from devstream_desktop.history.telling import Row, claims_of
from devstream_desktop.stream.subject import Tone
from devstream_desktop.stream.words import Kind

PEOPLE = 1_000
"""People whose last words on a thing are looked at; a word names its author's own person."""

THING = 10
"""Work of a thing, in rows: to fold it takes ten times as long as to judge a row of it."""
PLACE = "kind, subject, plain, place"
"""Columns by which a row touches a thing."""
_RESULTS = (
    "SELECT id, place, work, run, state, kind, transition, tone FROM lines"
    " WHERE subject = ? AND terminal AND place >= ? ORDER BY place"
)
_BEFORE = (
    "SELECT place, work, run, state FROM lines WHERE subject = ? AND terminal AND place < ?"
    f" ORDER BY place DESC LIMIT {PAST}"
)
_AFTER_ALL = b"\xff" * 16
"""Above every place."""
_DECISIVE = (
    "SELECT id, place, tone, state, kind, service, environment, severity, plain FROM lines"
    " WHERE subject = ? AND terminal AND tone ORDER BY place DESC LIMIT 1"
)
_STEP = (
    "SELECT id, place, 0, state, kind, service, environment, severity, plain FROM lines"
    " WHERE id = ?"
)
_EDGE = (
    "SELECT place FROM lines WHERE subject = ? AND tone = ? AND tone IN (1, 2)"
    " ORDER BY place DESC LIMIT 1"
)
_FIRST = (
    "SELECT id, place FROM lines WHERE subject = ? AND tone = ? AND tone IN (1, 2) AND place > ?"
    " ORDER BY place LIMIT 1"
)
_STEPS = (
    "SELECT place, id, state, run, rank, work FROM lines WHERE subject = ? AND run >= 0"
    f" ORDER BY place DESC LIMIT {STEPS}"
)
_WORDS = "lines INDEXED BY lines_claims WHERE state IN ('claimed', 'released') AND subject = :thing"
_CLAIMS = (
    f"WITH RECURSIVE person (actor) AS (SELECT MIN(actor) FROM {_WORDS} UNION ALL"
    f" SELECT (SELECT MIN(lines.actor) FROM {_WORDS} AND lines.actor > person.actor) FROM person"
    f" WHERE person.actor IS NOT NULL LIMIT {PEOPLE})"
    " SELECT id, place, state, actor FROM lines WHERE id IN ("
    f"SELECT (SELECT id FROM {_WORDS} AND lines.actor = person.actor AND place > :began"
    " AND run >= 0 ORDER BY place DESC LIMIT 1) FROM person WHERE person.actor IS NOT NULL)"
)
"""The last word of each person on a thing, by seeks."""
_RUNS = (
    "SELECT id, revision, EXISTS (SELECT 1 FROM lines AS down WHERE down.subject = lines.subject"
    " AND down.place > lines.place AND down.state = 'inactive' AND down.run >= 0"
    " AND down.plain = lines.plain) FROM lines WHERE subject = ? AND tone = 1"
    " AND tone IN (1, 2) ORDER BY place DESC LIMIT 1"
)
_NAMED = (
    "SELECT id FROM subjects WHERE id = ? UNION SELECT id FROM subjects WHERE plain = ? AND plain"
)
_RUNNING = "INSERT OR REPLACE INTO running VALUES (?, ?, ?, ?)"
_MEANING = "UPDATE lines SET transition = ?, tone = ? WHERE id = ?"
_STATE = tuple(one.name for one in fields(State))
_values = attrgetter(*_STATE)
_WRITE = f"UPDATE subjects SET {', '.join(f'{name} = ?' for name in _STATE)} WHERE id = ?"
_INSERT = (
    f"INSERT INTO subjects ({', '.join(_STATE)}, id) VALUES ({', '.join('?' * (len(_STATE) + 1))})"
)


@dataclass(slots=True)
class _Touched:
    """The span of a thing's places where rows came, went or changed."""

    first: bytes
    last: bytes
    work: int
    """Of settling it, in rows."""
    arrived: list[Row] | None = field(default_factory=list)
    """The rows, where they only came; else None."""


class Things:
    """Keeps meanings and states; every call is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._touched: dict[int, _Touched] = {}
        self.unsettled = 0
        """Work that waits for `settle`, in rows: those that came or went, and their things."""
        self._claimed: set[int] = set()
        self._tails = Tails()

    def touch(self, rows: Iterable[Sequence[Any]]) -> None:
        """Note rows that went or changed, by their columns `PLACE`."""
        for kind, subject, plain, place in rows:
            if kind == Kind.CLAIM:
                self._claimed.add(plain)
            else:
                self._span(subject, place).arrived = None

    def arrive(self, rows: Iterable[Row]) -> None:
        """Note rows that came."""
        for row in rows:
            if row.kind == Kind.CLAIM:
                self._claimed.add(row.plain)
                continue
            span = self._span(row.subject, row.place)
            if span.arrived is not None:
                span.arrived.append(row)

    def clear(self) -> None:
        """Forget every thing, before the rows are made anew."""
        self._touched.clear()
        self.unsettled = 0
        self._claimed.clear()
        self._tails.clear()
        self._connection.execute("DELETE FROM subjects")
        self._connection.execute("DELETE FROM running")

    def settle(self, *, but: int = 0) -> None:
        """Give the touched things their meanings and states.

        Those that were touched last may wait, up to a work of `but`: more of their rows come.
        """
        touched = self._first_touched(but)
        claimed: set[int] = set()
        # A claim stands on its thing.
        if not self._touched:
            claimed, self._claimed = self._claimed, claimed
        meanings: list[tuple[str, int, int]] = []
        going: list[tuple[int, Tail]] = []
        for subject, span in touched.items():
            tail = self._tails.take(subject)
            if tail is not None and span.arrived and tail.may_go_on(span.arrived):
                meanings += tail.go_on(span.arrived)
                going.append((subject, tail))
                continue
            reach = self._judge(subject, span)
            # Older than all that the thing's state stands on: nothing else changes.
            if tail is not None and span.arrived and tail.stands_without(span.arrived, reach):
                self._tails.put(subject, tail)
            else:
                self._fold(subject)
        self._go_on(going, meanings)
        # A claim of an older version names the subject without its scope.
        for subject in claimed:
            for (thing,) in self._connection.execute(_NAMED, (subject, subject)).fetchall():
                self._tails.take(thing)
                self._fold(thing)

    def _first_touched(self, but: int) -> dict[int, _Touched]:
        """Take out the things touched first, down to a work of `but`."""
        taken: dict[int, _Touched] = {}
        while self.unsettled > but:
            subject = next(iter(self._touched))
            taken[subject] = span = self._touched.pop(subject)
            self.unsettled -= span.work
        return taken

    def _go_on(
        self, going: Sequence[tuple[int, Tail]], meanings: Sequence[tuple[str, int, int]]
    ) -> None:
        """Write what only went on."""
        self._connection.executemany(_MEANING, meanings)
        for subject, tail in going:
            state = tail.state
            if state.moving and self._is_superseded(state.moving):
                state.moving = self._moving(tail.steps)
            if tail.unclaimed and state.tone == Tone.OPEN:
                state.claim = self._claim(subject, state.plain, tail.began)
            tail.unclaimed = False
            self._tails.put(subject, tail)
            if tail.down:
                self._run(subject, state.service, state.environment)
        self._connection.executemany(
            _RUNNING, [row for _, tail in going if (row := tail.take_running())]
        )
        self._connection.executemany(
            _WRITE, [(*_values(tail.state), subject) for subject, tail in going]
        )

    def _span(self, subject: int, place: bytes) -> _Touched:
        span = self._touched.get(subject)
        if span is None:
            span = self._touched[subject] = _Touched(place, place, THING)
            self.unsettled += THING
        elif place < span.first:
            span.first = place
        elif place > span.last:
            span.last = place
        span.work += 1
        self.unsettled += 1
        return span

    def _judge(self, subject: int, span: _Touched) -> bytes:
        """Judge the results in a span, and later ones they may affect.

        Returns the last place where a meaning may have changed.
        """
        # Steps on the way to a result have no meaning, and give none.
        if span.arrived and not any(row.terminal for row in span.arrived):
            return span.last
        rows = self._connection.execute(_RESULTS, (subject, span.first))
        window: Window | None = None
        changes: list[tuple[str, int, int]] = []
        beyond, reach = 0, span.last
        newest: Result | None = None
        for row_id, place, work, run, state, name, was, weighed in rows:
            if window is None:
                window = self._window(subject, name, span.first)
                newest = window.newest
            result = Result(place_of_work(name, place, work), place, run, state)
            if place <= span.last:
                newest = max(newest or result, result)
            else:
                beyond += 1
                # Rows that only came hide nothing from a row that sees newer work than theirs.
                hidden = span.arrived and newest and window.newest and window.newest > newest
                if hidden or beyond > PAST:
                    rows.close()
                    break
            # A row that is not read again yet is judged when it is.
            if name:
                meaning, weight = window.judge(Kind(name), result, work)
                if meaning != was or weight != weighed:
                    changes.append((meaning.value, weight, row_id))
                    reach = max(reach, place)
            window.append(result)
        if changes:
            self._connection.executemany(_MEANING, changes)
        return reach

    def _window(self, subject: int, kind: str, place: bytes) -> Window:
        """Return the last results of a thing before a place."""
        rows = self._connection.execute(_BEFORE, (subject, place)).fetchall()
        return Window(
            Result(place_of_work(kind, at, work), at, run, state)
            for at, work, run, state in reversed(rows)
        )

    def _fold(self, subject: int) -> None:
        """Write the row of a thing, or delete it."""
        ask = self._connection.execute
        found = ask(_DECISIVE, (subject,)).fetchone()
        steps = [Step(*row) for row in ask(_STEPS, (subject,)).fetchall()]
        moving = self._moving(steps[::-1])
        if found is None and moving:
            # Its first run has no result yet.
            found = ask(_STEP, (moving,)).fetchone()
        if found is None or not found[4]:
            self._delete(subject)
            return
        line, place, weight, said, kind, service, environment, severity, plain = found
        if kind == Kind.DEPLOY:
            plain = 0
        since, began, edge = line, place, place
        if weight in (Tone.GOOD, Tone.OPEN):
            other = Tone.GOOD if weight == Tone.OPEN else Tone.OPEN
            before = ask(_EDGE, (subject, int(other))).fetchone()
            edge = before[0] if before else b""
            since, began = ask(_FIRST, (subject, weight, edge)).fetchone()
        claim = self._claim(subject, plain, began) if weight == Tone.OPEN else 0
        state = State(
            said, weight, severity, line, since, moving, claim, plain, kind, service, environment
        )
        written = (*_values(state), subject)
        # Nearly always it is there, and to replace it costs several times as much.
        if not ask(_WRITE, written).rowcount:
            ask(_INSERT, written)
        if kind == Kind.DEPLOY:
            self._run(subject, service, environment)
        if weight:
            window = self._window(subject, kind, _AFTER_ALL)
            newest = deque(reversed(steps), maxlen=STEPS)
            self._tails.put(subject, Tail(state, window, newest, place, edge, began))

    def _delete(self, subject: int) -> None:
        gone = self._connection.execute(
            "DELETE FROM subjects WHERE id = ? RETURNING kind, service, environment", (subject,)
        ).fetchall()
        for kind, service, environment in gone:
            if kind == Kind.DEPLOY:
                self._run(subject, service, environment)

    def _run(self, subject: int, service: str, environment: str) -> None:
        """Write what runs where, after the deploys there."""
        ask = self._connection.execute
        found = ask(_RUNS, (subject,)).fetchone()
        # An environment that was taken down runs nothing.
        if found is None or found[2]:
            ask("DELETE FROM running WHERE service = ? AND environment = ?", (service, environment))
            return
        ask(_RUNNING, (service, environment, found[1], found[0]))

    def _moving(self, steps: Sequence[Step]) -> int:
        """Return the newest of these rows that is under way; 0 for none."""
        under_way = (one.id for one in reversed(steps) if one.under_way)
        return next((row_id for row_id in under_way if not self._is_superseded(row_id)), 0)

    def _is_superseded(self, row_id: int) -> bool:
        current = f"SELECT 1 FROM lines WHERE id = ? AND NOT EXISTS ({LATER})"
        return self._connection.execute(current, (row_id,)).fetchone() is None

    def _claim(self, subject: int, plain: int, began: bytes) -> int:
        """Return the row of the claim that holds since `began`; 0 for none."""
        claims: list[tuple[int, bytes, str, str]] = []
        for thing in filter(None, (subject, plain)):
            asked = {"thing": claims_of(thing), "began": began}
            claims += self._connection.execute(_CLAIMS, asked).fetchall()
        claims.sort(key=lambda claim: claim[1], reverse=True)
        heard: set[str] = set()
        for row_id, _, state, actor in claims:
            # A person's last word holds; whoever said so last is on it.
            if actor not in heard and state == "claimed":
                return int(row_id)
            heard.add(actor)
        return 0
