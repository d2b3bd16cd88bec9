"""Figures of a simulated overlay: delays, copies, neighbours and islands."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overlay_node import Node

if TYPE_CHECKING:
    from overlay_world import World


@dataclass
class Figures:
    """The counts of `figures` since `World.count_from_here`."""

    last: list[float]
    """Seconds from an event to the last node that should have it."""
    missing: int
    copies: float
    """Copies of an event that a node receives."""
    messages: float
    """Frames of any kind with or for entries that a node sends, an event.

    The batches and their answers.
    """
    handshakes: float
    """Links dialed with success or refused as busy, a node and minute."""


def figures(world: World, events: Iterable[int]) -> Figures:
    up = [node for node in world.nodes if node.up and not node.lies]
    chosen = list(events)
    since, first = world.counted
    born = max(1, len(world.carrying.born) - first)
    return Figures(
        last=[
            max(node.have.get(event, math.inf) for node in up) - world.carrying.born[event]
            for event in chosen
        ],
        missing=sum(event not in node.have for event in chosen for node in up),
        copies=world.carrying.received / born / len(up),
        messages=2 * world.carrying.batches / born / len(up),
        handshakes=world.shaken / len(up) / max(1e-9, (world.agenda.now - since) / 60),
    )


def islands(world: World) -> list[set[Node]]:
    """Groups of honest nodes that no live link of honest ones joins."""
    left = {node for node in world.nodes if node.up and not node.lies}
    found = []
    while left:
        island, edge = set(), [left.pop()]
        while edge:
            node = edge.pop()
            island.add(node)
            edge += [peer for peer in node.peers() if peer not in island and not peer.lies]
        left -= island
        found.append(island)
    return found
