"""Eight nodes on two subnets, to which everything happens at once while they talk, and a ninth
member who lies to all of them.

Then a judge reads what the eight promised and have; what the liar says is nobody's loss.

NEMESIS_SEED=n and NEMESIS_SECONDS=n choose the run: make nemesis.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from checker import judge, look, read_acknowledged, read_log
from cluster import DAY_MS, PORT, Node, found, start, until
from emitter import Emitter
from nemesis import OF_ALL, Fault, LyingMember, Nemesis, plan
from network import Network, why_no_slow_wire

pytestmark = [pytest.mark.hosts, pytest.mark.process]
SEED = int(os.environ.get("NEMESIS_SEED", "1"))
SECONDS = float(os.environ.get("NEMESIS_SECONDS", "66"))
EQUAL_S = 30
"""So soon after the last fault all histories must be equal."""
LOOK_S = 5
OLD = 30
"""Events at two of the nodes that expire while the run lasts."""
IN_A_SUBNET = 4


@pytest.fixture
def team(network: Network, tmp_path: Path, runtime: Path):
    near, far = network.hosts(0, IN_A_SUBNET + 1), network.hosts(1, IN_A_SUBNET + 1)
    wire = network.route([near, far])
    stranger, lair = near.pop(), far.pop()
    nodes = [Node(tmp_path, f"n{n}", host) for n, host in enumerate([*near, *far])]
    liar = Node(tmp_path, "liar", lair)
    found([*nodes, liar], retention_days=1)
    for node in nodes[IN_A_SUBNET:]:
        # The one thing that a person must say where multicast does not reach.
        node.arguments = ("--peer", f"{near[0].address}:{PORT}")
    outsider = Node(tmp_path, "mallory", stranger)
    found([outsider])
    outsider.arguments = tuple(
        word for node in nodes for word in ("--peer", f"{node.host.address}:{PORT}")
    )
    emitters = [
        Emitter(node, tmp_path / f"{node.name}.told", random.Random(SEED * 100 + n))
        for n, node in enumerate(nodes)
    ]
    nemesis = Nemesis(
        nodes, emitters, outsider=outsider, stranger=stranger, wire=wire, rng=random.Random(SEED)
    )
    try:
        yield nodes, emitters, nemesis, liar
    finally:
        for emitter in emitters:
            emitter.stop()
        nemesis.heal()
        for node in [*nodes, outsider]:
            node.stop()


def test_a_plan_is_decided_by_its_seed_has_every_fault_and_does_one_thing_to_a_node_at_a_time() -> (
    None
):
    for seed in range(50):
        acts = plan(seed, SECONDS, 8, list(Fault))
        assert acts == plan(seed, SECONDS, 8, list(Fault))
        assert {act.fault for act in acts} == set(Fault)
        assert all(0 <= act.at <= act.until <= SECONDS + 30 for act in acts)
        for n, one in enumerate(acts):
            together = [act for act in acts[n + 1 :] if act.at <= one.until]
            if one.fault in OF_ALL:
                assert not any(act.fault in OF_ALL for act in together)
            else:
                assert one.node not in {act.node for act in together if act.fault not in OF_ALL}


def speak_of_yesterday(emitters: list[Emitter]) -> None:
    """Say what will expire one after the other during the run."""
    for emitter in emitters:
        emitter.node.start()
        emitter.node.await_ready()
        for n in range(OLD):
            emitter.node.step(-DAY_MS + round(1000 * (20 + n * SECONDS / OLD)))
            assert emitter.say()
        emitter.node.kill()
        emitter.node.step(0)


@pytest.mark.timeout(SECONDS + 180)
def test_nothing_acknowledged_is_lost_doubled_or_back_whatever_happens(
    team, tmp_path: Path
) -> None:
    nodes, emitters, nemesis, liar = team
    faults = [
        fault for fault in Fault if not (fault in (Fault.SPLIT, Fault.SLOW) and why_no_slow_wire())
    ]
    acts = plan(SEED, SECONDS, len(nodes), faults)
    print(
        f"NEMESIS_SEED={SEED} NEMESIS_SECONDS={SECONDS:.0f} {why_no_slow_wire()}", *acts, sep="\n"
    )
    speak_of_yesterday([emitters[1], emitters[-1]])
    start(nodes)
    linked = until(
        "all are linked",
        lambda: all(knows(nodes, n) <= node.live() for n, node in enumerate(nodes)),
        60,
    )
    for emitter in emitters:
        emitter.start()
    lying = LyingMember(liar, nodes, SEED)

    looks = []
    began = looked = time.monotonic()
    steps = sorted(
        [(act.at, nemesis.begin, act) for act in acts]
        + [(act.until, nemesis.end, act) for act in acts],
        key=lambda step: step[0],
    )
    for at, do, act in steps:
        while (left := began + at - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            if time.monotonic() - looked > LOOK_S:
                looks += [look(node.name, now_ms(), node.home.history, liar.key) for node in nodes]
                looked = time.monotonic()
        do(act)
    for emitter in emitters:
        emitter.stop()
    nemesis.heal()

    healed = time.monotonic()
    verdict = None
    while not verdict and time.monotonic() - healed < EQUAL_S:
        time.sleep(0.5)
        told = [item for emitter in emitters for item in read_acknowledged(emitter.path)]
        logs = {node.name: read_log(node.home.history, liar.key) for node in nodes}
        verdict = judge(told, logs, looks, now=now_ms(), retention_ms=DAY_MS)
    took = time.monotonic() - healed
    unanswered = sum(emitter.unanswered for emitter in emitters)
    print(
        f"{len(told)} acknowledged, {unanswered} unanswered, linked after {linked:.1f} s, equal "
        f"after {took:.1f} s",
        dict(Counter(a.fault.name for a in acts)),
    )
    lied = lying.end()
    print(lied)
    assert verdict, f"after {took:.0f} s:\n{verdict}"
    assert len(told) > 2 * OLD + SECONDS * len(nodes) / 4, "too little was said to prove anything"
    assert {act.fault for act in acts} == set(faults)
    assert lied["welcomed"] >= len(nodes), "the liar was let in too seldom to prove anything"
    assert sum(lied["lies"].values()) > SECONDS, "it lied too little to prove anything"
    expired = {key for one in looks for key, at in one.keys.items() if at < now_ms() - DAY_MS}
    assert any(expired - {row.key for row in rows} for rows in logs.values()), "nothing was let go"
    assert [node.stop() for node in nodes] == [0] * len(nodes)
    for node in nodes:
        assert " ERROR " not in node.home.log.read_text(), (
            f"{node.name}: {node.home.log.read_text()[-3000:]}"
        )


def knows(nodes: list[Node], n: int) -> set[str]:
    """The names of the nodes that a node must find by itself.

    All of its own subnet, and across it the one that was named.
    """
    subnet = nodes[:IN_A_SUBNET] if n < IN_A_SUBNET else [nodes[0], *nodes[IN_A_SUBNET:]]
    return {node.name for node in subnet} - {nodes[n].name}


def now_ms() -> int:
    return time.time_ns() // 1_000_000
