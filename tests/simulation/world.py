"""A seeded world.

Nodes, links, and all that happens to laptops, disks, clocks and networks. Times are milliseconds.
"""

from __future__ import annotations

import heapq
import random
from itertools import count
from types import MethodType

import msgspec
from ledger import BrokenPromiseError, Ledger, Verdict
from mishaps import (
    DAY,
    HOUR,
    back_up,
    clone,
    close_one_way,
    cut_power,
    fill_disk,
    flap,
    go_down,
    restore,
    roll_back_two,
    split,
)
from nodes import Node
from sessions import Session
from stories import fill_a_gap, steal

from devstream_desktop.mesh.wire import MAX_RECORDS
from devstream_desktop.stream.entry import KEY_BYTES

START = 1_700_000_000_000
THEMES = {
    "images": ("back_up", "restore", "roll_back_two", "clone", "reinstall"),
    # begins with a rolled-back author whose other branch fills a gap, and who is gone before
    # anybody else hears of it
    "gap": (),
    "backups": ("back_up", "restore"),
    "clocks": ("step_clock", "restart", "pass_time", "prune"),
    "policy": ("learn_policy", "restart"),
    "lies": (),
    "theft": (
        "learn_policy",
        "images",
    ),  # begins with a device whose key and image are stolen, and which is revoked
    "power": ("cut_power",),
}
PAGES = (1, 2, 5, MAX_RECORDS, MAX_RECORDS)
QUIET_ROUNDS = 4
PRUNE_ROUND = 4
MAX_ROUNDS = 150


