"""The choice of whom to dial among the known peers.

Everybody while the team is small, a few random neighbours when it is not. Every node relays, so a
few are enough.

Besides those few, one neighbour from each other subnet that can be reached, so that sites do not
drift apart; and every 30 to 60 seconds one neighbour is let go for another, drawn from all that are
known, so that no group is left to itself (tests/simulation holds both).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping

from devstream_desktop.mesh.overlay.known import Known, Source

SMALL_TEAM = 8
"""Team size up to which all peers are dialed.

One hop, and nothing to tune.
"""
NEIGHBOURS = 4
"""Neighbours to dial in a large team.

A node with three neighbours that relay nothing has another one.
"""
SUBNETS = 4
"""Subnets that are covered on purpose.

In more, chance joins them. (In some VPNs every peer has a subnet of its own.)
"""
MAX_UNDER_WAY = 8
"""The most dials at once.

And as many to rumoured addresses that were tried in vain: false ones hold up nobody else.
"""
SLOW_MS = 2000
"""Time of a dial after which nobody is likely there.

A LAN dial takes about 0.1 s. After this long it does not count against MAX_UNDER_WAY.
"""


def neighbours(peers: int) -> int:
    """Return the count of neighbours to dial among so many known peers."""
    return peers if peers <= SMALL_TEAM else NEIGHBOURS


def choose(
    known_peers: Mapping[str, Known],
    busy: Collection[str],
    linked: Collection[str],
    *,
    shut: Collection[str],
    wanted: int,
    now: int,
    rng: random.Random,
) -> list[Known]:
    """Return the peers to dial now.

    First those that a person named, then one in each subnet that is not covered, then chance.

    Args:
        known_peers: The table, by address.
        busy: Addresses that are being dialed or linked.
        linked: Device ids of the neighbours there are, dialed and accepted.
        shut: Subnets in which nobody is dialed for now.
        wanted: How many neighbours a node dials.
        now: UTC milliseconds.
        rng: Chance.

    """
    everybody = known_peers.values()
    dialed = [known for address in busy if (known := known_peers.get(address))]
    under_way = [known for known in dialed if known.device not in linked]
    fresh = [known for known in under_way if now - known.tried < SLOW_MS]
    linked_to = [known for known in everybody if known.device in linked and not known.rumour]
    covered = {known.subnet for known in (*linked_to, *fresh)}
    free = wanted - (len(dialed) - len(under_way))
    due = [known for known in everybody if known.next_try <= now]
    ready = [one for one in due if one.address not in busy and one.device not in linked]
    named = [known for known in ready if known.source is Source.STATIC]
    chosen = {known.device or known.address: known for known in named}
    covered.update(known.subnet for known in chosen.values())
    others = [one for one in ready if one.source is not Source.STATIC]
    others = [known for known in others if known.subnet not in shut]
    rng.shuffle(others)
    # A rumour that was tried in vain is tried again when there is nobody better.
    for vain in (False, True):
        some = [known for known in others if known.vain is vain]
        # The least tried first, so that true ones wait for no false ones.
        if vain:
            some.sort(key=lambda known: known.failures)
        same = [known for known in under_way if known.vain is vain]
        lines = MAX_UNDER_WAY - sum(known.source is not Source.STATIC for known in same)
        room = free - sum(known.vain <= vain for known in fresh) - len(chosen)
        # One in each uncovered subnet, although there may be enough neighbours.
        for known in some:
            who = known.device or known.address
            uncovered = known.subnet not in covered and len(covered) < SUBNETS
            if lines > 0 and who not in chosen and uncovered:
                chosen[who] = known
                covered.add(known.subnet)
                lines, room = lines - 1, room - 1
        for known in some:
            who = known.device or known.address
            if min(lines, room) > 0 and who not in chosen:
                chosen[who] = known
                lines, room = lines - 1, room - 1
    return list(chosen.values())
