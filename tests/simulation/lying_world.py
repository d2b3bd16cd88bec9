"""A world with one to three liars, and the witness of what must be true all the same.

Honest members say real events by their roles, an executor runs what it is asked to, and at the end
not only the logs are judged but the rows that each of them shows: nothing of an honest member lost,
displaced or changed, and nobody shown as the author of a lie.
"""

from __future__ import annotations

from dataclasses import dataclass

from crew import Member, Speech, Standing
from desk import Desk
from ledger import Verdict, hold_that
from liar import Liar
from nodes import Node
from world import World

from devstream_desktop.mesh.wire import MAX_RECORDS
from devstream_desktop.node.board import Board
from devstream_desktop.stream.entry import VERSION
from devstream_desktop.stream.event import InvalidEventError, decode_event
from devstream_desktop.stream.fact import event_of
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Role


class LyingWorld(World):
    """As `World`, with liars in it."""

    def __init__(self, seed: int, trace=None, strategy=None) -> None:
        """`strategy`: one that each liar has, to meet it sooner than chance would."""
        self.strategy = strategy
        super().__init__(seed, trace, "liars")
        devices = [node.device for node in self.nodes]
        lying_executor = self.rng.random() < 0.2
        self.standing = Standing(
            devices[: self.upright], devices[self.upright :], lying_executor=lying_executor
        )
        self.executor = self.nodes[1]
        self.speech = Speech(self.rng, self.executor.device)
        for node in self.honest:
            node.standing = self.standing
        for liar in self.liars:
            liar.join(self)

    def _count(self) -> int:
        self.upright = self.rng.choices([2, 3, 4, 7], [25, 40, 25, 10])[0]
        return self.upright + self.rng.choice((1, 1, 2, 3))

    def _node(self, number: int, retention: int) -> Node:
        key = bytes([number + 1]) * 32
        if number >= self.upright:
            self.ledger.liars.add(key)
            return Liar(number, key, self.rng, self.ledger, retention)
        return Member(number, key, self.rng, self.ledger, retention)

    def _choose_dangers(self) -> None:
        super()._choose_dangers()
        self.images = self.policy = self.theft = False
        self.ledger.forgery = True
        self.wild = self.rng.random() < 0.1

    @property
    def honest(self) -> list[Member]:
        return self.nodes[: self.upright]

    @property
    def liars(self) -> list[Liar]:
        return self.nodes[self.upright :]

    def step(self) -> None:
        if self.rng.random() < 0.25:
            self.rng.choice(self.liars).act()
        super().step()

    def emit(self, node: Node) -> None:
        if not node.alive:
            return
        said = self.speech.next_of(node, node.team_time(self.now))
        self.note(
            "node",
            node.number,
            "says",
            *(f"{event.kind} {event.state} {event.key[:6]}" for event in said),
        )
        try:
            node.say(said, self.now)
        except OSError:
            self.note("  disk full")
        if self.rng.random() < 0.3:
            self._work()

    def _work(self) -> None:
        """The executor goes on with its runs."""
        if self.executor.alive:
            try:
                self.executor.finish(self.now)
            except OSError:
                self.note("  disk full")

    def step_clock_to(self, node: Node, skew: int) -> None:
        node.vouched = False
        super().step_clock_to(node, skew)

    def reinstall(self, node: Node) -> None:
        node.runs.clear()
        super().reinstall(node)

    def heal(self) -> None:
        """Some liars go on to the end, others have left."""
        for node in self.liars:
            node.silent = self.rng.random() < 0.4
            self.note(
                "node", node.number, "is silent from now on" if node.silent else "goes on lying"
            )
            node.lie_ms = 0
        super().heal()

    def go_on(self) -> None:
        """The executor says what became of its runs."""
        self.executor.finish(self.now)

    def page_size(self) -> int:
        """Whole pages in the end.

        A liar's many feeds would make a round of comparing last for more rounds than there are.
        """
        return super().page_size() if self.rough else MAX_RECORDS

    def _moved(self) -> object:
        """Liars may move things for ever; what is theirs does not count."""
        return [
            (
                sum(
                    len(mine) for feed, mine in node.log.held.items() if self.ledger.is_honest(feed)
                ),
                sorted(
                    (feed, floor)
                    for feed, (floor, _) in node.log.settled.items()
                    if self.ledger.is_honest(feed)
                ),
            )
            for node in self.honest
        ]

    def verdict(self) -> Verdict:
        verdict = super().verdict()
        everywhere = set.intersection(*(node.payloads() for node in self.honest))
        rows = [self._judge_rows(node) for node in self.honest]
        for node, own in zip(self.honest, rows, strict=True):
            for payload in self.ledger.facts.keys() & everywhere:
                event = decode_event(payload)
                hold_that(
                    (event.kind, event.key) in own.facts,
                    "an honest fact is shown nowhere at node",
                    node.number,
                    event,
                )
        self._judge_runs()
        verdict.lies = sum(own.lies for own in rows)
        verdict.runs = len(self.executor.runs)
        return verdict

    def _judge_rows(self, node: Member) -> Shown:
        """Compare honest rows with those of a desk without liars, and look whose names the lies
        have.
        """
        upright = {other.device for other in self.honest}
        entries = {arrival.entry.id: arrival.entry for _, arrival in node.log.rows}
        shown = node.desk.lines()
        alone = Desk(self.standing.current.persons)
        alone.show([row for row in node.log.rows if row[1].entry.device in upright])
        own, pure = _of(shown, upright), _of(alone.lines(), upright)
        for entry, line in pure.items():
            hold_that(entry in own, "an honest row was displaced at node", node.number, line)
            hold_that(
                own[entry] == line,
                "a liar changed an honest row at node",
                node.number,
                own[entry],
                line,
            )
        hold_that(
            own.keys() == pure.keys(), "a liar brought an honest row back at node", node.number
        )
        for line in shown:
            hold_that(
                line.event.time <= line.received,
                "a row is shown with a time that has not come",
                line.event,
            )
            entry = entries[line.entry]
            if entry.device not in upright:
                person = self.standing.current.name_of(entry.device)
                hold_that(line.author == person, "a liar's row has another author", line)
                own = line.event.actor in (person, "") or self.standing.current.has_role(
                    line.device, Role.EXECUTOR
                )
                hold_that(own, "a liar is shown as somebody else", line.event)
                hold_that(self._may_say(line), "a liar said what it may not", line.event)
        self._judge_board(node, upright)
        facts = {(line.event.kind, line.event.key) for line in shown if line.device in upright}
        return Shown(facts, sum(line.device not in upright for line in shown))

    def _may_say(self, line: Line) -> bool:
        event = line.event
        if event.kind is Kind.DUTY:
            return event.subject == f"duty/{self.standing.current.name_of(line.device)}"
        if event.kind is Kind.CLAIM or (event.kind is Kind.DEPLOY and event.state == "requested"):
            return True
        own_target = event.executor == line.device and bool(
            event.request or event.kind is Kind.TEAM
        )
        return own_target and self.standing.current.has_role(line.device, Role.EXECUTOR)

    def _judge_board(self, node: Member, upright: set[str]) -> None:
        boards = []
        for devices in (upright, upright | {other.device for other in self.nodes}):
            board = Board()
            board.note(
                event_of(arrival.entry)
                for _, arrival in node.log.rows
                if arrival.entry.device in devices and _readable(arrival)
            )
            boards.append(board)
        alone, full = boards
        persons = {self.standing.current.name_of(device) for device in upright}
        same = all(alone.duty.get(person) == full.duty.get(person) for person in persons)
        hold_that(same, "a liar spoke for somebody's duty at node", node.number)
        hold_that(
            (alone.doors, alone.asks) == (full.doors, full.asks), "a liar changed who comes in"
        )

    def _judge_runs(self) -> None:
        """Of each deploy that ran the last word was stored.

        Whether it is shown is asked of every honest word.
        """
        told = {}
        for payload in self.ledger.facts:
            event = decode_event(payload)
            if event.kind is Kind.DEPLOY and event.request and event.state != "requested":
                told.setdefault(event.request, set()).add(payload)
        for request, run in self.executor.runs.items():
            hold_that(run.state in run.said, "a deploy ran without a line", run)
            hold_that(request in told, "a deploy ran and nothing of it was stored", run)


@dataclass
class Shown:
    """The rows of a desk: its honest facts by kind and key, and its rows of liars."""

    facts: set[tuple[Kind, str]]
    lies: int


def _of(lines, devices: set[str]) -> dict[str, tuple]:
    """The rows of these devices, by entry."""
    return {
        line.entry: (line.event, line.author, line.transition, line.superseded, line.struck)
        for line in lines
        if line.device in devices
    }


def _readable(arrival) -> bool:
    try:
        return arrival.entry.version == VERSION and bool(event_of(arrival.entry))
    except InvalidEventError:
        return False
