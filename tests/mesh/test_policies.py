"""Policies between nodes: large ones, and branches of which one wins."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.mesh.policy_parts import (
    AGAIN_S,
    MOST_AGAIN_S,
    POLICY_BYTES,
    PolicyParts,
)
from devstream_desktop.team import genesis
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import Revocation

NOW = 1_790_000_000_000
PEOPLE = 200
VERSIONS = 36


@dataclass
class Held:
    """The policies of one node, taken at once."""

    chain: PolicyChain

    def version(self) -> int:
        return self.chain.stamp

    def documents(self, after_version: int, *, again: bool = False) -> list[bytes]:
        return self.chain.documents(after_version, again=again)

    def absorb(self, documents: list[bytes]) -> bool:
        before = self.chain.stamp
        with contextlib.suppress(PolicyError):
            self.chain.absorb(documents)
        return self.chain.stamp != before


class Pair:
    """Two nodes with a link between them, in virtual time."""

    def __init__(self, one: Held, other: Held) -> None:
        self.now = 0.0
        self._sides = [(one, PolicyParts(lambda: self.now)), (other, PolicyParts(lambda: self.now))]

    def exchange(self) -> int:
        """Exchange parts as long as there are any; returns the documents that travelled."""
        (dialer, asks), (listener, answers) = self._sides
        travelled, had = 0, list[bytes]()
        theirs = listener.version()
        for _ in range(200):
            if theirs == dialer.version() or not (had or asks.due(dialer, theirs)):
                return travelled
            mine, part = dialer.version(), asks.next(dialer, theirs)
            assert sum(map(len, part)) <= POLICY_BYTES or len(part) == 1
            listener.absorb(part)
            theirs, had = listener.version(), answers.next(listener, mine)
            dialer.absorb(had)
            travelled += len(part) + len(had)
        pytest.fail("they never came to rest")


@cache
def founded() -> tuple[bytes, DeviceKey]:
    """A team of some hundred people, whose policy has 20 KB."""
    member = genesis.found("acme", "ana", solo=False, now_ms=NOW)
    devices = [DeviceKey.from_seed(number.to_bytes(32)).id for number in range(PEOPLE)]
    people = {device: f"person {number}" for number, device in enumerate(devices)}
    policy = member.chain.current
    first = msgspec.structs.replace(
        policy,
        persons={**policy.persons, **people},
        machines=dict.fromkeys(people, "some-laptop"),
    )
    return Signed.make(first, [member.device]).document, member.device


def grow(chain: PolicyChain, count: int, days: int, **fields: object) -> PolicyChain:
    grown, (_, key) = chain.copy(), founded()
    for number in range(count):
        changed = msgspec.structs.replace(grown.current, retention_days=days + number, **fields)
        policy = grown.successor(changed, NOW + grown.current.version)
        grown.take(Signed.make(policy, [key]))
    return grown


@cache
def common() -> PolicyChain:
    chain = grow(PolicyChain(founded()[0]), VERSIONS, 1)
    assert len(chain.documents()[-1]) > 20_000
    return chain


def one_more(chain: PolicyChain, days: int) -> PolicyChain:
    """One version that revokes somebody."""
    device = next(one for one in chain.current.persons if one not in chain.current.admins)
    return grow(chain, 1, days, revoked={device: Revocation(1, "stolen")})


async def test_two_changes_at_once_end_as_one_where_policies_are_large(make_node) -> None:
    held = [Held(grow(common(), 1, days)) for days in (100, 200)]
    first = await make_node(policies=held[0])
    await make_node(peers=[first], policies=held[1])
    await first.until(lambda: held[0].version() == held[1].version())
    assert held[0].chain.current == held[1].chain.current


@pytest.mark.parametrize("dialer", [0, 1])
def test_a_branch_of_some_megabytes_comes_in_parts(dialer: int) -> None:
    """The loser's comes first, and is refused; then the winner's, whose last version decides."""
    sides = [Held(grow(common(), 30, 100)), Held(one_more(grow(common(), 28, 200), 300))]
    pair = Pair(sides[dialer], sides[1 - dialer])
    for _ in range(3):
        pair.exchange()
        pair.now += 25
    assert sides[0].chain.current == sides[1].chain.current
    assert sides[0].chain.current.revoked


@pytest.mark.parametrize("dialer", [0, 1])
def test_who_is_on_a_longer_branch_that_loses_gets_the_other_one(dialer: int) -> None:
    sides = [Held(grow(common(), 3, 100)), Held(one_more(common(), 300))]
    pair = Pair(sides[dialer], sides[1 - dialer])
    for _ in range(2):
        pair.exchange()
        pair.now += 25
    assert sides[0].chain.current == sides[1].chain.current
    assert sides[0].chain.current.revoked


def test_a_peer_that_is_a_little_behind_gets_the_news_and_gives_nothing() -> None:
    pair = Pair(Held(common()), Held(grow(common(), 1, 100)))
    assert pair.exchange() == 1


def test_who_never_takes_it_is_asked_ever_more_seldom() -> None:
    class Full(Held):
        def absorb(self, documents: list[bytes]) -> bool:
            return False

    pair = Pair(Held(grow(common(), 1, 100)), Full(common()))
    sent = []
    for _ in range(2000):
        sent.append(pair.exchange())
        pair.now += AGAIN_S
    assert 5 < sum(map(bool, sent)) < 9 + 2000 * AGAIN_S / MOST_AGAIN_S
    assert sent[0] == 1