class World:
    """One history: `play` lives it, heals it, and returns the verdict of its ledger."""

    def __init__(self, seed: int, trace=None, theme: str = "") -> None:
        """`theme`: one of THEMES, to meet one danger sooner than chance would."""
        self.seed, self.trace, self.theme = seed, trace, theme
        self.rng = rng = random.Random(seed)
        self.now = START
        self.ledger = Ledger()
        self.rough = True
        self.count = self._count()
        self._choose_dangers()
        self.lossy = rng.choice([0.0, 0.02, 0.15])
        self.events: list = []
        self.order = count()
        self.said = 0
        self.paths = [[True] * self.count for _ in range(self.count)]
        self.backups: dict[int, tuple] = {}
        self.nodes = []
        for n in range(self.count):
            retention = 7 * DAY if n < self.count - 1 else rng.choice([7 * DAY, 30 * DAY])
            node = self._node(n, retention)
            node.skew = rng.choice([0, 0, 0, 60_000, -240_000, 240_000])
            self.nodes.append(node)
        if rng.random() < 0.15:
            self.nodes[0].skew = 1_200_000
        if self.policy:
            for node in self.nodes:
                node.strangers = {
                    other.log.key
                    for other in self.nodes
                    if other is not node and rng.random() < 0.3
                }
        for node in self.nodes:
            node.start(self.now)
        self.sessions = [Session(self, self.nodes[a], self.nodes[b]) for a, b in self._dials()]
        acts = [
            (self.emit, 30),
            (self.prune, 6),
            (self.pass_time, 8),
            (self.restart, 5),
            (MethodType(cut_power, self), 3),
            (MethodType(go_down, self), 3),
            (self.reinstall, 0.5),
            (MethodType(back_up, self), 4),
            (MethodType(restore, self), 4),
            (MethodType(roll_back_two, self), 0.7 if self.images else 0),
            (MethodType(clone, self), 0.7 if self.images else 0),
            (MethodType(split, self), 4),
            (MethodType(close_one_way, self), 2),
            (MethodType(flap, self), 3),
            (self.heal_paths, 2),
            (self.step_clock, 2),
            (MethodType(fill_disk, self), 1),
            (self.learn_policy, 3 if self.policy or self.theft else 0),
        ]
        self.acts = [act for act, _ in acts]
        more = THEMES.get(theme, ())
        self.weights = [weight * 5 if act.__name__ in more else weight for act, weight in acts]

    def _count(self) -> int:
        """The number of nodes."""
        return self.rng.choices([2, 3, 4, 5, 8, 20], [10, 28, 32, 20, 8, 2])[0]

    def _node(self, number: int, retention: int) -> Node:
        return Node(number, bytes([number + 1]) * 32, self.rng, self.ledger, retention)

    def _choose_dangers(self) -> None:
        """Choose few dangers for this history, so that each is met deeply."""
        rng, theme = self.rng, self.theme
        self.images = (
            rng.random() < 0.35 or theme == "images"
        )  # backups and clones may carry the mirror along, as the image of a whole disk does
        self.ledger.forgery = rng.random() < 0.15 or theme == "lies"
        self.wild = rng.random() < 0.2 or theme == "clocks"  # clocks may be wrong by weeks
        self.policy = (
            rng.random() < 0.15 or theme == "policy"
        )  # some authors are strangers to some nodes until the policy arrives
        self.theft = rng.random() < 0.1 or theme == "theft"

    @property
    def honest(self) -> list[Node]:
        """The nodes whose word counts: all, where nobody lies."""
        return self.nodes

    def _dials(self) -> list[tuple[int, int]]:
        """The pairs of dialer and dialed.

        Everybody to five, then a ring and two more each.
        """
        if self.count <= 5:
            pairs = {(a, b) for a in range(self.count) for b in range(a)}
        else:
            pairs = {(a, (a + 1) % self.count) for a in range(self.count)}
            for a in range(self.count):
                pairs |= {
                    (a, b)
                    for b in self.rng.sample(range(self.count), 2)
                    if a != b and (b, a) not in pairs
                }
        return [pair if self.rng.random() < 0.5 else pair[::-1] for pair in sorted(pairs)]

    def note(self, *words) -> None:
        if self.trace is not None:
            self.trace(
                f"{(self.now - START) / 1000:12.3f} " + " ".join(str(word) for word in words)
            )

    # Time and messages.

    def later(self, delay: int, act) -> None:
        heapq.heappush(self.events, (self.now + delay, next(self.order), act))

    def post(self, source: Node, target: Node, act) -> None:
        """`act` happens at the target after a while, perhaps twice, perhaps never.

        Not if either process has ended meanwhile.
        """
        rng = self.rng
        boots = (source.boot, target.boot)
        copies = 1
        if self.rough:
            chance = rng.random()
            copies = 0 if chance < self.lossy else 2 if chance > 0.95 else 1

        def arrive() -> None:
            if (
                target.alive
                and boots[1] == target.boot
                and self.paths[source.number][target.number]
            ):
                act()

        for _ in range(copies):
            delay = rng.choice((1, 1, 5, 50, 2000, 2000, HOUR)) if self.rough else 1
            self.later(delay, arrive)

    def on_the_wire(self, batch):
        """The batch as it arrives: shuffled now and then, and in some histories with lies in it."""
        if self.rough and len(batch) > 1 and self.rng.random() < 0.2:
            self.rng.shuffle(batch)
        if self.rough and self.ledger.forgery and batch and self.rng.random() < 0.2:
            at = self.rng.randrange(len(batch))
            body = batch[at].body
            if self.rng.random() < 0.5:
                batch[at] = msgspec.structs.replace(
                    batch[at], body=body[:-1] + bytes([body[-1] ^ 1])
                )
            else:
                batch[at] = msgspec.structs.replace(batch[at], signature=bytes(64))
        return batch

    def run(self, until: int, limit: int = 100_000) -> None:
        for _ in range(limit):
            if not self.events or self.events[0][0] > until:
                self.now = max(self.now, until)
                return
            at, _, act = heapq.heappop(self.events)
            self.now = max(self.now, at)
            act()
        raise BrokenPromiseError("never quiet: messages beget messages")

    # A step.

    def step(self) -> None:
        rng = self.rng
        if rng.random() < 0.45:
            node = rng.choice(self.honest)
            act = rng.choices(self.acts, self.weights)[0]
            act(node)
            if rng.random() < 0.15:
                node.check()
        else:
            for _ in range(3):
                rng.choice(self.sessions).drive()
        self.run(self.now + rng.choice((0, 1, 10, 100, 3000)))

    def emit(self, node: Node) -> None:
        if not node.alive:
            return
        payloads = []
        for _ in range(self.rng.choice((1, 1, 2, 3, 5))):
            self.said += 1
            payloads.append(b"\xc4\x04" + self.said.to_bytes(4, "big"))
        self.note(
            "node", node.number, "publishes", len(payloads), "from", self.said - len(payloads) + 1
        )
        try:
            node.publish(payloads, self.now)
        except OSError:
            self.note("  disk full")

    def prune(self, node: Node) -> None:
        if node.alive:
            self.note("node", node.number, "prunes")
            node.prune(self.now)

    def pass_time(self, _) -> None:
        span = self.rng.choice(
            (60_000, HOUR, DAY, 3 * DAY, *((8 * DAY,) if self.rng.random() < 0.3 else ()))
        )
        if self.rng.random() < 0.01:
            span = 61 * DAY
        self.note("time passes:", span / HOUR, "h")
        self.run(self.now + span)
        for node in self.nodes:
            if node.alive:
                node.look(self.now)

    def restart(self, node: Node) -> None:
        clean = self.rng.random() < 0.5
        self.note(
            "node", node.number, "restarts", "after a clean stop" if clean else "after kill -9"
        )
        if clean and node.alive:
            node.log.stop()
        node.start(self.now, clean=clean and node.alive)

    def reinstall(self, node: Node) -> None:
        self.note("node", node.number, "is reinstalled")
        before = node.payloads()
        node.log = type(node.log)(node.log.key, self.rng)
        node.gone = set()
        node.start(self.now)
        self.ledger.wrecked(node, before, self.honest)

    def heal_paths(self, _) -> None:
        self.note("the network heals")
        self.paths = [[True] * self.count for _ in range(self.count)]

    def step_clock(self, node: Node) -> None:
        steps = [0, 240_000, -240_000, 1_200_000, 2 * HOUR, -3 * HOUR]
        if self.wild and node.number == 0:
            steps += [40 * DAY, -40 * DAY, 9 * DAY] * 2
        self.step_clock_to(node, self.rng.choice(steps))

    def step_clock_to(self, node: Node, skew: int) -> None:
        node.skew = skew
        node.waiting.clear()
        self.note("node", node.number, "has its clock off by", node.skew / 1000, "s")
        if node.alive:
            node.look(self.now)
        for (
            session
        ) in self.sessions:  # every link is made anew, and tells both ends the other's clock
            if node in (session.a, session.b):
                session.reset()

    def learn_policy(self, node: Node) -> None:
        node.strangers = set()
        node.knows_the_end = bool(self.ledger.out) and node.log.key != self.ledger.out
        node.refused.clear()
        if node.alive:
            node.replica.policy_changed()
            for session in self.sessions:
                if node in (session.a, session.b):
                    session.unequal = True

    # The end.

    def heal(self) -> None:
        """Everything works again; whatever can travel has a while to do so."""
        self.note("everything is healed")
        self.rough = False
        self.heal_paths(None)
        self.run(self.now + 90 * 60_000)
        self.heal_paths(None)
        for node in self.nodes:
            if not node.alive:
                node.start(self.now)
            node.log.fail_next = False
            if abs(node.skew) > 300_000:
                self.step_clock_to(node, 0)
            self.learn_policy(node)
            node.look(self.now)
        self.go_on()
        if self.count > 5:  # the overlay replaces neighbours, so that in time everybody meets
            broken = {feed[:KEY_BYTES] for feed in self.ledger.reused()}
            for node in self.nodes:
                others = [other for other in self.nodes if other.name != node.name]
                met = (
                    others
                    if node.log.key in broken
                    else self.rng.sample(others, min(2, len(others)))
                )
                self.sessions += [Session(self, node, other) for other in met]
        quiet = 0
        for turn in range(MAX_ROUNDS):
            if turn % 4 == 3:
                self.run(self.now + 30 * 60_000)  # what was stamped ahead of its time comes of age
                for session in self.sessions:
                    session.unequal = True
            moved = self._moved()
            for session in self.sessions:
                session.level()
            self.run(self.now + 1000)
            if turn == PRUNE_ROUND:
                for node in self.nodes:
                    node.prune(self.now)
            quiet = quiet + 1 if moved == self._moved() and turn > PRUNE_ROUND else 0
            if quiet >= QUIET_ROUNDS:
                return
        raise BrokenPromiseError("never quiet")

    def page_size(self) -> int:
        """The number of feeds that a message holds.

        In the product some thousand, here so few that there are several pages.
        """
        return self.rng.choice(PAGES)

    def go_on(self) -> None:
        """Do the rest once everybody is up again."""

    def _moved(self) -> object:
        """A value that stays equal in a round in which nothing came."""
        return sum(node.moved for node in self.nodes)

    def play(self) -> Verdict:
        if self.theme == "gap" and self.count > 2:
            fill_a_gap(self)
        if self.theft and self.count > 2:
            steal(self)
        for _ in range(90 if self.count < 6 else 160):
            self.step()
        self.heal()
        return self.verdict()

    def verdict(self) -> Verdict:
        return self.ledger.verdict(self.honest, self.now)
