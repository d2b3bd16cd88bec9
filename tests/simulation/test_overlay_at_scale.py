"""The overlay of teams from 6 to 3,000 nodes in simulated time: the goals of docs/architecture.md,
and nobody left alone.

`SEED=n` runs all of them with another seed.
"""

from __future__ import annotations

import os
from collections import Counter
from statistics import fmean

import overlay_figures
import pytest
from overlay_node import Node
from overlay_world import World

from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import ACCEPT_CAP

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("SEED", "1"))
LAST_S = 2.0
MESSAGES = 12


def team(
    count: int,
    *,
    sites: int = 1,
    bridges: int = 0,
    closed: float = 0.0,
    hub: bool = False,
    settle: float = 60.0,
) -> World:
    """A started team.

    With a hub everybody was given the first node's address by hand; bridges, those of the next
    site's bridges.
    """
    world = World(SEED)
    for number in range(count):
        site, place = number % sites, number // sites
        is_open = place < max(1, bridges) or world.rng.random() >= closed
        world.add(
            f"10.{site}.{place // 250}.{place % 250 + 1}:7000",
            site=site,
            bridge=place < bridges,
            is_open=is_open,
        )
    joints = [node for node in world.nodes if node.bridge]
    for node in joints:
        for other in joints:
            if other.site == (node.site + 1) % sites != node.site:
                world.learn(node, other.address, Source.STATIC)
    for node in world.nodes:
        if hub and node is not world.nodes[0]:
            world.learn(node, world.nodes[0].address, Source.STATIC)
        world.start(node)
    world.agenda.run(settle)
    return world


def speak(world: World, count: int, every: float = 0.5) -> list[int]:
    """Events of the first node and of others in turn."""
    world.count_from_here()
    events = []
    for number in range(count):
        up = [node for node in world.nodes if node.up]
        events.append(world.publish(up[0] if number % 2 else world.rng.choice(up)))
        world.agenda.run(every)
    world.agenda.run(LAST_S)
    return events


def split(world: World, side: dict[Node, int]) -> None:
    """From here on no packet passes between the sides, and nobody is told."""
    world.blocked = lambda a, b: side[a] != side[b]
    for link in dict.fromkeys(
        link
        for node in world.nodes
        for link in node.links
        if side[link.dialer] != side[link.listener]
    ):
        world.notice_later(link)


def seconds_until_all_have(world: World, events: list[int], limit: float) -> float:
    began = world.agenda.now
    while any(len(node.have) < len(events) for node in world.nodes):
        assert world.agenda.now - began < limit, (
            f"{overlay_figures.figures(world, events).missing} are missing,"
            f" {len(overlay_figures.islands(world))} islands"
        )
        world.agenda.run(0.25)
    return world.agenda.now - began


@pytest.mark.parametrize(("count", "events"), [(30, 40), (300, 10), (3000, 2)])
def test_everybody_has_an_event_within_two_seconds_and_twelve_messages(
    count: int, events: int
) -> None:
    world = team(count, settle=90.0 if count < 3000 else 30.0)
    figures = overlay_figures.figures(world, speak(world, events))
    assert figures.missing == 0
    assert max(figures.last) < LAST_S
    assert figures.messages < MESSAGES
    assert max(sum(1 for _ in node.callers()) for node in world.nodes) <= ACCEPT_CAP


def test_three_sites_joined_by_two_bridges_each() -> None:
    world = team(120, sites=3, bridges=2)
    figures = overlay_figures.figures(world, speak(world, 16))
    assert figures.missing == 0
    assert max(figures.last) < LAST_S
    assert figures.messages < MESSAGES
    for _ in range(9):
        world.agenda.run(10)
        assert len(overlay_figures.islands(world)) == 1
        for node in world.nodes:
            assert {peer.site for peer in node.peers()} == (
                {0, 1, 2} if node.bridge else {node.site}
            )
    inside = [len(node.peers()) for node in world.nodes if not node.bridge]
    assert fmean(inside) > 5, "what cannot be reached keeps others out"


def test_half_of_the_team_behind_firewalls() -> None:
    world = team(100, closed=0.5)
    figures = overlay_figures.figures(world, speak(world, 16))
    assert figures.missing == 0
    assert max(figures.last) < LAST_S
    assert figures.messages < MESSAGES


def test_a_hub_that_everybody_was_given_by_hand_is_not_worn_out_and_not_needed() -> None:
    world = team(80, hub=True)
    hub = world.nodes[0]
    assert sum(1 for _ in hub.callers()) <= ACCEPT_CAP
    world.agenda.run(300)
    asked = hub.asked
    world.agenda.run(120)
    assert hub.asked - asked < 40, "those it has no room for come back too soon"
    world.crash(hub)
    figures = overlay_figures.figures(world, speak(world, 16))
    assert figures.missing == 0
    assert max(figures.last) < LAST_S


