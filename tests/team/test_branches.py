"""Two admins change a team at once, keys are revoked, and several must sign a change."""

from __future__ import annotations

import contextlib
import random
from functools import cache, partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team.certificates import new_issuer
from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import Policy, Revocation
from devstream_desktop.team.policy.proposals import MAX_OF_SIGNER

ANA, BO, CY, EVE, PAPER = (DeviceKey.from_seed(bytes([number]) * 32) for number in range(1, 6))
ADMINS = (ANA, BO, CY)
DAY = 86_400_000
issuer = cache(partial(new_issuer, now_ms=DAY))
"""One authority for each device."""


def founded(*admins: DeviceKey, threshold: int = 1, recovery: str = "") -> PolicyChain:
    ids = tuple(key.id for key in admins)
    genesis = Policy(
        version=1,
        team="",
        name="acme",
        prev="",
        issued=DAY,
        expires=90 * DAY,
        admins=ids,
        threshold=threshold,
        issuers={device: issuer(device) for device in ids},
        collectors=ids,
        executors=(),
        persons={key.id: name for key, name in zip(ADMINS, ("ana", "bo", "cy"), strict=True)},
        recovery=recovery,
    )
    return PolicyChain(sign_policy(genesis, admins))


def copy_of(chain: PolicyChain) -> PolicyChain:
    return PolicyChain.from_documents(chain.documents())


def step(chain: PolicyChain, *keys: DeviceKey, **fields: object) -> bytes:
    changed = msgspec.structs.replace(chain.current, **fields)
    return sign_policy(chain.successor(changed, 0), keys)


def grown(chain: PolicyChain, *keys: DeviceKey, **fields: object) -> PolicyChain:
    other = copy_of(chain)
    other.absorb([step(other, *keys, **fields)])
    return other


def meet(one: PolicyChain, other: PolicyChain) -> None:
    """Both tell each other what they lack until neither has news, as two nodes do."""
    again = False
    for _ in range(10):
        before = (one.stamp, other.stamp)
        for receiver, sender in ((one, other), (other, one)):
            with contextlib.suppress(PolicyForkError):
                receiver.absorb(sender.documents(receiver.stamp, again=again))
        if (one.stamp, other.stamp) != before:
            again = False
        elif again:
            return
        else:
            again = True
    pytest.fail("they never came to rest")


def without(policy: Policy, *keys: DeviceKey) -> dict[str, object]:
    gone = {key.id for key in keys}
    return {"revoked": {**policy.revoked, **{device: Revocation(1, "stolen") for device in gone}}}


def test_two_changes_at_once_end_as_one_on_every_node() -> None:
    base = founded(ANA, BO)
    ana, bo = grown(base, ANA, retention_days=7), grown(base, BO, retention_days=8)
    assert ana.current != bo.current
    meet(ana, bo)
    assert ana.current == bo.current
    assert ana.forked
    assert bo.forked, "an executor pauses until the next version"
    third = grown(ana, ANA, name="other")
    meet(bo, third)
    meet(ana, third)
    assert ana.current == bo.current == third.current
    assert [chain.forked for chain in (ana, bo, third)] == [False] * 3


def test_a_node_that_learns_of_the_fork_later_decides_alike() -> None:
    base = founded(ANA, BO)
    ana, bo, late = (
        grown(base, ANA, retention_days=7),
        grown(base, BO, retention_days=8),
        copy_of(base),
    )
    meet(ana, bo)
    meet(late, bo)
    assert late.current == ana.current


def test_the_longer_branch_wins_and_the_version_never_falls() -> None:
    base = founded(ANA, BO)
    ana, bo = grown(base, ANA, retention_days=7), grown(base, BO, retention_days=8)
    ana = grown(ana, ANA, name="longer")
    meet(ana, bo)
    assert ana.current == bo.current
    assert bo.current.name == "longer"


def test_a_revocation_is_not_lost_to_another_change_at_the_same_moment() -> None:
    base = founded(ANA, BO, CY)
    for number in range(6):
        ana = grown(base, ANA, retention_days=7 + number, **without(base.current, CY))
        bo = grown(grown(base, BO, retention_days=8), BO, name="longer")
        meet(ana, bo)
        assert CY.id in ana.current.revoked
        assert ana.current == bo.current


