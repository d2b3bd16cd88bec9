"""A team of any size in simulated time: the product's `Overlay` chooses, this module dials, carries
batches and counts.

One seed is one run. What a node knows of others it learns as a real one does: announcements in its
own subnet, addresses that a person named, and what peers tell at HELLO and each minute. Latency and
commit are those of docs/architecture.md, Overlay: 4 ms one way in the middle, 2 ms to disk. Every
time-out, cap and delay is the product's own constant.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from agenda import Agenda
from carrying import Carrying
from overlay_node import Link, Node

from devstream_desktop.mesh import core
from devstream_desktop.mesh.accepted import FORGET_S
from devstream_desktop.mesh.address import may_be_named
from devstream_desktop.mesh.overlay.choice import neighbours
from devstream_desktop.mesh.overlay.dialer import TEND_S
from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import Overlay, has_room
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.wire import MAX_PEERS

TLS_S = 0.03
SWEPT_S = 100.0
"""The most seconds that a listener serves a silent caller."""
SETTLED_S = 5.0
"""The seconds between looks of a node that has its neighbours.

It looks whether it wants another, in the place of at once and every second.
"""
LOOK_S = 0.1
"""After news of peers, so that what comes at once is looked at once."""
HEARD = 15
"""Announcements that a node hears of its subnet.

