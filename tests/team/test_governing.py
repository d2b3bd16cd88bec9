"""Changes that admins make: roles, revocations, signatures of two, and the recovery key."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from people import People, countersign, give, revoke, tell

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.entry import FEED_BYTES
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import sign_policy
from devstream_desktop.team.policy.policy import LIFETIME_MS, End, Grant
from devstream_desktop.team.team import Team


def test_a_role_is_taken_away_again(team: Team, people: People) -> None:
    give(team, "ana", Role.DEPLOYER, "shop/*")
    give(team, "ana", Role.DEPLOYER, "till/*")
    team.change(changes.ungrant("ana", Role.DEPLOYER, "shop/*"))
    assert team.chain.current.grants == (Grant(Role.DEPLOYER, "ana", "till/*"),)
    team.change(changes.ungrant("ana", Role.DEPLOYER, ""))
    assert team.chain.current.grants == ()
    team.change(changes.ungrant("ana", Role.COLLECTOR, ""))
    assert team.chain.current.collectors == ()
    for role, pattern, problem in (
        (Role.DEPLOYER, "", "is not deployer"),
        (Role.COLLECTOR, "", "is not collector"),
        (Role.EXECUTOR, "shop/*", "without targets"),
        (Role.ISSUER, "", "an admin accepts joins"),
        (Role.ADMIN, "", "nobody could change the team"),
    ):
        with pytest.raises(PolicyError, match=problem):
            team.change(changes.ungrant("ana", role, pattern))


async def test_two_must_sign_once_the_team_says_so(team: Team, people: People) -> None:
    bo = await people.join("bo")
    with pytest.raises(PolicyError, match="nobody could change the team"):
        team.change(changes.settings(threshold=2))
    give(team, "bo", Role.ADMIN)
    assert not team.change(changes.settings(threshold=2)), "bo has to agree that bo must"
    assert countersign(team, bo)
    assert team.chain.current.threshold == 2
    assert not give(team, "bo", Role.DEPLOYER, "shop/*")
    tell(team, bo)
    assert [changes.differences(bo.chain.current, one.policy) for one in bo.chain.proposals] == [
        ("bo becomes deployer of shop/*",)
    ]
    with pytest.raises(PolicyError, match="no proposed changes"):
        bo.approve("ffff")
    assert bo.approve(bo.chain.proposals[0].hash[:8])
    tell(bo, team)
    assert team.chain.current.may("bo", Role.DEPLOYER, "shop", "production")


async def test_revoking_takes_every_right_and_says_where_feeds_end(
    team: Team, people: People
) -> None:
    bo = await people.join("bo")
    for role in (Role.ADMIN, Role.COLLECTOR, Role.EXECUTOR):
        give(team, "bo", role)
    feed = (bo.device.public + bytes(16))[:FEED_BYTES]
    ends = (
        End(feed, 7, b"h" * 16),
        End((team.device.public + bytes(16))[:FEED_BYTES], 3, b"h" * 16),
    )
    who = changes.chosen_devices(team.chain.current, bo.device.id[:8])
    team.change(changes.revoke(who, "stolen\n\u202e", team.now(), ends))
    policy = team.chain.current
    assert policy.revoked[bo.device.id].ends == ends[:1], "only of its own feeds"
    assert policy.revoked[bo.device.id].why == "stolen"
    assert not any(policy.has_role(bo.device.id, role) for role in Role)
    assert bo.device.id not in policy.issuers
    with pytest.raises(PolicyError, match="is no person of the team"):
        changes.chosen_devices(policy, "bo")
    with pytest.raises(PolicyError, match="nobody could change"):
        team.change(changes.revoke((team.device.id,), "", team.now(), ()))


async def test_a_stolen_admin_device_is_put_out_although_two_must_sign(
    team: Team, people: People
) -> None:
    bo, cy = await people.join("bo"), await people.join("cy")
    paper = DeviceKey.generate()
    team.change(changes.recovery(paper.id))
    give(team, "bo", Role.ADMIN)
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    tell(bo, cy)

    # Bo's device is stolen. The paper is one signature, and ana's the second.
    assert not cy.change(changes.recover(cy.device.id, cy.now()), recovery=paper)
    assert countersign(cy, team)

    assert not revoke(team, "bo", "stolen")
    assert countersign(team, cy)
    assert cy.gate(bo.device.id) == f"bo's device {bo.device.id[:8]} was revoked: stolen"
    assert cy.chain.current.threshold == 2

    # One admin is left, so one signature is enough from now on.
    revoke(team, "cy", "stolen too")
    countersign(team, cy)
    assert cy.chain.current.threshold == 1


async def test_the_key_on_paper_makes_a_member_admin_when_the_only_admin_is_gone(
    team: Team, people: People
) -> None:
    paper = DeviceKey.generate()
    team.change(changes.recovery(paper.id))
    bo = await people.join("bo")
    with pytest.raises(PolicyError, match="0 of the 1"):
        bo.change(changes.recover(bo.device.id, bo.now()), recovery=DeviceKey.generate())
    assert bo.change(changes.recover(bo.device.id, bo.now()), recovery=paper)
    assert bo.is_admin
    assert bo.admissions.open, "bo can let people in without anything of ana's"
    assert bo.change(changes.revoke((team.device.id,), "lost", bo.now(), ()))
    assert team.absorb(bo.chain.documents(team.chain.stamp))
    assert team.gate(team.device.id) is not None


async def test_a_change_that_lost_is_made_again(team: Team, people: People) -> None:
    bo = await people.join_as_admin("bo")
    for number in range(4):
        give(team, "bo", Role.DEPLOYER, f"a{number}/*")
        give(bo, "bo", Role.DEPLOYER, f"b{number}/*")
        for _ in range(4):
            for sender, receiver in ((team, bo), (bo, team)):
                with contextlib.suppress(PolicyError):
                    tell(sender, receiver)
                receiver.restore()
        assert team.chain.current == bo.chain.current
        patterns = {grant.pattern for grant in team.chain.current.grants}
        assert {f"a{number}/*", f"b{number}/*"} <= patterns
        assert not team.chain.forked


async def test_a_branch_that_comes_in_two_messages_wins(team: Team, people: People) -> None:
    cy = await people.join("cy")
    bo = await people.join_as_admin("bo")
    base = team.chain.current.version
    for number in range(4):
        give(team, "bo", Role.DEPLOYER, f"a{number}/*")
        give(bo, "bo", Role.DEPLOYER, f"b{number}/*")
    revoke(bo, "cy", "stolen")
    documents = bo.chain.documents()[base:]
    with pytest.raises(PolicyForkError):
        team.absorb(documents[:2])
    assert team.absorb(documents[2:])
    assert cy.device.id in team.chain.current.revoked
    assert team.chain.current == bo.chain.current


def test_an_admin_renews_the_policy_before_its_end(team: Team) -> None:
    ends = team.chain.current.expires
    assert not team.renew_policy()
    team.now.add(days=61)  # type: ignore[attr-defined]
    assert team.renew_policy()
    assert team.chain.current.expires == team.now() + LIFETIME_MS > ends
    assert not team.renew_policy()


async def test_admins_renew_in_turn_and_members_not_at_all(team: Team, people: People) -> None:
    bo = await people.join("bo")
    cy = await people.join("cy")
    give(team, "bo", Role.ADMIN)
    tell(team, bo, cy)
    team.now.add(days=60, seconds=60)  # type: ignore[attr-defined]
    assert not cy.renew_policy()
    assert not bo.renew_policy(), "it is ana's day"
    team.now.add(days=1)  # type: ignore[attr-defined]
    assert bo.renew_policy()


async def test_two_admins_who_must_both_sign_renew_the_policy_in_time(
    team: Team, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    version = team.chain.current.version
    team.now.add(days=61)  # type: ignore[attr-defined]
    # Each has begun something that nobody signs, and both have renewed before they meet.
    give(team, "bo", Role.DEPLOYER, "a/*")
    give(bo, "bo", Role.DEPLOYER, "b/*")
    for day in range(4):
        for one, other in ((team, bo), (bo, team)):
            one.renew_policy()
            if day:
                tell(one, other)
        team.now.add(days=1)  # type: ignore[attr-defined]
    assert team.chain.current == bo.chain.current
    assert team.chain.current.version == version + 1, "once"
    assert team.chain.current.expires - team.now() > LIFETIME_MS * 0.9


async def test_a_renewal_that_says_more_is_signed_by_no_machine(team: Team, people: People) -> None:
    bo = await people.join_as_admin("bo")
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    team.now.add(days=61)  # type: ignore[attr-defined]
    for fields in ({"name": "other"}, {"expires": team.now() + 3 * LIFETIME_MS}):
        policy = team.chain.successor(team.chain.current, team.now())
        asked = msgspec.structs.replace(policy, **fields)
        bo.absorb([sign_policy(asked, [team.device])])
    bo.now.add(days=1)  # type: ignore[attr-defined]
    assert bo.renew_policy()
    unsigned = [one for one in bo.chain.proposals if team.device.id in one.signed_by]
    assert [one.signed_by for one in unsigned] == [{team.device.id}] * 2


async def test_a_change_that_another_admin_waits_with_is_signed_and_not_made_twice(
    team: Team, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    for _ in range(12):
        team.now.add(seconds=2)  # type: ignore[attr-defined]
        assert not give(team, "bo", Role.DEPLOYER, "a/*")
    assert len(team.chain.proposals) == 1
    tell(team, bo)
    assert give(bo, "bo", Role.DEPLOYER, "a/*")
    tell(bo, team)
    assert team.chain.current.may("bo", Role.DEPLOYER, "a", "b")


async def test_one_admin_keeps_no_other_from_a_revocation(team: Team, people: People) -> None:
    bo, cy = await people.join_as_admin("bo"), await people.join_as_admin("cy")
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    tell(bo, cy, team)
    for number in range(8):
        bo.now.add(seconds=2)  # type: ignore[attr-defined]
        give(bo, "bo", Role.DEPLOYER, f"a{number}/*")
        tell(bo, team, cy)
    assert not revoke(team, "bo", "stolen")
    tell(team, cy)
    (proposal,) = [one for one in cy.chain.proposals if bo.device.id in one.policy.revoked]
    assert cy.approve(proposal.hash)
