"""Beginnings of histories, each the start of one danger that chance would seldom meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mishaps import back_up, restore_image
from nodes import Node

from devstream_desktop.mesh.replica.catalogue import signed

if TYPE_CHECKING:
    from world import World


def fill_a_gap(world: World) -> None:
    author, second, third = world.nodes[:3]
    for node in (author, second, third):
        node.strangers.clear()
        world.step_clock_to(node, 0)

    def say(text: bytes) -> None:
        author.publish([b"\xc4\x04" + text], world.now)

    def hear(node: Node, rows: slice) -> None:
        node.take(
            [signed(arrival.entry) for _, arrival in author.log.rows[rows]],
            author.name,
            world.now,
        )

    say(b"gap1")
    back_up(world, author)
    say(b"gap2")
    say(b"gap3")
    hear(second, slice(2, 3))
    hear(third, slice(1, 3))
    restore_image(world, author, with_mirror=True)
    world.now += 1
    say(b"gap4")
    hear(second, slice(1, 2))
    world.reinstall(author)


def steal(world: World) -> None:
    """A device is revoked.

    Whoever took it goes on writing, from an older image too; the second knows of it, the third
    soon.
    """
    author, second, third = world.nodes[:3]
    for node in (author, second, third):
        node.strangers.clear()
        world.step_clock_to(node, 0)

    def say(count: int) -> None:
        world.said += count
        author.publish(
            [b"\xc4\x04" + (world.said - n).to_bytes(4, "big") for n in range(count)], world.now
        )
        world.now += 1

    def give(source: Node, node: Node, *seqs: int) -> None:
        held = source.log.held[feed]
        node.take(
            world.on_the_wire([signed(held[seq]) for seq in seqs if seq in held]),
            source.name,
            world.now,
        )

    feed = author.replica.own.feed
    say(2)
    back_up(world, author)
    say(4)
    give(author, second, 1, 2, 3, 4, 5, 6)
    say(2)
    if world.rng.random() < 0.5:
        give(author, third, 7, 8)
    ends = second.replica.expiry.ends(author.log.key, world.now)
    world.ledger.revoke(author.log.key, {feed: (seq, digest) for feed, seq, digest in ends})
    world.note("node", author.number, "is revoked by node", second.number)
    world.learn_policy(second)
    world.learn_policy(third)
    give(author, third, *world.rng.choice([(7, 8), (5, 6, 7, 8)]))
    restore_image(world, author, with_mirror=True)
    say(5)
    give(author, third, 3, 4, 5, 6, 7)
    give(author, second, 7)
    give(second, third, *world.rng.choice([(1, 2), (3, 4), (4, 5, 6), (6,)]))