def test_a_stolen_admin_key_cannot_undo_its_removal_whenever_it_signs() -> None:
    base = founded(ANA, BO)
    early = copy_of(base)
    chain = grown(base, ANA, retention_days=7)
    chain = grown(chain, ANA, **without(base.current, BO))
    kept = chain.current
    for start in (early, grown(early, ANA, retention_days=7)):
        thief = start
        for number in range(5):
            thief = grown(thief, BO, name=f"thief {number}")
        with pytest.raises(PolicyForkError):
            chain.absorb(thief.documents())
        assert chain.current == kept
        thief.absorb(chain.documents())
        assert thief.current == kept, "who believed the thief does not any more"


def test_when_each_removes_the_other_a_node_stays_with_what_it_had() -> None:
    base = founded(ANA, BO)
    ana, bo = (
        grown(base, ANA, **without(base.current, BO)),
        grown(base, BO, **without(base.current, ANA)),
    )
    meet(ana, bo)
    assert BO.id in ana.current.revoked
    assert ANA.id in bo.current.revoked
    assert ana.forked
    assert bo.forked


@pytest.mark.parametrize("branch_first", [True, False])
def test_a_branch_that_wins_reaches_who_is_on_a_longer_one(*, branch_first: bool) -> None:
    base = founded(ANA, BO, CY)
    ana = grown(grown(base, ANA, **without(base.current, CY)), ANA, name="second")
    bo = base
    for number in range(3):
        bo = grown(bo, BO, retention_days=8 + number)
    meet(*((ana, bo) if branch_first else (bo, ana)))
    assert CY.id in bo.current.revoked
    assert ana.current == bo.current


def test_a_branch_that_comes_in_parts_wins_once_it_is_whole() -> None:
    base = founded(ANA, BO, CY)
    ana, bo = base, base
    for number in range(6):
        ana = grown(ana, ANA, retention_days=20 + number)
        bo = grown(bo, BO, retention_days=8 + number)
    # Longer than the parts but the last, or the hash of an authority made anew would decide.
    ana = grown(ana, ANA, retention_days=30)
    bo = grown(bo, BO, **without(base.current, CY))
    documents = bo.documents()
    for first, last in ((1, 3), (2, 4), (1, 2), (4, 7)):
        with pytest.raises(PolicyForkError):
            ana.absorb(documents[first:last])
    assert ana.absorb(documents[7:])
    assert ana.current == bo.current


def raised(chain: PolicyChain, *keys: DeviceKey) -> PolicyChain:
    """Two must sign from now on, as these agreed; then some ordinary changes."""
    chain = grown(chain, *keys, threshold=2)
    for number in range(5):
        chain = grown(chain, *keys, retention_days=7 + number)
    return chain


def rolled_back(chain: PolicyChain, key: DeviceKey) -> PolicyChain:
    """A lone key goes back: it lets somebody in, puts out whom it invents, takes every right."""
    invented = {DeviceKey.from_seed(bytes([100 + number]) * 32) for number in range(3)}
    lone = grown(chain, key, name="thief", **with_eve(chain, key))
    revoked = {one.id: Revocation(1, "x") for one in invented}
    lone = grown(lone, key, executors=(EVE.id,), revoked=revoked)
    for number in range(2):
        lone = grown(lone, EVE, admins=(EVE.id,), retention_days=20 + number)
    return lone


def with_paper(chain: PolicyChain) -> dict[str, object]:
    return {"persons": {**chain.current.persons, PAPER.id: "dan"}}


def with_eve(chain: PolicyChain, *keys: DeviceKey) -> dict[str, object]:
    return {
        "persons": {**chain.current.persons, EVE.id: "eve"},
        "admins": (*(key.id for key in keys), EVE.id),
    }


@pytest.mark.parametrize("founders", [(ANA, BO), (BO,)], ids=["two", "one"])
def test_a_lone_signer_from_before_the_threshold_takes_nothing_back(
    founders: tuple[DeviceKey, ...],
) -> None:
    base = founded(*founders)
    honest = raised(grown(base, BO, admins=(ANA.id, BO.id)), ANA, BO)
    kept = honest.current
    thief = rolled_back(base, BO)
    # Admins that it makes up sign as well.
    with_help = grown(
        thief, EVE, PAPER, admins=(EVE.id, PAPER.id), threshold=2, **with_paper(thief)
    )
    for one in (thief, with_help):
        with pytest.raises(PolicyForkError):
            honest.absorb(one.documents())
        meet(honest, one)
        assert honest.current == kept
        assert not honest.forked


