"""A naive model of the state of things: everything is folded anew, from the sorted events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

RED = {"failed", "errored", "failure", "error", "unknown", "firing", "silent"}
OPEN = RED | {"opened", "reopened"}
GOOD = {"succeeded", "success", "resolved", "closed", "active"}
MOVING = {"queued", "running", "waiting", "in_progress"}
FINAL = OPEN | GOOD | {"cancelled", "refused"}


@dataclass(frozen=True)
class Telling:
    """An entry, and the thing that its maker meant."""

    entry: Entry
    event: Event
    thing: str

    @property
    def place(self) -> tuple[int, bytes]:
        return (self.entry.hlc, self.entry.hash)

    @property
    def work(self) -> int:
        event = self.event
        if event.kind is Kind.CLAIM or (event.kind is Kind.DEPLOY and event.request):
            return 0
        return event.order or event.time

    @property
    def when(self) -> int:
        return self.work or (self.entry.hlc >> 16 if self.event.kind is Kind.DEPLOY else 0)

    @property
    def rank(self) -> int:
        state = self.event.state
        return int(state in FINAL and self.event.kind in (Kind.BUILD, Kind.DEPLOY))


@dataclass
class World:
    """The tables, each row named by the fact that it shows."""

    meanings: dict[str, tuple[str, int]]
    things: dict[str, tuple[object, ...]]
    running: dict[str, str]


def fold(kept: Iterable[Telling], struck: set[bytes]) -> World:
    """Fold what is kept; the feeds in `struck` are believed no more."""
    rows: dict[str, Telling] = {}
    for one in kept:
        rows[one.event.key] = min(
            (one, rows.get(one.event.key, one)),
            key=lambda t: (t.entry.feed in struck, t.entry.hlc, t.entry.feed, t.entry.seq),
        )
    world = World({}, {}, {})
    for key, one in rows.items():
        if one.entry.feed in struck:
            world.meanings[key] = ("", 0)
    believed = [one for one in rows.values() if one.entry.feed not in struck]
    for thing in {one.thing for one in believed}:
        about = sorted((one for one in believed if one.thing == thing), key=lambda t: t.place)
        _fold_one(world, thing, about)
    return world


def _fold_one(world: World, thing: str, about: list[Telling]) -> None:
    facts = [one for one in about if one.event.kind is not Kind.CLAIM]
    results: list[Telling] = []
    says: list[tuple[Telling, int]] = []
    for one in about:
        meaning, tone = "", 0
        if one.event.state in OPEN | GOOD and one in facts:
            meaning, tone = _judge(one, results[-16:])
            results.append(one)
        world.meanings[one.event.key] = (meaning, tone)
        if tone:
            says.append((one, tone))
    last_step = next((one for one in reversed(facts[-8:]) if _moves(one, facts)), None)
    if not says and last_step is None:
        return
    deploys = facts and facts[0].event.kind is Kind.DEPLOY
    if says:
        last, tone = says[-1]
        since = len(says) - 1
        while since and says[since - 1][1] == tone:
            since -= 1
        first = says[since][0]
    else:
        assert last_step is not None
        last = first = last_step
        tone = 0
    claim = _claim([one for one in about if one.place > first.place]) if tone == 2 else ""
    world.things[thing] = (
        last.event.state, tone, last.event.key, first.event.key,
        last_step.event.key if last_step else "", claim,
    )  # fmt: skip
    good = [one for one, tone in says if tone == 1]
    if deploys and good:
        down = any(
            one.event.number == good[-1].event.number
            and one.event.state == "inactive"
            and one.place > good[-1].place
            for one in facts
        )
        if not down:
            world.running[thing] = good[-1].event.key


def _judge(one: Telling, past: list[Telling]) -> tuple[str, int]:
    tone = 2 if one.event.state in OPEN else 1
    newest = max(past, key=lambda t: (t.when, t.place), default=None)
    if newest is None:
        return _meaning(one, ""), tone
    if one.work and newest.when > one.when:
        if newest.event.number != one.event.number:
            return "outdated", 0
        tone = 0
    return _meaning(one, newest.event.state), tone


def _meaning(one: Telling, before: str) -> str:
    kind, state = one.event.kind, one.event.state
    if kind is Kind.TICKET:
        return {"opened": "new", "reopened": "regressed", "closed": "fixed"}[state]
    if kind is Kind.DEPLOY:
        return ""
    if state in RED:
        if kind is Kind.INCIDENT:
            return "new" if not before else "" if before in RED else "regressed"
        return "still failing" if before in RED else "failed"
    return "fixed" if before in RED else ""


def _moves(one: Telling, facts: list[Telling]) -> bool:
    return one.event.state in MOVING and not any(
        other.event.number == one.event.number
        and other.event.state != "inactive"
        and (other.rank, other.work, other.place) > (one.rank, one.work, one.place)
        for other in facts
    )


def _claim(later: list[Telling]) -> str:
    words: dict[str, Telling] = {}
    for one in later:
        if one.event.kind is Kind.CLAIM and not one.event.action:
            words[one.event.actor] = one
    claimed = [one for one in words.values() if one.event.state == "claimed"]
    return max(claimed, key=lambda t: t.place).event.key if claimed else ""
