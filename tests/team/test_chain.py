from __future__ import annotations

import random
from functools import cache, partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import new_issuer
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.chain import MAX_DOCUMENT, PolicyChain, sign_policy
from devstream_desktop.team.policy.policy import Grant, Policy, Revocation

ANA, BO, CY, EVE = (DeviceKey.from_seed(bytes([number]) * 32) for number in range(1, 5))
DAY = 86_400_000
issuer = cache(partial(new_issuer, now_ms=DAY))
"""One authority for each device."""


def genesis(*admins: DeviceKey, threshold: int = 1, name: str = "acme") -> Policy:
    ids = tuple(key.id for key in admins)
    return Policy(
        version=1,
        team="",
        name=name,
        prev="",
        issued=1_000,
        expires=1_000 + DAY,
        admins=ids,
        threshold=threshold,
        issuers={device: issuer(device) for device in ids},
        collectors=ids,
        executors=(),
        persons={key.id: f"person {key.id[:4]}" for key in (*admins, BO)},
    )


GENESIS = sign_policy(genesis(ANA), [ANA])


def step(chain: PolicyChain, *keys: DeviceKey, now: int = 0, **changes: object) -> bytes:
    changed = msgspec.structs.replace(chain.current, **changes)
    return sign_policy(chain.successor(changed, now), keys or [ANA])


def grow(length: int) -> PolicyChain:
    chain = PolicyChain(GENESIS)
    for version in range(2, length + 1):
        chain.absorb([step(chain, now=version * DAY, retention_days=version)])
    return chain


LONG = grow(6)


def test_a_team_is_named_by_its_first_policy() -> None:
    chain = PolicyChain(GENESIS)
    assert len(chain.team) == 26
    assert PolicyChain(sign_policy(genesis(ANA, name="other"), [ANA])).team != chain.team
    assert LONG.team == chain.team
    assert LONG.current.team == chain.team


def test_the_next_version_is_taken_once() -> None:
    chain = PolicyChain(GENESIS)
    document = step(chain, retention_days=7)
    assert chain.absorb([document])
    assert (chain.current.version, chain.current.retention_days) == (2, 7)
    assert not chain.absorb([document])
    assert not chain.absorb([GENESIS])


def test_a_version_cannot_be_skipped() -> None:
    chain = PolicyChain(GENESIS)
    with pytest.raises(PolicyError, match="the ones between are missing"):
        chain.absorb([LONG.documents()[2]])


def test_only_admins_of_the_version_before_can_change_it() -> None:
    chain = PolicyChain(GENESIS)
    for signer in (EVE, BO):
        with pytest.raises(PolicyError, match="0 of the 1"):
            chain.absorb([step(chain, signer)])
    with pytest.raises(PolicyError, match="not signed"):
        chain.absorb([sign_policy(chain.successor(chain.current, 0), [])])
    with pytest.raises(PolicyError, match="0 of the 1"):
        chain.absorb([step(chain, BO, admins=(BO.id,))])
    assert chain.current.version == 1


def test_a_new_list_of_admins_must_agree_too() -> None:
    chain = PolicyChain(GENESIS)
    chain.absorb([step(chain, ANA, admins=(BO.id,))])
    assert (chain.current.version, len(chain.proposals)) == (1, 1)
    chain.take(chain.proposals[0].signed_with(BO))
    assert (chain.current.version, chain.current.admins) == (2, (BO.id,))


def test_a_threshold_counts_different_admins() -> None:
    chain = PolicyChain(sign_policy(genesis(ANA, BO, threshold=2), [ANA, BO]))
    for keys in ((ANA, ANA), (ANA, EVE)):
        chain.absorb([step(chain, *keys)])
        assert chain.current.version == 1, "a proposal is no policy"
    assert chain.absorb([step(chain, ANA, BO)])
    assert (chain.current.version, chain.proposals) == (2, ())
    with pytest.raises(PolicyError, match="1 of the 2"):
        PolicyChain(sign_policy(genesis(ANA, BO, threshold=2), [ANA]))


def test_a_revoked_admin_signs_nothing() -> None:
    chain = PolicyChain(sign_policy(genesis(ANA, BO), [ANA]))
    assert chain.absorb([step(chain, ANA, revoked={BO.id: Revocation(2_000, "left")})])
    with pytest.raises(PolicyError, match="0 of the 1"):
        chain.absorb([step(chain, BO, revoked={})])


def test_another_team_is_refused() -> None:
    chain = PolicyChain(GENESIS)
    other = PolicyChain(sign_policy(genesis(ANA, name="other"), [ANA]))
    with pytest.raises(PolicyError, match="another team's"):
        chain.absorb([other.documents()[0]])
    with pytest.raises(PolicyError, match="another team's"):
        chain.absorb([step(other)])


def test_time_goes_forward() -> None:
    chain = PolicyChain(GENESIS)
    chain.absorb([step(chain, now=50 * DAY)])
    late = chain.successor(chain.current, 1)
    assert late.issued == chain.current.issued + 1
    backdated = msgspec.structs.replace(late, issued=chain.current.issued)
    with pytest.raises(PolicyError, match="older than"):
        chain.absorb([sign_policy(backdated, [ANA])])


