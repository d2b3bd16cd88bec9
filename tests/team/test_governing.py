"""What admins do over a team's life.

Roles given and taken, joins approved, devices put out, changes signed by two, and a lost admin.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from importlib.resources import files

import msgspec
import pytest

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey, seal_for
from devstream_desktop.keys.errors import RecoveryKeyError
from devstream_desktop.keys.recovery_key import read_recovery_key, write_recovery_key
from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.entry import FEED_BYTES
from devstream_desktop.stream.words import Role
from devstream_desktop.team import membership
from devstream_desktop.team.certificates import is_trusted
from devstream_desktop.team.enrolment import Enrolment
from devstream_desktop.team.errors import PolicyError, TeamError
from devstream_desktop.team.joining import tls
from devstream_desktop.team.joining.client import join
from devstream_desktop.team.joining.errors import JoinError, JoinWaitsError, Problem
from devstream_desktop.team.joining.six_words import six_words
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.policy import LIFETIME_MS, End, Grant
from devstream_desktop.team.team import Team

MakeHome = Callable[[str], Home]
DAY = 86_400_000


async def member(door: Enrolment, home: Home, person: str, now: Callable[[], int]) -> Team:
    return await Team.join(
        home, Vault.open(home), await door.invite(3600, approved=True), person, now=now
    )


def tell(sender: Team, *receivers: Team) -> None:
    for receiver in receivers:
        receiver.absorb(sender.chain.documents(receiver.chain.stamp))


def give(team: Team, person: str, role: Role, pattern: str = "") -> bool:
    return team.change(changes.grant(person, role, pattern, team.now()))


async def test_the_third_person_waits_for_an_admin_who_compares_six_words(
    team: Team, home: MakeHome
) -> None:
    asked: list[tuple[str, str, int]] = []
    door = Enrolment(team, host="127.0.0.1", on_asked=lambda *news: asked.append(news))
    try:
        bo = await Team.join(home("bo"), Vault.open(home("bo")), await door.invite(3600), "bo")
        assert asked == [], "the first two people know each other"
        place = home("cy")
        vault, text = Vault.open(place), await door.invite(3600)
        with pytest.raises(JoinWaitsError) as waits:
            await Team.join(place, vault, text, "cy")
        assert (waits.value.team, waits.value.approvers) == ("acme", ("ana",))
        device = Team.joining_device(vault)
        assert [news[:2] for news in asked] == [(device, "cy")]
        with pytest.raises(JoinWaitsError):
            await Team.join(place, vault, text, "cy")
        assert len(asked) == 1, "told once"
        assert team.gate(device) is not None
        with pytest.raises(PolicyError, match="only an admin's device"):
            bo.change(changes.admit(device, "cy"))
        team.change(changes.admit(device, "cy"))
        cy = await Team.join(place, vault, text, "cy")
        assert (cy.device.id, cy.person) == (device, "cy")
        assert six_words(cy.device.id) == six_words(device)
    finally:
        await door.stop()


async def test_an_admin_turns_somebody_away(team: Team, door: Enrolment, home: MakeHome) -> None:
    await member(door, home("bo"), "bo", team.now)
    text, device = await door.invite(3600), DeviceKey.generate()
    with pytest.raises(JoinWaitsError):
        await join(text, "cy", device)
    team.admissions.reject(device.id)
    with pytest.raises(JoinError) as refused:
        await join(text, "cy", device)
    assert refused.value.problem is Problem.REJECTED


async def test_approving_can_be_switched_off_and_only_an_admin_approves_beforehand(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    give(team, "bo", Role.ISSUER)
    tell(team, bo)
    with pytest.raises(PolicyError, match="only an admin can approve a join beforehand; ana can"):
        bo.admissions.invite(60, "127.0.0.1:1", approved=True)
    team.change(changes.settings(approve_joins=False))
    assert (
        await join(await door.invite(3600), "cy", DeviceKey.generate())
    ).chain.current.people() == ("ana", "bo", "cy")


async def test_an_issuer_that_is_no_admin_lets_nobody_in_alone(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    team.change(changes.settings(approve_joins=False))
    give(team, "bo", Role.ISSUER)
    tell(team, bo)
    second = Enrolment(bo, host="127.0.0.1")
    try:
        text, device = await second.invite(3600), DeviceKey.generate()
        with pytest.raises(JoinWaitsError):
            await join(text, "cy", device)
        team.change(changes.admit(device.id, "cy"))
        tell(team, bo)
        joined = await join(text, "cy", device)
        assert is_trusted(joined.certificate_pem, team.chain.current)
    finally:
        await second.stop()


async def test_every_admins_device_lets_people_in_with_an_authority_of_its_own(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    assert bo.admissions.open
    assert bo.admissions.authority().pin != team.admissions.authority().pin
    second = Enrolment(bo, host="127.0.0.1")
    try:
        cy = await member(second, home("cy"), "cy", team.now)
    finally:
        await second.stop()
    tell(bo, team)
    assert team.gate(cy.device.id) is None
    assert is_trusted(cy.certificate_pem, team.chain.current)
    assert team.ca_pem == bo.ca_pem == cy.ca_pem
    assert team.ca_pem.count("BEGIN CERTIFICATE") == 2


async def test_a_certificate_is_renewed_at_half_its_life_and_after_its_end(
    team: Team, door: Enrolment, home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    doors = membership.doors(home("bo"))
    assert doors == {team.device.id: f"127.0.0.1:{door.port}"}
    await door.stop()
    assert not bo.renewal_due
    assert team.admissions.open_for() < 3600 - 1, "nobody needs the door for a renewal"
    for days, what in ((16, "half"), (40, "all of it")):
        team.now.add(days=days)  # type: ignore[attr-defined]
        assert bo.renewal_due, what
        assert team.admissions.open_for() == 3600
        await team.renew({})
        # The contexts check by the real clock, which cannot be moved: the issuer's certificate is
        # one of today.
        with monkeypatch.context() as patch:
            patch.setattr(
                "devstream_desktop.team.joining.client.tls.verified_context",
                lambda _: tls.unverified_context(),
            )
            await door.look()
            await bo.renew(doors)
        assert not bo.renewal_due
        assert team.admissions.open_for() == 0
        again = Team.load(home("bo"), Vault.open(home("bo")), now=team.now)  # type: ignore[arg-type]
        assert again.certificate_pem == bo.certificate_pem


async def test_a_renewal_takes_the_real_issuer_and_a_member(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    doors = {team.device.id: f"127.0.0.1:{door.port}"}
    before = bo.certificate_pem
    await bo.renew(doors)
    assert bo.certificate_pem != before
    with pytest.raises(TeamError, match=r"no address of an issuer is known here.*have ana start"):
        await bo.renew({})
    with pytest.raises(TeamError, match="cannot be reached"):
        await bo.renew({team.device.id: "127.0.0.1:1"})
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    cy = await member(door, home("cy"), "cy", team.now)
    with pytest.raises(TeamError, match=r"not the device that invited you|cannot be reached"):
        await cy.renew({bo.device.id: doors[team.device.id]})
    team.change(
        changes.revoke(changes.chosen_devices(team.chain.current, "cy"), "left", team.now(), ())
    )
    with pytest.raises(TeamError, match="does not know this device as one of the team"):
        await cy.renew(doors)


async def test_the_authority_of_a_revoked_issuer_is_worth_nothing_at_once(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    second = Enrolment(bo, host="127.0.0.1")
    try:
        cy = await member(second, home("cy"), "cy", team.now)
        tell(bo, team)
        team.change(
            changes.revoke(
                changes.chosen_devices(team.chain.current, "bo"), "stolen", team.now(), ()
            )
        )
        tell(team, cy)
        assert cy.renewal_due, "what bo's authority signed is believed by nobody"
        await cy.renew(
            {team.device.id: f"127.0.0.1:{door.port}"}
            if door.is_open
            else await _opened(door, team)
        )
    finally:
        await second.stop()
    assert not cy.renewal_due
    assert cy.ca_pem.count("BEGIN CERTIFICATE") == 1


async def _opened(door: Enrolment, team: Team) -> dict[str, str]:
    await door.invite(60, approved=True)
    return {team.device.id: f"127.0.0.1:{door.port}"}


async def test_two_must_sign_once_the_team_says_so(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    with pytest.raises(PolicyError, match="nobody could change the team"):
        team.change(changes.settings(threshold=2))
    give(team, "bo", Role.ADMIN)
    assert not team.change(changes.settings(threshold=2)), "bo has to agree that bo must"
    tell(team, bo)
    assert bo.approve("")
    tell(bo, team)
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


async def test_a_join_waits_for_the_second_signature(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    give(team, "bo", Role.ADMIN)
    team.change(changes.settings(threshold=2))
    tell(team, bo)
    bo.approve("")
    tell(bo, team)
    text, device = await door.invite(3600, approved=True), DeviceKey.generate()
    with pytest.raises(JoinWaitsError):
        await join(text, "cy", device)
    tell(team, bo)
    assert bo.approve("")
    tell(bo, team)
    assert (await join(text, "cy", device)).chain.current.is_member(device.id)


async def test_the_key_on_paper_makes_a_member_admin_when_the_only_admin_is_gone(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    paper = DeviceKey.generate()
    team.change(changes.recovery(paper.id))
    bo = await member(door, home("bo"), "bo", team.now)
    with pytest.raises(PolicyError, match="0 of the 1"):
        bo.change(changes.recover(bo.device.id, bo.now()), recovery=DeviceKey.generate())
    assert bo.change(changes.recover(bo.device.id, bo.now()), recovery=paper)
    assert bo.is_admin
    assert bo.admissions.open, "bo can let people in without anything of ana's"
    assert bo.change(changes.revoke((team.device.id,), "lost", bo.now(), ()))
    assert team.absorb(bo.chain.documents(team.chain.stamp))
    assert team.gate(team.device.id) is not None


def test_a_recovery_key_survives_paper() -> None:
    key = DeviceKey.generate()
    text = write_recovery_key(key)
    assert read_recovery_key(f"  {text.upper()}\n").id == key.id
    assert read_recovery_key(text.replace("-", " ").replace("dsr1 ", "dsr1-")).id == key.id
    for wrong in (
        "",
        "dsr1-",
        text[:-1],
        text[:20] + ("a" if text[20] != "a" else "b") + text[21:],
        "ds1-" + text,
    ):
        with pytest.raises(RecoveryKeyError, match="recovery key"):
            read_recovery_key(wrong)


async def test_a_change_that_lost_is_made_again(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
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


def test_an_admin_renews_the_policy_before_its_end(team: Team) -> None:
    ends = team.chain.current.expires
    assert not team.renew_policy()
    team.now.add(days=61)  # type: ignore[attr-defined]
    assert team.renew_policy()
    assert team.chain.current.expires == team.now() + LIFETIME_MS > ends
    assert not team.renew_policy()


async def test_admins_renew_in_turn_and_members_not_at_all(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    cy = await member(door, home("cy"), "cy", team.now)
    give(team, "bo", Role.ADMIN)
    tell(team, bo, cy)
    team.now.add(days=60, seconds=60)  # type: ignore[attr-defined]
    assert not cy.renew_policy()
    assert not bo.renew_policy(), "it is ana's day"
    team.now.add(days=1)  # type: ignore[attr-defined]
    assert bo.renew_policy()


def test_a_role_is_taken_away_again(team: Team) -> None:
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
        (Role.ISSUER, "", "an admin lets people in"),
        (Role.ADMIN, "", "nobody could change the team"),
    ):
        with pytest.raises(PolicyError, match=problem):
            team.change(changes.ungrant("ana", role, pattern))


async def test_revoking_takes_every_right_and_says_where_feeds_end(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
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
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    bo = await member(door, home("bo"), "bo", team.now)
    cy = await member(door, home("cy"), "cy", team.now)
    paper = DeviceKey.generate()
    team.change(changes.recovery(paper.id))
    give(team, "bo", Role.ADMIN)
    team.change(changes.settings(threshold=2))
    tell(team, bo, cy)
    bo.approve("")
    tell(bo, team, cy)
    assert not cy.change(changes.recover(cy.device.id, cy.now()), recovery=paper), (
        "the paper and one admin"
    )
    tell(cy, team)
    assert team.approve("")
    tell(team, cy)
    assert not team.change(changes.revoke((bo.device.id,), "stolen", team.now(), ()))
    tell(team, cy)
    assert cy.approve("")
    assert (cy.chain.current.threshold, cy.gate(bo.device.id)) == (
        2,
        f"bo's device {bo.device.id[:8]} was revoked: stolen",
    )
    tell(cy, team)
    team.change(changes.revoke((cy.device.id,), "stolen too", team.now(), ()))
    tell(team, cy)
    cy.approve("")
    assert cy.chain.current.threshold == 1


def test_what_is_sealed_to_a_device_opens_there_alone() -> None:
    one, other = DeviceKey.generate(), DeviceKey.generate()
    assert one.unseal(seal_for(one.public, b"secret")) == b"secret"
    for sealed in (seal_for(other.public, b"secret"), b"", seal_for(one.public, b"secret")[:-1]):
        with pytest.raises(ValueError, match="sealed to another"):
            one.unseal(sealed)
    with pytest.raises(ValueError, match="not a sound device key"):
        seal_for(bytes(32), b"secret")


def test_the_words_are_a_thousand_and_stay_what_they_are() -> None:
    text = (files("devstream_desktop.team.joining") / "words.txt").read_bytes()
    words = text.decode("ascii").split()
    assert len(words) == len(set(words)) == 1024
    assert all(word.isalpha() and word.islower() and 3 <= len(word) <= 10 for word in words)
    # A change of the list would show other words for the same device on an older node.
    assert hashlib.sha256(" ".join(words).encode()).hexdigest()[:16] == "9aafef888090557f"
    seen = {six_words(DeviceKey.generate().id) for _ in range(300)}
    assert len(seen) == 300
    assert all(len(one.split()) == 6 and set(one.split()) <= set(words) for one in seen)


async def test_an_approved_join_is_the_policys_own_name(
    team: Team, door: Enrolment, home: MakeHome
) -> None:
    """Two who ask for one name: the second approval is refused, whatever the screens said."""
    await member(door, home("bo"), "bo", team.now)
    first, second = DeviceKey.generate(), DeviceKey.generate()
    for device in (first, second):
        with pytest.raises(JoinWaitsError):
            await join(await door.invite(3600), "cy", device)
    team.change(changes.admit(first.id, "cy"))
    with pytest.raises(PolicyError, match="somebody in the team is called cy"):
        team.change(changes.admit(second.id, "cy"))
    await asyncio.sleep(0)
    assert team.chain.current.persons[first.id] == "cy"
    assert msgspec.json.encode(team.chain.current).count(b'"cy"') == 1
