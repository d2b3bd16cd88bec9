"""Events on their way through a simulated overlay, in batches over its links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overlay_node import Lane, Node

if TYPE_CHECKING:
    from overlay_world import World

COMMIT_S = 0.002


class Carrying:
    """Every event that was published, and who has it."""

    def __init__(self, world: World, relay: float) -> None:
        self._world, self._agenda, self._relay = world, world.agenda, relay
        self._author: dict[int, Node] = {}
        self.born: dict[int, float] = {}
        """The time at which each event was published."""
        self.batches = self.received = 0

    def publish(self, node: Node) -> int:
        event = len(self.born)
        self.born[event] = self._agenda.now
        self._author[event] = node
        self._hold(node, [event], None)
        return event

    def _hold(self, node: Node, events: list[int], sender: Node | None) -> None:
        for event in events:
            node.have[event] = self._agenda.now
        if node.lies and sender is not None:
            return
        for link in node.links:
            peer = link.other(node)
            lane = link.lane_from(node)
            if link.live and peer is not sender:
                lane.pending.update(
                    (event, None) for event in events if self._author[event] is not peer
                )
                self._begin(lane)

    def _begin(self, lane: Lane) -> None:
        if lane.busy or not lane.pending:
            return
        lane.busy = True
        if any(self._author[event] is lane.source for event in lane.pending):
            self.send(lane)
        else:
            self._agenda.at(self._relay * self._agenda.rng.random(), self.send, lane)

    def send(self, lane: Lane) -> None:
        lane.busy = bool(lane.pending)
        if not lane.pending or not lane.link.alive:
            return
        batch = list(lane.pending)
        lane.pending.clear()
        self._agenda.at(self._agenda.way() + COMMIT_S, self._arrive, lane, batch)

    def _arrive(self, lane: Lane, batch: list[int]) -> None:
        link, source, target = lane.link, lane.source, lane.target
        if not link.alive:
            return
        if not self._world.reach(source, target):
            if source is link.dialer and source.up:
                self._agenda.at(self._world.timing.request, self._world.close, link)
            return
        self.batches += 1
        self.received += len(batch)
        for other in target.links:
            if other.other(target) is source:
                for event in batch:
                    other.lane_from(target).pending.pop(event, None)
        new = [event for event in batch if event not in target.have]
        if new:
            self._hold(target, new, source)
        self._agenda.at(self._agenda.way(), self._next, lane)

    def _next(self, lane: Lane) -> None:
        lane.busy = False
        if lane.link.alive:
            self._begin(lane)
