"""Questions about the present: what is red, what runs where, what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from devstream_desktop.history.places import Places, branch_of
from devstream_desktop.history.quarantine import stored_event
from devstream_desktop.history.rows import COLUMNS, CURRENT, beginning, numbers
from devstream_desktop.history.telling import claims_of, subject_hash
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import is_own_deploy, topic_of
from devstream_desktop.stream.subject import Line, Tone
from devstream_desktop.stream.thing import MOST_CHANGES, Board, Cell, Running, Thing, Waiting
from devstream_desktop.stream.words import Kind

_CELLS = 300
_THINGS = (
    "SELECT id, tone, line, since, moving, claim, kind, service, environment,"
    " (SELECT place FROM lines WHERE lines.id = subjects.since), severity FROM subjects"
)
_RED = f"{_THINGS} WHERE tone = 2 AND kind != 'ticket'"
_WORST_FIRST = "ORDER BY severity DESC, since LIMIT ?"
_ON_BRANCHES = "('build', 'test')"
_MOST_ON_BRANCHES = 5_000
"""Broken builds and tests that are looked at; nearly all of them are of deleted branches."""
_SEEN = (
    "SELECT actor FROM lines WHERE subject = ? AND place > ? AND state = 'seen' AND run >= 0"
    " ORDER BY place LIMIT 20"
)
_ENDED = "('success', 'failure', 'error', 'cancelled', 'unknown')"
_MOST_ENDED = 200
"""Limit of a place's rows in the search for its executor's last."""
_AT_ONCE = 200
_STUCK_MS = 6 * 3_600_000
"""A run under way for longer counts as ended: nobody told how."""
_WAY = ("development", "test", "integration", "staging")
"""Environments on the way to production, in order; others come between them and production."""


class Present(Places):
    """The questions of a screen that says how things are."""

    def red_now(self, *, limit: int = 100, unclaimed: bool = False) -> list[Thing]:
        """List what is broken now, the worst first and then the oldest; at most `limit`.

        Each with the last deploy there before it broke. A branch that was deleted is not broken.
        With `unclaimed` it is what nobody is on.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        return self._red_but((), limit, " AND NOT claim" if unclaimed else "")

    def _red_but(self, kinds: Collection[Kind], limit: int, more: str = "") -> list[Thing]:
        """List what is broken now, of any but these kinds."""
        which = "".join(f" AND kind != '{kind.value}'" for kind in kinds) + more
        with self._moment() as connection:
            rows = self._ask(f"{_RED} AND kind NOT IN {_ON_BRANCHES}{which} {_WORST_FIRST}", limit)
            # Read on until there are enough: most of these can be of branches that are gone.
            checks = connection.execute(
                f"{_RED} AND kind IN {_ON_BRANCHES}{which} {_WORST_FIRST}", (_MOST_ON_BRANCHES,)
            )
            living: list[tuple[Any, ...]] = []
            while len(living) < limit and (some := checks.fetchmany(_AT_ONCE)):
                living += self._living(some)
            checks.close()
            rows = sorted([*rows, *living], key=lambda row: (-row[10], row[3]))
            return self._things(rows[:limit], suspects=True)

    def open_tickets(self, *, since_ms: int = 0, limit: int = 100) -> list[Thing]:
        """List tickets open since then (UTC milliseconds), the newest first.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        where = "WHERE tone = 2 AND kind = 'ticket' AND since >= ? ORDER BY since DESC LIMIT ?"
        return self._things(self._ask(f"{_THINGS} {where}", beginning(since_ms), limit))

    def silent(self, *, limit: int = 100) -> list[Thing]:
        """List the sources that are silent now; at most `limit`.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        where = f"AND kind = 'source' {_WORST_FIRST}"
        return self._things(self._ask(f"{_RED} {where}", limit), suspects=True)

    def thing(self, of: Event) -> Thing | None:
        """Return the state of an event's thing; None where no line decides it.

        Of a claim that is the thing that it claims.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        thing = subject_hash(topic_of(of))
        # Only a claim of an older version names no scope; another scope's thing is another one.
        plain = 0 if of.scope else subject_hash(of.subject)
        where = "WHERE id = ? OR plain = ? AND plain ORDER BY id = ? DESC LIMIT 1"
        rows = self._ask(f"{_THINGS} {where}", thing, plain, thing)
        found = self._things(rows, suspects=True)
        return found[0] if found else None

    def running(self) -> list[Running]:
        """List what runs where.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        rows = self._ask("SELECT line FROM running ORDER BY service, environment LIMIT ?", _CELLS)
        return [Running(line) for line in self._in_order(row_id for (row_id,) in rows)]

    def locks(self, now: int = 0) -> list[Line]:
        """List the locks that hold at `now` (UTC milliseconds; 0: whatever their end).

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        held = self._lines(
            f"{COLUMNS} WHERE lines.state = 'locked' AND lines.run >= 0{CURRENT}"
            " ORDER BY lines.id DESC LIMIT ?",
            (_CELLS,),
        )
        # An earlier version stored locks that no executor had answered, and so none held.
        return [
            line
            for line in held
            if line.event.request and (not line.event.expires or now < line.event.expires)
        ]

    def last_deploys(self) -> list[Line]:
        """List each place's last deploy that ended, by its executor's own word.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        places = self._ask(
            "SELECT id FROM subjects WHERE kind = 'deploy' ORDER BY line DESC LIMIT ?", _CELLS
        )
        last = (self._last_deploy(place) for (place,) in places)
        return [line for line in last if line is not None]

    def _last_deploy(self, place: int) -> Line | None:
        # The newest is nearly always it; of a place that others deploy to as well, some more.
        for most in (1, _MOST_ENDED):
            ended = self._ask(
                "SELECT id FROM lines WHERE subject = ? AND terminal AND run >= 0 AND state IN"
                f" {_ENDED}{CURRENT} ORDER BY place DESC LIMIT ?",
                place,
                most,
            )
            for line in self._in_order(row_id for (row_id,) in ended):
                if is_own_deploy(line.event, line.device):
                    return line
            if len(ended) < most:
                break
        return None

    def board(self, *, mine: Collection[str] = (), now: int = 0) -> Board:
        """Return the services by environments.

        `mine` are case-folded names that are me; a lock that ended before `now` (UTC milliseconds)
        holds no more.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        with self._moment():
            deploys = self._things(
                self._ask(
                    f"{_THINGS} WHERE kind = 'deploy' ORDER BY service, environment LIMIT ?", _CELLS
                )
            )
            running = {place_of(one.deploy): one for one in self.running()}
            states = {place_of(thing.line): _not_stuck(thing, now) for thing in deploys}
            red: dict[tuple[str, str], list[Thing]] = defaultdict(list)
            for thing in self._firing():
                red[place_of(thing.line)].append(thing)
            places = sorted({*running, *states})
            # An incident that says no environment is where its service is.
            bare = {service: red.get((service, ""), []) for service, _ in places}
            locks = self.locks(now)
            tests = self._tests(running.values())
            cells = {}
            for service, environment in places:
                place = (service, environment)
                runs = running.get(place)
                change = self._change_of(runs.deploy.event) if runs else None
                waits = self._waiting_people(change, MOST_CHANGES) if change else {}
                cells[place] = Cell(
                    service=service,
                    environment=environment,
                    running=runs,
                    deploy=states.get(place),
                    test=tests.get(runs.deploy.id) if runs else None,
                    red=tuple(chain(red.get(place, ()), bare[service] if environment else ())),
                    lock=next((line for line in locks if _covers(line.event, *place)), None),
                    waiting=sum(waits.values()),
                    mine=sum(count for actor, count in waits.items() if actor.casefold() in mine),
                )
            return Board(
                services=tuple(sorted({service for service, _ in places}, key=str.casefold)),
                environments=tuple(sorted({one for _, one in places}, key=_way)),
                cells=cells,
            )

    def waiting(
        self, service: str, environment: str, *, limit: int = MOST_CHANGES
    ) -> Waiting | None:
        """Return the changes that wait for a place, oldest first.

        None where nothing runs, or what runs is no commit that the history knows.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        runs = self._running_at(service, environment)
        return self._waiting(runs, limit) if runs is not None else None

    def _waiting(self, runs: Running, limit: int) -> Waiting | None:
        return next(iter(self._all_waiting([runs], limit)), None)

    def _all_waiting(self, running: Iterable[Running], limit: int) -> list[Waiting]:
        """Return each known place's waiting changes, the oldest first."""
        known = [(one, self._change_of(one.deploy.event)) for one in running]
        found = [
            (runs, change, self._waiting_ids(change, limit)) for runs, change in known if change
        ]
        lines = self._by_id(chain.from_iterable(ids for *_, ids in found))
        waiting = []
        for runs, change, ids in found:
            changes = tuple(lines[row_id] for row_id in ids if row_id in lines)
            count = len(ids)
            if count == limit:
                count = sum(self._waiting_people(change, MOST_CHANGES).values())
            waiting.append(Waiting(*place_of(runs.deploy), changes, count > len(ids), count))
        return waiting

    def _firing(self) -> list[Thing]:
        return self._things(self._ask(f"{_RED} AND kind = 'incident' {_WORST_FIRST}", _CELLS))

    def _things(self, rows: Iterable[tuple[object, ...]], *, suspects: bool = False) -> list[Thing]:
        found = list(rows)
        before = {
            row[0]: self._suspect_ids(str(row[7]), str(row[8]), row[9], 1)
            for row in found
            if suspects
            and row[1] == Tone.OPEN
            and row[6] == Kind.INCIDENT
            and isinstance(row[9], bytes)
        }
        ids = {row_id for row in found for row_id in row[2:6] if isinstance(row_id, int)}
        lines = self._by_id({*ids, *chain.from_iterable(before.values())})
        things = []
        for number, weight, line, since, moving, claim, *_, place, _ in found:
            # A line that cannot be read says nothing; the node sets it aside.
            if line not in lines or since not in lines:
                continue
            suspect = next(iter(before.get(number, ())), 0)
            things.append(
                Thing(
                    id=number,  # type: ignore[arg-type]
                    tone=Tone(weight),  # type: ignore[arg-type]
                    line=lines[line],
                    since=lines[since],
                    moving=lines.get(moving),  # type: ignore[call-overload]
                    claim=lines.get(claim),  # type: ignore[call-overload]
                    suspect=lines.get(suspect),
                    seen_by=self._seen_by(number, place) if suspects else (),
                )
            )
        return things

    def _seen_by(self, thing: object, began: object) -> tuple[str, ...]:
        """Return who said that they saw a thing, since it is so."""
        if not isinstance(thing, int):
            return ()
        found = self._ask(_SEEN, claims_of(thing), began)
        return tuple(dict.fromkeys(actor for (actor,) in found))

    def _living(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Leave out the builds and tests whose branch was deleted after them."""
        signed = self._ask(
            "SELECT lines.id, log.body, log.signature FROM lines JOIN log ON log.lsn = lines.lsn"
            " WHERE lines.id IN (SELECT value FROM json_each(?))",
            numbers(row[2] for row in rows),
        )
        branches = {row_id: _branch(body, signature) for row_id, body, signature in signed}
        deleted = dict(
            self._ask(
                "SELECT id, line FROM subjects WHERE id IN (SELECT value FROM json_each(?))"
                " AND state = 'deleted'",
                numbers(set(branches.values())),
            )
        )
        return [row for row in rows if deleted.get(branches.get(row[2]), 0) <= row[2]]

    def _tests(self, running: Iterable[Running]) -> dict[int, Line]:
        """Return each deployed commit's last test, else build, by the deploy's row."""
        chosen: dict[int, int] = {}
        for one in running:
            check = self._last_check(one.revision)
            if check:
                chosen[one.deploy.id] = check
        lines = self._by_id(chosen.values())
        return {deploy: lines[row_id] for deploy, row_id in chosen.items() if row_id in lines}


# With each piece of news the same rows are looked at again; about 3 MB where they are so many.
@lru_cache(maxsize=_MOST_ON_BRANCHES)
def _branch(body: bytes, signature: bytes) -> int:
    """Return the number of a build's or test's branch; 0 for none."""
    event = stored_event(body, signature)
    return branch_of(event) if event is not None and event.ref else 0


def place_of(line: Line) -> tuple[str, str]:
    """Return a line's service, and its environment by its one name."""
    return line.event.service, environment_name(line.event.environment)


def _not_stuck(thing: Thing, now: int) -> Thing:
    if thing.moving is None or now - thing.moving.received < _STUCK_MS:
        return thing
    return Thing(thing.id, thing.tone, thing.line, thing.since, None, thing.claim, thing.suspect)


def _covers(lock: Event, service: str, environment: str) -> bool:
    """Tell whether a lock (environment, service or everything) covers this place."""
    named = environment_name(lock.environment)
    return lock.service in ("*", service) and named in ("", environment)


def _way(environment: str) -> tuple[int, str]:
    if environment == "production":
        return (len(_WAY) + 1, "")
    return (_WAY.index(environment) if environment in _WAY else len(_WAY), environment)
