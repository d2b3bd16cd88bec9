"""Mishaps of the team of eight.

A plan of faults that a seed decides alone, and the hands that carry it out and undo it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cluster import DAY_MS, PORT, Node
from emitter import Emitter
from network import Host, SlowWire

HERE = Path(__file__).parent
STRANGERS = str(HERE / "strangers.py")
LIAR = str(HERE / "lying_node.py")
ROOMS = os.pathsep.join(str(HERE.parent / room) for room in ("simulation", "hostile"))
"""The folders of the liar's modules."""
LANES = 3
"""So many things are wrong at once."""
MINUTE_MS = 60_000
AHEAD_MS = 40 * DAY_MS
"""A clock so wrong that the whole history is older than anything is kept."""


class Fault(StrEnum):
    """A mishap of one node, unless it says otherwise."""

    KILL = "killed"
    FREEZE = "asleep"
    PULL = "interface down"
    BLACKHOLE = "its frames vanish"
    SPLIT = "the subnets are apart"
    SLOW = "200 ms and 5 % loss between the subnets"
    MOVE = "another address"
    SKEW = "clock nine minutes off"
    BEHIND = "clock two hours behind"
    AHEAD = "clock forty days ahead"
    WAKE_AHEAD = "started with its clock forty days ahead"
    OUTSIDER = "a node of another team knocks"
    FLOOD = "a flood of strangers"


SECONDS: dict[Fault, tuple[float, float]] = {
    Fault.KILL: (1, 6),
    Fault.FREEZE: (60, 60),
    Fault.PULL: (5, 15),
    Fault.BLACKHOLE: (8, 40),
    Fault.SPLIT: (5, 15),
    Fault.SLOW: (10, 25),
    Fault.MOVE: (1, 3),
    Fault.SKEW: (5, 15),
    Fault.BEHIND: (5, 15),
    Fault.AHEAD: (5, 10),
    Fault.WAKE_AHEAD: (8, 12),
    Fault.OUTSIDER: (10, 20),
    Fault.FLOOD: (8, 15),
}
"""The seconds that each lasts, at least and at most."""
OF_ALL = frozenset({Fault.SPLIT, Fault.SLOW, Fault.OUTSIDER, Fault.FLOOD})


@dataclass(frozen=True)
class Act:
    """One fault: from and until when (seconds from the beginning), and to whom."""

    at: float
    until: float
    fault: Fault
    node: int

    def __str__(self) -> str:
        who = "" if self.fault in OF_ALL else f"node {self.node}: "
        return f"{self.at:5.1f} to {self.until:5.1f} s  {who}{self.fault}"


def plan(seed: int, seconds: float, nodes: int, faults: Sequence[Fault]) -> list[Act]:
    """Each of `faults` at least once, then more until all end together; nothing happens to a node
    or the router twice at once.

    Args: seed: Decides everything. seconds: How long; what must happen once may take a little more.
        nodes: How many there are; the first is the address that others were told, so it never
        moves. faults: What may happen.

    """
    rng = random.Random(seed)
    # The longest first, so that the others fit beside it.
    waiting = sorted(faults, key=lambda fault: (-(fault is Fault.FREEZE), rng.random()))
    lanes = [0.0] * LANES
    acts: list[Act] = []
    while waiting or min(lanes) < seconds - 2:
        lane = min(range(LANES), key=lambda lane: lanes[lane])
        must = bool(waiting)
        fault = waiting.pop(0) if must else rng.choice(faults)
        shortest, longest = SECONDS[fault]
        at = lanes[lane] + rng.uniform(0.5, 2.0)
        until = (
            at + rng.uniform(shortest, (shortest + longest) / 2)
            if must
            else min(seconds, at + rng.uniform(shortest, longest))
        )
        busy = [act for act in acts if act.at <= until and at <= act.until]
        free = [
            n
            for n in range(1 if fault is Fault.MOVE else 0, nodes)
            if n not in {act.node for act in busy if act.fault not in OF_ALL}
        ]
        lanes[lane] = until
        if fault in OF_ALL and any(act.fault in OF_ALL for act in busy):
            # The router and the stranger's host do one thing at a time.
            lanes[lane] = at
            if must:
                waiting.append(fault)
            continue
        acts.append(Act(at, until, fault, rng.choice(free)))
    return sorted(acts, key=lambda act: act.at)