def test_a_lone_signer_before_the_threshold_loses_to_it() -> None:
    base = founded(ANA, BO, CY)
    honest = raised(base, ANA, BO)
    lone = base
    for number in range(4):
        lone = grown(lone, CY, name=f"lone {number}", **without(base.current, EVE))
    for one, other in ((honest, copy_of(lone)), (copy_of(lone), honest)):
        meet(one, other)
        assert one.current == other.current
        assert one.current.threshold == 2


def test_made_up_admins_who_ask_for_two_signatures_undo_no_removal() -> None:
    base = founded(ANA, BO)
    removed = grown(base, ANA, **without(base.current, BO))
    kept = removed.current
    thief = raised(grown(base, BO, **with_eve(base, ANA, BO)), BO, EVE)
    meet(removed, thief)
    assert removed.current == kept


def test_nor_does_one_more_signature_on_a_change_that_was_given_up() -> None:
    base = founded(ANA, BO)
    asked = Signed.open(step(base, ANA, threshold=2))
    removed = grown(base, ANA, **without(base.current, BO))
    kept = removed.current
    thief = copy_of(base)
    thief.take(asked.signed_with(BO))
    meet(removed, thief)
    assert removed.current == kept


def test_two_who_ask_for_two_signatures_at_once_end_as_one_team() -> None:
    base = founded(*ADMINS)
    one, other = raised(base, ANA, BO), grown(raised(base, CY, BO), BO, CY, name="other")
    assert one.current != other.current
    meet(one, other)
    assert one.current == other.current


def test_a_stranger_cannot_claim_a_fork() -> None:
    base = founded(ANA)
    chain = grown(base, ANA, retention_days=7)
    for signer, fields in ((EVE, {}), (BO, {"admins": (BO.id,)}), (ANA, {"admins": (BO.id,)})):
        with pytest.raises(PolicyError, match="0 of the 1"):
            chain.absorb([step(base, signer, **fields)])
    assert not chain.forked


def test_an_old_fork_stops_nobody_for_ever() -> None:
    base = founded(ANA, BO)
    chain = grown(grown(base, ANA, retention_days=7), ANA, retention_days=9)
    with pytest.raises(PolicyForkError):
        chain.absorb([step(base, BO, retention_days=8)])
    assert not chain.forked


def test_a_chain_its_fork_and_its_proposals_survive_a_restart(tmp_path: Path) -> None:
    base = founded(ANA, BO)
    ana, bo = grown(base, ANA, retention_days=7), grown(base, BO, retention_days=8)
    meet(ana, bo)
    ana.save(tmp_path / "policy")
    assert PolicyChain.load(tmp_path / "policy").stamp == ana.stamp
    both = founded(ANA, BO, threshold=2)
    both.absorb([step(both, ANA, retention_days=7)])
    both.save(tmp_path / "policy")
    assert [one.hash for one in PolicyChain.load(tmp_path / "policy").proposals] == [
        one.hash for one in both.proposals
    ]


def test_a_proposal_travels_and_is_a_policy_once_enough_have_signed() -> None:
    ana = founded(ANA, BO, threshold=2)
    bo, cy = copy_of(ana), copy_of(ana)
    assert ana.absorb([step(ana, ANA, retention_days=7)])
    meet(ana, cy)
    meet(cy, bo)
    (proposal,) = bo.proposals
    assert (bo.current.version, proposal.signed_by) == (1, {ANA.id})
    bo.take(proposal.signed_with(BO))
    meet(bo, cy)
    meet(cy, ana)
    assert ana.current == bo.current == cy.current
    assert (ana.current.retention_days, ana.proposals) == (7, ())


def test_signatures_on_two_copies_of_a_proposal_are_put_together() -> None:
    ana = founded(ANA, BO, CY, threshold=3)
    bo = copy_of(ana)
    proposal = Signed.open(step(ana, ANA, retention_days=7))
    ana.take(proposal.signed_with(BO))
    bo.take(proposal.signed_with(CY))
    meet(ana, bo)
    assert ana.current.retention_days == bo.current.retention_days == 7