def test_silent_crashes_and_returns_lose_nothing() -> None:
    world = team(60)
    events = []
    for number in range(120):
        node = world.rng.choice(world.nodes[1:])
        if number % 2 and node.up:
            world.crash(node)
            world.agenda.at(
                world.rng.expovariate(1 / 30),
                lambda node=node: world.revive(node, forgetful=world.rng.random() < 0.5),
            )
        events.append(world.publish(world.nodes[0]))
        world.agenda.run(1)
    while not all(node.up for node in world.nodes):
        world.agenda.run(1)
    assert seconds_until_all_have(world, events, 30) < 10


@pytest.mark.parametrize("count", [2, 6, 40])
def test_halves_that_were_apart_for_long_find_each_other(count: int) -> None:
    """Nothing announces itself when the network heals.

    Who knew the others must try again by itself.
    """
    world = team(count)
    split(world, {node: number % 2 for number, node in enumerate(world.nodes)})
    world.agenda.run(20 * 60)
    assert len(overlay_figures.islands(world)) == 2
    events = [world.publish(node) for node in world.nodes[:2] for _ in range(5)]
    world.blocked = lambda _a, _b: False
    assert seconds_until_all_have(world, events, 300) < 90


def test_two_crowds_that_one_address_joins_become_one_mesh() -> None:
    world = World(SEED)
    for number in range(40):
        world.add(f"10.0.0.{number + 1}:7000", site=number % 2, bridge=True)
    for node in world.nodes:
        world.start(node)
    world.agenda.run(60)
    assert len(overlay_figures.islands(world)) == 2
    world.learn(world.nodes[0], world.nodes[1].address, Source.STATIC)
    world.agenda.run(900)
    across = Counter(
        link.dialer.site != link.listener.site for node in world.nodes for link in node.links
    )
    assert across[True] > across.total() / 4
    assert len(overlay_figures.islands(world)) == 1


@pytest.mark.parametrize("count", [7, 40])
def test_who_came_over_one_address_before_the_others_does_not_need_it_for_long(count: int) -> None:
    """Behind a router that forwards neither multicast nor dials.

    Who is in there knows the one address that a person gave it.
    """
    world = World(SEED)
    gate = world.add("10.0.0.1:7000", bridge=True)
    inside = world.add("10.1.0.1:7000", site=1, bridge=True, is_open=False)
    world.learn(inside, gate.address, Source.STATIC)
    for node in (gate, inside):
        world.start(node)
    world.agenda.run(20)
    for number in range(2, count):
        world.start(world.add(f"10.0.0.{number}:7000", bridge=True))
    world.agenda.run(100)
    world.crash(gate)
    event = world.publish(world.nodes[-1])
    began = world.agenda.now
    while event not in inside.have:
        assert world.agenda.now - began < 60, (
            "it is cut off as long as the one it was given is away"
        )
        world.agenda.run(1)


def test_where_two_dial_each_other_the_link_of_the_lower_id_stays() -> None:
    world = team(8, settle=30.0)
    links = {link for node in world.nodes for link in node.links}
    assert len(links) == 8 * 7 / 2
    both = world.nodes[:2]
    world.agenda.run(300)
    assert {link for node in world.nodes for link in node.links} == links, (
        "in a small team nobody is let go"
    )
    lower, higher = sorted(both, key=lambda node: node.device)
    for link in list(lower.links.keys() & higher.links.keys()):
        world.close(link)
    lower.dials[higher.address] = higher.dials[lower.address] = None
    world.dial(lower, higher.address)
    world.dial(higher, lower.address)
    world.agenda.run(5)
    (left,) = lower.links.keys() & higher.links.keys()
    assert left.dialer is lower


@pytest.mark.parametrize(("honest", "liars"), [(6, 2), (8, 3), (30, 3)])
def test_members_who_name_false_addresses_and_pass_nothing_on_part_nobody(
    honest: int, liars: int
) -> None:
    for seed in range(SEED, SEED + 6):
        world = World(seed)
        for number in range(honest + liars):
            world.add(f"10.0.0.{number + 1}:7000").lies = number >= honest
        for node in world.nodes:
            world.start(node)
        world.agenda.run(60)
        for _ in range(30):
            world.agenda.run(20)
            assert len(overlay_figures.islands(world)) == 1, (
                f"seed {seed}, after {world.agenda.now:.0f} s"
            )
        event = world.publish(world.nodes[0])
        world.agenda.run(LAST_S)
        assert all(event in node.have for node in world.nodes[:honest])