class Nemesis:
    """Carries out acts; after `heal` nothing is wrong any more."""

    def __init__(
        self,
        nodes: Sequence[Node],
        emitters: Sequence[Emitter],
        *,
        outsider: Node,
        stranger: Host,
        wire: SlowWire | None,
        rng: random.Random,
    ) -> None:
        self._nodes, self._emitters = nodes, emitters
        self._outsider, self._stranger, self._wire = outsider, stranger, wire
        self._rng = rng
        self._moves = 0
        self._undo: dict[Act, Callable[[], object]] = {}

    def begin(self, act: Act) -> None:
        """Make it so."""
        self._undo[act] = self._do(act, self._nodes[act.node])

    def _do(self, act: Act, node: Node) -> Callable[[], object]:
        """Make it so; what undoes it."""
        match act.fault:
            case Fault.KILL:
                node.kill()
                return node.start
            case Fault.FREEZE:
                node.freeze()
                return node.thaw
            case Fault.PULL:
                node.host.pull()
                return node.host.plug
            case Fault.BLACKHOLE:
                node.host.blackhole()
                return node.host.clear
            case Fault.SPLIT | Fault.SLOW:
                self._wire.set(*((0, 100) if act.fault is Fault.SPLIT else (200, 5)))
                return lambda: self._wire.set(0, 0)
            case Fault.MOVE:
                self._moves += 1
                node.host.take_address(
                    f"{node.host.address.rpartition('.')[0]}.{100 + self._moves % 100}"
                )
                return lambda: None  # it stays where it went
            case Fault.WAKE_AHEAD:
                self._wake(act.node, AHEAD_MS)
                return lambda: self._wake(act.node, 0)
            case Fault.OUTSIDER:
                self._outsider.start()
                return self._outsider.kill
            case Fault.FLOOD:
                targets = [
                    f"{victim.host.address}:{PORT}" for victim in self._rng.sample(self._nodes, 2)
                ]
                nowhere = subprocess.DEVNULL
                flood = self._stranger.start(
                    sys.executable, STRANGERS, *targets, stdout=nowhere, stderr=nowhere
                )
                return lambda: end_flood(flood)
            case _:
                skew = self._rng.choice((-9, 9)) * MINUTE_MS
                offset = {Fault.AHEAD: AHEAD_MS, Fault.BEHIND: -120 * MINUTE_MS, Fault.SKEW: skew}[
                    act.fault
                ]
                self._set_clock(act.node, offset)
                return lambda: self._set_clock(act.node, 0)

    def end(self, act: Act) -> None:
        """Undo it."""
        self._undo.pop(act)()

    def heal(self) -> None:
        """Undo everything that is left."""
        for act in list(self._undo):
            self.end(act)

    def _set_clock(self, node: int, offset_ms: int) -> None:
        with self._emitters[node].silence:
            self._nodes[node].step(offset_ms)

    def _wake(self, node: int, offset_ms: int) -> None:
        self._nodes[node].kill()
        self._set_clock(node, offset_ms)
        self._nodes[node].start()


def end_flood(flood: subprocess.Popen[str]) -> None:
    assert flood.poll() is None, "the strangers went home by themselves"
    flood.stdin.close()
    flood.wait(10)


class LyingMember:
    """A member on a host of its own, who lies to all the others."""

    def __init__(self, node: Node, victims: Sequence[Node], seed: int) -> None:
        """`node`: its home and host; its own node never runs."""
        self.node = node
        key_file, errors = node.home.root.with_suffix(".key"), node.home.root.with_suffix(".stderr")
        victims_at = [f"{victim.host.address}:{PORT}" for victim in victims]
        with errors.open("a") as file:
            self._process = node.host.start(
                sys.executable,
                LIAR,
                *(
                    str(node.home.root),
                    str(key_file),
                    str(seed),
                    f"{node.host.address}:{PORT}",
                    *victims_at,
                ),
                env=os.environ
                | {
                    "PYTHONPATH": os.pathsep.join(
                        [ROOMS, *filter(None, [os.environ.get("PYTHONPATH")])]
                    )
                },
                stderr=file,
            )
        assert self._process.stdout.readline() == "ready\n", errors.read_text()
        self._errors = errors

    def end(self) -> dict:
        """End it; the figures that it prints (lying_node.py)."""
        said, _ = self._process.communicate(timeout=20)
        assert self._process.returncode == 0, self._errors.read_text()
        return json.loads(said)