def test_a_stranger_proposes_nothing_and_nobody_too_much() -> None:
    chain = founded(ANA, BO, threshold=2)
    with pytest.raises(PolicyError, match="0 of the 2"):
        chain.absorb([step(chain, EVE, retention_days=7)])
    for number in range(8):
        chain.absorb([step(chain, BO, retention_days=10 + number)])
        chain.absorb([step(chain, ANA, audit_days=10)])
    assert [one.policy.audit_days for one in chain.proposals if ANA.id in one.signed_by] == [10]
    assert len(chain.proposals) == MAX_OF_SIGNER + 1
    chain.absorb([step(chain, ANA, BO, retention_days=5)])
    assert chain.proposals == ()


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_node_keeps_the_same_proposals_in_whatever_order_they_come(
    rng: random.Random,
) -> None:
    base = founded(*ADMINS, threshold=3)
    made = [
        sign_policy(
            base.successor(msgspec.structs.replace(base.current, retention_days=number), number),
            rng.sample(ADMINS, rng.choice((1, 1, 2))),
        )
        for number in range(1, 9)
    ]
    one, other = copy_of(base), copy_of(base)
    for document in made:
        one.absorb([document])
    for document in rng.sample(made, len(made)):
        other.absorb([document])
    assert one.proposals == other.proposals
    assert one.stamp == other.stamp
    assert not one.absorb(made[:8])


def test_the_key_on_paper_is_one_signature() -> None:
    chain = founded(ANA, recovery=PAPER.id)
    chain.absorb([step(chain, PAPER, admins=(ANA.id, BO.id))])
    assert chain.current.admins == (ANA.id, BO.id)
    two = founded(ANA, BO, threshold=2, recovery=PAPER.id)
    two.absorb([step(two, PAPER, name="alone")])
    assert two.current.version == 1, "the paper alone does not govern a team where two must sign"
    two.absorb([step(two, PAPER, BO, name="both")])
    assert two.current.name == "both"


def test_a_paper_that_was_replaced_signs_nothing_and_takes_nothing_back() -> None:
    base = founded(ANA, recovery=PAPER.id)
    chain = grown(base, ANA, recovery=DeviceKey.from_seed(bytes([9]) * 32).id)
    kept = chain.current
    with pytest.raises(PolicyError, match="0 of the 1"):
        chain.absorb([step(chain, PAPER, name="thief")])
    with pytest.raises(PolicyForkError):
        chain.absorb([step(base, PAPER, name="thief")])
    assert chain.current == kept


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_admins_who_never_wait_for_each_other_still_have_one_team(rng: random.Random) -> None:
    base = founded(*ADMINS)
    nodes = [copy_of(base) for _ in ADMINS]
    for number in range(12):
        chosen = rng.randrange(3)
        if rng.random() < 0.6:
            chain = nodes[chosen]
            chain.absorb([step(chain, ADMINS[chosen], retention_days=1 + number)])
        else:
            meet(nodes[chosen], nodes[(chosen + 1) % 3])
    for _ in range(3):
        for left, right in ((0, 1), (1, 2), (2, 0)):
            meet(nodes[left], nodes[right])
    assert nodes[0].current == nodes[1].current == nodes[2].current


def test_what_was_lost_is_done_again_on_top_of_what_won() -> None:
    base = founded(ANA, BO).current
    mine = msgspec.structs.replace(
        base, persons={**base.persons, EVE.id: "eve"}, collectors=(ANA.id,), retention_days=7
    )
    theirs = msgspec.structs.replace(base, executors=(BO.id,), audit_days=90, name="other")
    merged = changes.rebased(base, mine)(theirs)
    assert merged.persons[EVE.id] == "eve"
    days = (merged.retention_days, merged.audit_days)
    assert (merged.collectors, merged.executors, days, merged.name) == (
        (ANA.id,),
        (BO.id,),
        (7, 90),
        "other",
    )


def test_of_two_who_took_one_name_at_once_the_first_has_it() -> None:
    base = founded(ANA, BO).current
    mine = msgspec.structs.replace(base, persons={**base.persons, EVE.id: "Dan"})
    theirs = msgspec.structs.replace(base, persons={**base.persons, PAPER.id: "dan"})
    assert EVE.id not in changes.rebased(base, mine)(theirs).persons


def test_doing_again_never_takes_a_revocation_back() -> None:
    base = founded(ANA, BO).current
    theirs = msgspec.structs.replace(base, **without(base, CY))
    mine = msgspec.structs.replace(base, retention_days=7)
    assert CY.id in changes.rebased(base, mine)(theirs).revoked


def test_how_long_deploys_are_kept_is_said_to_who_signs_and_older_policies_have_a_default() -> None:
    base = founded(ANA, BO).current
    longer = changes.settings(audit_days=730)(base)
    assert changes.differences(base, longer) == (
        "days that deploys are kept for an audit: 730 instead of 400",
    )
    assert changes.rebased(base, longer)(base).audit_days == 730
    older = msgspec.json.encode(
        {key: value for key, value in msgspec.to_builtins(base).items() if key != "audit_days"}
    )
    assert msgspec.json.decode(older, type=Policy).audit_days == 400
