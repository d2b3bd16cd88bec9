"""Attacks on a team's policy, of which none succeeds.

Deploys wait while the policy cannot be trusted. Skipped versions, strangers, thresholds and forks
are in tests/team/test_chain.py and test_branches.py.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.node.executor import Executor, policy_trouble
from devstream_desktop.stream.entry import MAX_SEQ
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.policy.policy import LIFETIME_MS, End, Policy, Revocation

ANA, BO, CY = (DeviceKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
DAY = 86_400_000


@pytest.fixture
def table(other):
    return other("team/test_chain.py")


def raw(policy: Policy, *keys: DeviceKey, copies: int = 1) -> bytes:
    """A document as a program without any of our checks would write it."""
    payload = msgspec.json.encode(policy)
    signatures = [[key.id, key.sign(b"devstream/policy/1\0" + payload)] for key in keys] * copies
    return msgspec.msgpack.encode([1, payload, signatures])


def refused(chain: PolicyChain, document: bytes, match: str | None) -> None:
    before = chain.stamp
    with pytest.raises(PolicyError, match=match):
        chain.absorb([document])
    assert (chain.stamp, chain.forked) == (before, False)


def test_it_is_never_rolled_back(table):
    chain = table.grow(6)
    before = chain.stamp
    for old in range(1, 6):
        assert not chain.absorb(table.grow(old).documents())
        assert not chain.absorb([table.LONG.documents()[old - 1]])
    assert chain.stamp == before


def test_a_removed_admin_signs_nothing_any_more(table):
    chain = PolicyChain(sign_policy(table.genesis(ANA, BO), [ANA]))
    issuers = {ANA.id: chain.current.issuers[ANA.id]}
    chain.absorb([table.step(chain, ANA, admins=(ANA.id,), issuers=issuers)])
    refused(chain, table.step(chain, BO, admins=(ANA.id, BO.id)), "0 of the 1")
    refused(chain, table.step(chain, BO), "0 of the 1")


def test_the_next_number_after_another_past_is_refused(table):
    ours, theirs = table.grow(1), table.grow(1)
    ours.absorb([table.step(ours, retention_days=7)])
    theirs.absorb([table.step(theirs, retention_days=8)])
    refused(
        ours,
        table.step(theirs, now=DAY, retention_days=9),
        "does not follow the version 2 that is known here",
    )


def test_one_admin_who_signs_many_times_is_one(table):
    chain = PolicyChain(sign_policy(table.genesis(ANA, BO, threshold=2), [ANA, BO]))
    changed = chain.successor(msgspec.structs.replace(chain.current, retention_days=9), 0)
    chain.absorb([raw(changed, ANA, copies=20)])
    assert (chain.current.version, len(chain.proposals)) == (1, 1)
    refused(PolicyChain(chain.documents()[0]), raw(changed, ANA, copies=65), "too many signatures")


@pytest.mark.parametrize(
    "fields",
    [{"admins": ()}, {"threshold": 0}, {"threshold": 2}, {"persons": {"x": "bo"}}, {"expires": 1}],
    ids=str,
)
def test_a_contradiction_that_an_admin_signed_is_no_policy(table, fields):
    chain = table.grow(1)
    refused(
        chain, raw(msgspec.structs.replace(chain.successor(chain.current, 0), **fields), ANA), None
    )
    assert chain.proposals == ()


def test_a_signature_under_anothers_name_counts_for_nobody(table):
    chain = table.grow(1)
    payload = msgspec.json.encode(chain.successor(chain.current, 0))
    for signature in (
        CY.sign(b"devstream/policy/1\0" + payload),
        ANA.sign(payload),
        ANA.sign(b"devstream/event/1\0" + payload),
        bytes(64),
    ):
        refused(chain, msgspec.msgpack.encode([1, payload, [[ANA.id, signature]]]), "not signed")


@pytest.mark.parametrize("size", [(512 << 10) + 1, 10 << 20])
def test_ten_megabytes_are_not_even_looked_at(table, size):
    chain = table.grow(1)
    changed = msgspec.structs.replace(chain.successor(chain.current, 0), name="x" * size)
    refused(chain, raw(changed, ANA), "over the limit")


def test_nothing_is_deployed_under_a_policy_that_expired_or_forked(crew, monkeypatch):
    team, now = crew.team, crew.team.now()
    team.change(changes.grant("ana", Role.DEPLOYER, "", now))
    executor = Executor(
        home=Home(Path()), team=team, publish=None, spawn=None, notices={}, knows=None, copied=None
    )

    def may(at: int) -> bool:
        monkeypatch.setattr(team, "now", lambda: at)
        return executor._may("ana", Role.DEPLOYER, "shop", "production")

    assert may(now)
    assert may(now + LIFETIME_MS - DAY)
    assert not may(now + LIFETIME_MS + DAY)
    assert "has expired" in policy_trouble(team.chain, now + LIFETIME_MS + DAY)

    one, other = team.chain.copy(), team.chain.copy()
    for branch, days in ((one, 7), (other, 8)):
        branch.absorb(
            [
                sign_policy(
                    branch.successor(
                        msgspec.structs.replace(branch.current, retention_days=days), now
                    ),
                    [team.device],
                )
            ]
        )
    team.absorb(one.documents()[-1:])
    with contextlib.suppress(PolicyForkError):
        team.absorb(other.documents()[-1:])
    assert team.chain.forked
    assert not may(now)
    assert "a key was stolen" in policy_trouble(team.chain, now)
    team.change(lambda policy: msgspec.structs.replace(policy, retention_days=9))
    assert may(now)


DEEP = (17, 100, 900, 977, 5000)


def test_a_policy_nests_so_deep_and_no_deeper(table):
    chain = table.grow(1)
    payload = msgspec.json.encode(chain.successor(chain.current, 0))

    def signed(content: bytes, *more: object) -> bytes:
        return msgspec.msgpack.encode(
            [1, content, [[ANA.id, ANA.sign(b"devstream/policy/1\0" + content)]], *more]
        )

    for levels in DEEP:
        inside = payload[:-1] + b',"new":' + b"[" * levels + b"]" * levels + b"}"
        refused(chain, signed(inside), "nested" if levels > 16 else None)
        refused(
            chain, signed(payload, msgspec.Raw(b"\x91" * levels + b"\xc0")), "nested|more values"
        )
    inside = payload[:-1] + b',"new":' + b"[" * 15 + b"]" * 15 + b"}"
    assert chain.absorb([signed(inside, [[["a field of a later version"]]])])


@pytest.mark.parametrize("version", [0, -1, -100, 1 << 31, 1 << 70, 10**400])
def test_numbers_of_a_policy_that_no_policy_has(table, version):
    chain = table.grow(3)
    payload = msgspec.json.encode(chain.successor(chain.current, 0)).replace(
        b'"version":4', b'"version":%d' % version
    )
    signature = ANA.sign(b"devstream/policy/1\0" + payload)
    refused(
        chain,
        msgspec.msgpack.encode([1, payload, [[ANA.id, signature]]]),
        "version|integer|Integer",
    )
    feed = bytes(40)
    for revocation in (
        Revocation(version - 1 if version <= 0 else version << 40, ""),
        Revocation(5, "x" * 500),
        Revocation(5, "", (End(feed, MAX_SEQ + 1, bytes(16)),)),
        Revocation(5, "", (End(feed, 0, bytes(16)),)),
    ):
        changed = msgspec.structs.replace(
            chain.successor(chain.current, 0), revoked={BO.id: revocation}
        )
        refused(chain, raw(changed, ANA), "revoked device|integer|Integer")
    kept = msgspec.structs.replace(
        chain.successor(chain.current, 0),
        revoked={BO.id: Revocation(5, "", (End(feed, MAX_SEQ, bytes(16)),))},
    )
    assert chain.absorb([raw(kept, ANA)])