def test_the_policy_of_a_time() -> None:
    assert LONG.at(0).version == 1
    assert LONG.at(1_000).version == 1
    assert LONG.at(2 * DAY - 1).version == 1
    assert LONG.at(2 * DAY).version == 2
    assert LONG.at(99 * DAY).version == 6
    assert [policy.version for policy in LONG.since(4 * DAY + 5)] == [4, 5, 6]


def test_documents_are_what_a_peer_lacks() -> None:
    assert LONG.documents() == LONG.documents(0)
    assert len(LONG.documents(grow(4).stamp)) == 2
    assert LONG.documents(grow(6).stamp) == LONG.documents(grow(9).stamp) == []
    assert PolicyChain.from_documents(LONG.documents()).current == LONG.current
    with pytest.raises(PolicyError, match="no policy"):
        PolicyChain.from_documents([])
    with pytest.raises(PolicyError, match="version 1"):
        PolicyChain(LONG.documents()[1])


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        PolicyChain.load(tmp_path / "missing")
    LONG.save(tmp_path / "policy")
    content = (tmp_path / "policy").read_bytes()
    (tmp_path / "policy").write_bytes(content[:-40])
    with pytest.raises(PolicyError):
        PolicyChain.load(tmp_path / "policy")


def test_oversize_and_nonsense_are_refused() -> None:
    chain = PolicyChain(GENESIS)
    for content in (b"", b"\xc0", b"x" * (MAX_DOCUMENT + 1), b"\x91" * 100_000):
        with pytest.raises(PolicyError):
            chain.absorb([content])
    with pytest.raises(PolicyError, match="over the limit"):
        step(
            chain,
            grants=tuple(Grant(Role.DEPLOYER, "bo", f"t{number}/*") for number in range(12_000)),
        )


@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 5), max_size=30))
def test_any_order_of_arrival_gives_a_beginning_of_the_same_chain(
    rng: random.Random, order: list[int]
) -> None:
    documents = LONG.documents()
    chain = PolicyChain(GENESIS)
    for index in order:
        try:
            chain.absorb([documents[index]])
        except PolicyError:
            continue
    assert chain.documents() == documents[: chain.current.version]
    assert not chain.forked
    for index in range(6):
        chain.absorb([documents[index]])
    assert chain.current == LONG.current


def _after(document: bytes) -> PolicyChain:
    chain = grow(1)
    chain.absorb([document])
    return chain


@given(st.data())
def test_a_changed_document_is_never_taken(data: st.DataObject) -> None:
    chain = grow(1)
    document = bytearray(step(chain, retention_days=9))
    original = bytes(document)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(document) - 1))
        act = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if act == "flip":
            document[at] ^= data.draw(st.integers(1, 255))
        elif act == "cut":
            del document[at]
        else:
            document.insert(at, data.draw(st.integers(0, 255)))
    if bytes(document) == original:
        return
    try:
        chain.absorb([bytes(document)])
    except PolicyError:
        assert chain.current.version == 1
    else:
        # Only the envelope around the signed bytes can differ (msgpack writes one number in several
        # ways).
        assert chain.current == _after(original).current


def persons(count: int) -> dict[str, str]:
    return {device(number): f"person {number % 90}" for number in range(count)}


@cache
def device(number: int) -> str:
    return DeviceKey.from_seed(number.to_bytes(32, "big")).id


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "persons": st.integers(1, 6).map(persons),
                "machines": st.integers(1, 6).map(persons),
                "retention_days": st.integers(1, 3),
                "revoked": st.integers(1, 3).map(
                    lambda count: {device(one): Revocation(one, "left") for one in range(count)}
                ),
            },
        ),
        max_size=8,
    )
)
def test_what_versions_share_is_what_each_of_them_says(versions: list[dict[str, object]]) -> None:
    chain = PolicyChain(GENESIS)
    ours = chain.current.persons
    for version in versions:
        if "persons" in version:
            version["persons"] = {**version["persons"], **ours}
        chain.absorb([step(chain, **version)])
    for document, link in zip(chain.documents(), chain.links, strict=True):
        payload = msgspec.msgpack.decode(document)[1]
        assert link.policy == msgspec.json.decode(payload, type=Policy)
        assert list(link.policy.persons) == list(msgspec.json.decode(payload)["persons"])


def test_a_version_is_held_as_what_differs_from_the_one_before() -> None:
    chain = PolicyChain(GENESIS)
    chain.absorb([step(chain, persons={**chain.current.persons, **persons(40)})])
    chain.absorb([step(chain, retention_days=7)])
    chain = PolicyChain.from_documents(chain.documents())
    one, other = (link.policy for link in chain.links[-2:])
    assert one.persons is other.persons
    assert one.issuers is other.issuers
    chain.absorb([step(chain, persons={**chain.current.persons, EVE.id: "eve"})])
    held = {id(text) for pair in one.persons.items() for text in pair}
    new = [text for pair in chain.current.persons.items() for text in pair if id(text) not in held]
    assert new == [EVE.id, "eve"]