Of many more the rest are lost, as on a busy Wi-Fi.
"""
NAMED_MS = 1_700_000_000_000


class World:
    """The team.

    `reach(a, b)` says whether packets pass between two nodes; partitions replace `blocked`.
    """

    def __init__(self, seed: int, relay: float | None = None) -> None:
        self.agenda = Agenda(seed)
        self.rng = self.agenda.rng
        self.nodes: list[Node] = []
        self.blocked: Callable[[Node, Node], bool] = lambda _a, _b: False
        self.timing = Timing()
        self._at: dict[str, Node] = {}
        self._members: set[str] = set()
        self._present: dict[int, list[Node]] = {}
        """By site, who has started at least once."""
        self.carrying = Carrying(self, core.RELAY_S if relay is None else relay)
        self.count_from_here()

    # The team and what it knows.

    def add(
        self, address: str, *, site: int = 0, bridge: bool = False, is_open: bool = True
    ) -> Node:
        device = f"{self.rng.getrandbits(60):015x}"
        overlay = Overlay(device, random.Random(self.rng.getrandbits(32)))
        node = Node(device, address, overlay, site, bridge, is_open)
        self.nodes.append(node)
        self._at[address] = node
        self._members.add(device)
        return node

    def start(self, node: Node, *, within: float = 2.0) -> None:
        """Up it comes, at some moment within `within` seconds."""
        self.agenda.at(self.rng.uniform(0, within), self._up, node)

    def _up(self, node: Node) -> None:
        node.up = True
        node.life += 1
        self._announce(node)
        self._tick(node, node.life)
        self.agenda.at(node.overlay.shuffle_pause(), self._shuffle, node, node.life)

    def _announce(self, node: Node) -> None:
        near = self._present.setdefault(node.site, [])
        for other in self.rng.sample(near, min(HEARD, len(near))):
            if other is node or not self.reach(node, other):
                continue
            self.agenda.at(self.rng.uniform(0.02, 0.5), self._hear, other, node.address)
            self.agenda.at(self.rng.uniform(0.02, 0.5), self._hear, node, other.address)
        if node.life == 1:
            near.append(node)

    def _hear(self, node: Node, address: str) -> None:
        self.learn(node, address, Source.DISCOVERED)

    def learn(self, node: Node, address: str, source: Source, device: str = "") -> None:
        if node.overlay.learn(address, source, device) and not self._settled(node):
            self._look_soon(node)

    def tell(self, node: Node, asker: Node) -> list[tuple[str, str]]:
        """As the service's `_peers_to_tell`."""
        if node.lies:
            return [self._false_address() for _ in range(MAX_PEERS)]
        callers = {
            link.dialer.address: link.dialer.device
            for link in node.callers()
            if link.dialer is not asker
        }
        return node.overlay.to_tell(asker.device, callers)

    def _false_address(self) -> tuple[str, str]:
        """In one of a thousand subnets, some of which exist."""
        rng = self.rng
        device = rng.choice((rng.choice(self.nodes).device, f"{rng.getrandbits(60):015x}"))
        host = f"10.{rng.randrange(4)}.{rng.randrange(250)}.{rng.randrange(1, 255)}"
        return f"{host}:{rng.choice((22, 7000))}", device

    def reach(self, a: Node, b: Node) -> bool:
        return (
            a.up
            and b.up
            and (a.site == b.site or (a.bridge and b.bridge))
            and not self.blocked(a, b)
        )

    # Dialing, as mesh/overlay/dialer.py does it.

    def _now_ms(self) -> int:
        return NAMED_MS + round(self.agenda.now * 1000)

    def _tick(self, node: Node, life: int) -> None:
        if node.life == life and node.up:
            self._look(node)
            self.agenda.at(SETTLED_S if self._settled(node) else TEND_S, self._tick, node, life)

    def _settled(self, node: Node) -> bool:
        return len(node.dials) >= neighbours(len(self.nodes)) and None not in node.dials.values()

    def _look_soon(self, node: Node) -> None:
        if node.up and not node.looking:
            node.looking = True
            self.agenda.at(LOOK_S, self._look, node)

    def _look(self, node: Node) -> None:
        node.looking = False
        if not node.up:
            return
        self._drop_duplicates(node)
        for address in node.overlay.choose(
            node.dials, {link.other(node).device for link in node.links}, self._now_ms()
        ):
            node.dials[address] = None
            self.dial(node, address)

    def _drop_duplicates(self, node: Node) -> None:
        proven = {link.dialer for link in node.callers() if link.live}
        seen: set[Node] = set()
        for link in [link for link in node.dials.values() if link is not None]:
            peer = link.listener
            if peer in seen or (
                link.live
                and peer.device < node.device
                and peer in proven
                and not link.lane_from(node).pending
            ):
                self.close(link)
            seen.add(peer)

    def dial(self, node: Node, address: str) -> None:
        peer = self._at.get(address)
        if peer is None or not peer.open or not self.reach(node, peer):
            self.agenda.at(self.timing.connect, self._failed, node, node.life, address)
        else:
            self.agenda.at(4 * self.agenda.way() + TLS_S, self._greet, node, node.life, peer)

    def _failed(self, node: Node, life: int, address: str, full: bool = False) -> None:
        if node.life == life:
            node.dials.pop(address, None)
            node.overlay.lost(address, self._now_ms(), refused=full, full=full)
            self._look_soon(node)

    def _greet(self, node: Node, life: int, peer: Node) -> None:
        address = peer.address
        if node.life != life or not self.reach(node, peer):
            self._failed(node, life, address)
            return
        self.shaken += 1
        peer.asked += 1
        now = self.agenda.now
        connected = {link.dialer.device for link in peer.callers()}
        served = connected | {device for device, until in peer.served.items() if until > now}
        told = self.tell(peer, node)
        if not has_room(served, node.device, peer.cap):
            self._heard_of(node, peer, told)
            self._failed(node, life, address, full=True)
            return
        link = Link(node, peer, address)
        node.dials[address] = link
        node.links[link] = None
        peer.links[link] = None
        node.overlay.linked(address, peer.device, self._now_ms())
        if peer.overlay.learn(
            node.address, Source.GOSSIP, node.device, seen=True
        ) and not self._settled(peer):
            self._look_soon(peer)
        self._heard_of(node, peer, told)
        self.agenda.at(4 * self.agenda.way(), self._level, link)
        self._ask_later(link)

    def _ask_later(self, link: Link) -> None:
        self.agenda.at(self.timing.peers * self.rng.uniform(0.5, 1.5), self._ask, link)

    def _ask(self, link: Link) -> None:
        """As the session's `_peers_loop`."""
        if link.alive:
            if self.reach(link.dialer, link.listener):
                self._heard_of(link.dialer, link.listener, self.tell(link.listener, link.dialer))
            self._ask_later(link)

    def _heard_of(self, node: Node, teller: Node, told: list[tuple[str, str]]) -> None:
        """As the dialer's `hear_of`."""
        for address, device in told:
            news = node.overlay.is_news(address, self._now_ms()) and may_be_named(
                address, "0.0.0.0"
            )
            if (
                news
                and device in self._members
                and node.named.grant(teller.device, 1, self.agenda.now)
            ):
                self.learn(node, address, Source.GOSSIP, device)

    def _level(self, link: Link) -> None:
        """Digests were compared: each sends what the other lacks."""
        if not link.alive or not self.reach(link.dialer, link.listener):
            return
        link.live = True
        for lane in link.lanes:
            if not lane.source.lies:
                lane.pending.update(
                    dict.fromkeys(lane.source.have.keys() - lane.target.have.keys())
                )
            if lane.pending and not lane.busy:
                self.carrying.send(lane)
        self._look_soon(link.dialer)
        self._look_soon(link.listener)

    def close(self, link: Link) -> None:
        """Either end has closed it, or noticed that it is dead."""
        if not link.alive:
            return
        link.alive = link.live = False
        dialer, listener = link.dialer, link.listener
        dialer.links.pop(link, None)
        listener.links.pop(link, None)
        listener.served[dialer.device] = self.agenda.now + FORGET_S
        if dialer.dials.get(link.address) is link:
            del dialer.dials[link.address]
            dialer.overlay.lost(link.address, self._now_ms(), was_up=True)
        self._look_soon(dialer)
        self._look_soon(listener)

    def _shuffle(self, node: Node, life: int) -> None:
        if node.life != life or not node.up:
            return
        chosen = node.overlay.to_shuffle(
            [address for address, link in node.dials.items() if link is not None and link.live]
        )
        link = node.dials.get(chosen) if chosen is not None else None
        if link is not None:
            self.close(link)
        self.agenda.at(node.overlay.shuffle_pause(), self._shuffle, node, life)

    # Silence.

    def crash(self, node: Node) -> None:
        """As a lid that closes: nobody is told."""
        node.up = False
        node.life += 1
        node.dials = {}
        node.served = {}
        for link in node.links:
            self.notice_later(link)

    def notice_later(self, link: Link) -> None:
        """The ends find out that nothing passes.

        Who dialed by its TAIL, who was dialed by its sweep.
        """
        if link.dialer.up:
            self.agenda.at(
                self.rng.uniform(self.timing.tail - self.timing.tail_wait, self.timing.tail),
                self.close,
                link,
            )
        else:
            self.agenda.at(
                self.rng.uniform(SWEPT_S - self.timing.tail_wait, SWEPT_S), self.close, link
            )

    def revive(self, node: Node, *, forgetful: bool = False) -> None:
        """It wakes with what it knew, or (`forgetful`) starts anew with only its few best
        addresses.
        """
        for link in list(node.links):
            self.close(link)
        if forgetful:
            hints = node.overlay.good(MAX_PEERS)
            node.overlay = Overlay(node.device, random.Random(self.rng.getrandbits(32)))
            for known in hints:
                node.overlay.learn(known.address, Source.HINT)
        self.start(node, within=0.5)

    def count_from_here(self) -> None:
        self.carrying.batches = self.carrying.received = self.shaken = 0
        self.counted = (self.agenda.now, len(self.carrying.born))

    def publish(self, node: Node) -> int:
        """Have a node publish an event; returns its number."""
        return self.carrying.publish(node)
