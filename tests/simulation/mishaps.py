"""Mishaps of laptops, disks and networks, each as it happens to a node of a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes import Node

if TYPE_CHECKING:
    from world import World

HOUR = 3_600_000
DAY = 24 * HOUR


def cut_power(world: World, node: Node) -> None:
    before, own = node.payloads(), {a.entry.payload for _, a in node.log.rows if not a.sender}
    lose = world.rng.choice((0, 1, 2, 5, 100))
    world.note(
        "node",
        node.number,
        "loses power and the last",
        lose,
        "commits of",
        len(node.log.unsynced),
    )
    node.log.cut_power(lose)
    node.gone = {
        (feed, seq) for feed, seq in node.gone if seq <= node.log.settled.get(feed, (0, None))[0]
    }
    node.start(world.now)
    world.ledger.wrecked(node, before, world.honest, durable=own)


def go_down(world: World, node: Node) -> None:
    world.note("node", node.number, "is down for a while")
    node.alive = False
    node.boot += 1

    def up() -> None:
        if not node.alive:
            world.note("node", node.number, "is up again")
            node.start(world.now)

    world.later(world.rng.choice((20_000, HOUR, DAY)), up)


def back_up(world: World, node: Node) -> None:
    world.note("node", node.number, "is backed up")
    world.backups[node.number] = (node.log.copy(), set(node.gone))


def restore(world: World, node: Node) -> None:
    if node.number in world.backups:
        restore_image(world, node, world.images and world.rng.random() < 0.5)


def roll_back_two(world: World, node: Node) -> None:
    """Two virtual machines return to their snapshots at once."""
    for each in {node.number, world.rng.randrange(world.count)} & world.backups.keys():
        restore_image(world, world.nodes[each], with_mirror=True)


def restore_image(world: World, node: Node, with_mirror: bool) -> None:
    world.note(
        "node",
        node.number,
        "is restored",
        "with its mirror" if with_mirror else "but keeps its mirror",
    )
    before, mirror = node.payloads(), node.log.mirror
    log, gone = world.backups[node.number]
    node.log, node.gone = log.copy(), set(gone)
    if not with_mirror:
        node.log.mirror = mirror
    world.ledger.imaged |= with_mirror
    node.log.stop()
    node.start(world.now)
    world.ledger.wrecked(node, before, world.honest)


def clone(world: World, node: Node) -> None:
    """Another machine gets the image of this one's disk, key and mirror and all, and both run
    on.
    """
    twin = world.rng.choice(world.nodes)
    if twin is node or not node.alive or len({other.name for other in world.nodes}) < 3:
        return
    world.note("node", twin.number, "becomes a clone of node", node.number)
    before = twin.payloads()
    twin.log, twin.gone, twin.strangers = node.log.copy(), set(node.gone), set(node.strangers)
    twin.knows_the_end = node.knows_the_end
    world.backups.pop(twin.number, None)
    world.ledger.imaged = True
    twin.start(world.now)
    world.ledger.wrecked(twin, before, world.honest)


def split(world: World, _: Node) -> None:
    """Halves, sometimes with a bridge that reaches both."""
    sides = [{world.rng.randrange(2)} for _ in world.nodes]
    if world.rng.random() < 0.5:
        sides[world.rng.randrange(world.count)] = {0, 1}
    world.note("the network splits:", [sorted(side) for side in sides])
    world.paths = [[bool(a & b) for b in sides] for a in sides]


def close_one_way(world: World, node: Node) -> None:
    other = world.rng.randrange(world.count)
    world.note("nothing gets from", node.number, "to", other)
    world.paths[node.number][other] = False


def flap(world: World, node: Node) -> None:
    """One node's cable has a loose contact."""
    world.note("node", node.number, "flaps")
    for at in range(world.rng.randint(2, 6)):
        on = at % 2 == 1

        def turn(on=on) -> None:
            for other in range(world.count):
                world.paths[node.number][other] = world.paths[other][node.number] = on

        world.later(at * world.rng.choice((100, 3000, 20_000)), turn)


def fill_disk(world: World, node: Node) -> None:
    world.note("node", node.number, "has a full disk, once")
    node.log.fail_next = True
