from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from doors import Door

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team import membership
from devstream_desktop.team.certificates import common_name
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import sign_policy
from devstream_desktop.team.policy.policy import Revocation
from devstream_desktop.team.team import (
    JoinError,
    NoTeamError,
    PolicyError,
    Problem,
    Team,
    TeamError,
)

Found = Callable[..., Team]
MakeHome = Callable[[str], Home]


async def joined(door: Door, home: Home, person: str) -> Team:
    return await Team.join(home, Vault.open(home), await door.invite(3600, approved=True), person)


def grant(team: Team, person: str, role: Role, pattern: str = "") -> int:
    """Give a role; the policy's version then."""
    team.change(changes.grant(person, role, pattern, team.now()))
    return team.chain.current.version


def reload(home: Home) -> Team:
    return Team.load(home, Vault.open(home))


def test_a_home_without_a_team_says_how_to_get_one(home: MakeHome) -> None:
    place = home("empty")
    with pytest.raises(NoTeamError, match="devstream team create"):
        Team.load(place, Vault.open(place))


def test_a_founder_may_everything_but_deploy(team: Team) -> None:
    (me,) = team.members()
    assert (me.person, me.roles, me.grants) == (
        "ana",
        (Role.ADMIN, Role.ISSUER, Role.COLLECTOR, Role.EXECUTOR),
        (),
    )
    assert (team.name, team.person, team.solo, team.admissions.open, len(team.id)) == (
        "acme",
        "ana",
        False,
        True,
        26,
    )
    assert common_name(team.certificate.pem) == team.device.id
    assert team.missing_role(Kind.BUILD, "failed") is None
    assert not team.chain.current.may("ana", Role.DEPLOYER, "shop", "production")


def test_the_person_of_a_team_of_one_may_deploy(found: Found) -> None:
    team = found(solo=True)
    assert team.solo
    assert team.chain.current.may("ana", Role.DEPLOYER, "shop", "production")


def test_it_is_the_same_after_a_restart(team: Team, home: MakeHome) -> None:
    grant(team, "ana", Role.DEPLOYER, "shop/*")
    again = reload(home("acme-ana"))
    assert (again.id, again.device.id, again.person) == (team.id, team.device.id, team.person)
    assert again.chain.documents() == team.chain.documents()
    assert again.certificate.key_pem == team.certificate.key_pem
    assert again.admissions.open


def test_no_private_key_is_on_disk_in_clear(team: Team, home: MakeHome) -> None:
    team.tls_server()
    key = load_pem_private_key(team.certificate.key_pem.encode(), None)
    der = key.private_numbers().private_value  # type: ignore[union-attr]
    for path in home("acme-ana").root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"PRIVATE KEY" not in content
            assert team.device.seed not in content
            assert der.to_bytes(32, "big") not in content


def test_another_sealing_key_does_not_open_the_team(
    team: Team, home: MakeHome, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(bytes(32))
    with pytest.raises(Exception, match="another key"):
        reload(home("acme-ana"))


def test_damaged_policies_are_said(team: Team, home: MakeHome) -> None:
    (home("acme-ana").team / "policy.msgpack").write_bytes(b"\xff garbage")
    with pytest.raises(PolicyError, match="restore the file from a backup"):
        reload(home("acme-ana"))


@pytest.mark.parametrize("name", ["team.json", "invites.json"])
def test_what_can_be_written_anew_is(team: Team, home: MakeHome, name: str) -> None:
    place = home("acme-ana")
    (place.team / name).write_bytes(b"\xff garbage")
    again = reload(place)
    assert (again.person, again.id, again.solo, again.admissions.open_for()) == (
        "ana",
        team.id,
        False,
        0,
    )
    [told] = place.set_aside()
    assert told.startswith(f"{name} could not be read, and was set aside as {name}.unreadable: ")
    (place.team / f"{name}.unreadable").unlink()
    reload(place)
    assert place.set_aside() == ()


def test_granting(team: Team) -> None:
    told: list[int] = []
    team.on_change = lambda: told.append(team.chain.current.version)
    assert grant(team, "ana", Role.DEPLOYER, "shop/*") == 2
    assert grant(team, "ana", Role.DEPLOYER, "shop/*") == 2, "granted already"
    assert grant(team, "ana", Role.APPROVER) == 3
    assert told == [2, 3]
    with pytest.raises(PolicyError, match="nobody in the team is called eve"):
        grant(team, "eve", Role.DEPLOYER)


def test_granting_again_renews_a_policy_that_nears_its_end(team: Team) -> None:
    grant(team, "ana", Role.DEPLOYER)
    ends = team.chain.current.expires
    team.now.add(days=61)  # type: ignore[attr-defined]
    assert grant(team, "ana", Role.DEPLOYER) == 3
    assert team.chain.current.expires > ends


async def test_joining_and_who_may_change_the_team(team: Team, door: Door, home: MakeHome) -> None:
    bo = await joined(door, home("bo"), "bo")
    assert (bo.name, bo.id, bo.person, bo.admissions.open) == (team.name, team.id, "bo", False)
    assert [member.person for member in bo.members()] == ["ana", "bo"]
    assert bo.gate(team.device.id) is team.gate(bo.device.id) is None
    with pytest.raises(PolicyError, match="ana can"):
        grant(bo, "bo", Role.ADMIN)
    with pytest.raises(PolicyError, match="this device cannot invite; ana can"):
        bo.admissions.invite(60, "127.0.0.1:1")
    assert reload(home("bo")).device.id == bo.device.id
    assert not Vault.open(home("bo")).exists(membership.JOINING_KEY)


async def test_policies_travel(team: Team, door: Door, home: MakeHome) -> None:
    bo = await joined(door, home("bo"), "bo")
    told: list[int] = []
    bo.on_change = lambda: told.append(bo.chain.current.version)
    grant(team, "bo", Role.COLLECTOR)
    grant(team, "bo", Role.DEPLOYER, "shop/*")
    news = team.chain.documents(bo.chain.stamp)
    assert bo.absorb(news)
    assert not bo.absorb(news)
    assert told == [4]
    assert bo.chain.current == team.chain.current
    assert reload(home("bo")).chain.current.version == 4


async def test_what_came_before_a_bad_policy_is_kept(
    team: Team, door: Door, home: MakeHome
) -> None:
    bo = await joined(door, home("bo"), "bo")
    grant(team, "bo", Role.COLLECTOR)
    with pytest.raises(PolicyError, match="not a policy"):
        bo.absorb([*team.chain.documents(bo.chain.stamp), b"garbage"])
    assert bo.chain.current.version == 3
    assert reload(home("bo")).chain.current.version == 3


async def test_a_revoked_peer_is_gated_with_the_reason(
    team: Team, door: Door, home: MakeHome
) -> None:
    bo = await joined(door, home("bo"), "bo")
    revoked = {bo.device.id: Revocation(team.now(), "laptop lost")}
    changed = msgspec.structs.replace(team.chain.current, revoked=revoked)
    team.absorb([sign_policy(team.chain.successor(changed, team.now()), [team.device])])
    assert team.gate(bo.device.id) == f"bo's device {bo.device.id[:8]} was revoked: laptop lost"
    assert "is not in the team" in (team.gate(DeviceKey.generate().id) or "")
    assert team.members()[1].revoked == (bo.device.id,)


async def test_a_revoked_device_cannot_join_again_nor_its_name_be_taken(
    team: Team, door: Door, home: MakeHome
) -> None:
    bo = await joined(door, home("bo"), "bo")
    changed = msgspec.structs.replace(
        team.chain.current, revoked={bo.device.id: Revocation(team.now(), "")}
    )
    team.absorb([sign_policy(team.chain.successor(changed, team.now()), [team.device])])
    Vault.open(home("again")).seal(membership.JOINING_KEY, bo.device.seed)
    with pytest.raises(JoinError) as caught:
        await joined(door, home("again"), "bo")
    assert caught.value.problem is Problem.DEVICE
    with pytest.raises(JoinError) as caught:
        await joined(door, home("third"), "bo")
    assert caught.value.problem is Problem.NAME_TAKEN


async def test_a_team_of_one_gives_way_to_a_join_and_only_then(
    team: Team, door: Door, home: MakeHome, found: Found
) -> None:
    solo = found("desk", "bo", solo=True)
    place = home("desk-bo")
    with pytest.raises(JoinError):
        await Team.join(place, Vault.open(place), "ds1-nonsense", "bo")
    assert reload(place).id == solo.id
    bo = await joined(door, place, "bo")
    assert reload(place).id == bo.id == team.id
    assert bo.device.id != solo.device.id
    assert not bo.solo
    assert [path.name for path in place.team.glob("left-*/team.json")] == ["team.json"]


async def test_a_chosen_team_does_not_give_way(
    team: Team, door: Door, home: MakeHome, found: Found
) -> None:
    found("other", "bo")
    with pytest.raises(JoinError, match="in the team other already"):
        await joined(door, home("other-bo"), "bo")
    with pytest.raises(TeamError, match="in the team other already"):
        found("other", "bo")


async def test_a_team_of_one_that_somebody_joined_is_a_team(home: MakeHome, found: Found) -> None:
    solo = found("desk", "ana", solo=True)
    door = Door(solo)
    try:
        await joined(door, home("bo"), "bo")
    finally:
        await door.stop()
    assert not solo.solo
    with pytest.raises(TeamError, match="in the team desk already"):
        found("desk", "ana")


async def test_a_join_whose_answer_was_lost_is_repeated_with_the_same_device(
    team: Team, door: Door, home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home("bo")
    vault, text = Vault.open(place), await door.invite(3600)

    def full(*_: object) -> None:
        raise TeamError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(membership, "save", full)
        with pytest.raises(TeamError, match="the disk is full"):
            await Team.join(place, vault, text, "bo")
    with pytest.raises(NoTeamError):
        reload(place)
    bo = await Team.join(place, vault, text, "bo")
    assert team.chain.current.devices_of("bo") == (bo.device.id,)


def test_leaving_keeps_the_old_team_aside(team: Team, home: MakeHome) -> None:
    place = home("acme-ana")
    team.leave()
    with pytest.raises(NoTeamError):
        reload(place)
    vault = Vault.open(place)
    assert not vault.exists(membership.DEVICE_KEY)
    assert len(list(place.secrets.glob("left-*/*.sealed"))) == 2
    assert Team.create(place, vault, "acme", "ana").id != team.id


def test_a_full_disk_changes_nothing(
    team: Team, home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = team.chain.documents()
    monkeypatch.setattr("devstream_desktop.team.policy.stored_chain.write_private", full)
    with pytest.raises(TeamError, match="the disk is full; free some space"):
        grant(team, "ana", Role.DEPLOYER)
    assert team.chain.documents() == before
    monkeypatch.setattr("devstream_desktop.team.joining.open_invites.write_private", full)
    with pytest.raises(TeamError, match="the disk is full; free some space"):
        team.admissions.invite(60, "127.0.0.1:1")
    assert team.admissions.open_for() == 0


async def test_an_issuer_renews_its_own_certificate(team: Team, home: MakeHome) -> None:
    place, vault = home("acme-ana"), Vault.open(home("acme-ana"))
    before = (team.certificate.pem, team.certificate.key_pem)
    assert not team.certificate.due
    team.now.add(days=16)  # type: ignore[attr-defined]
    assert team.certificate.due
    await team.certificate.renew({})
    assert not team.certificate.due
    assert team.certificate.expires == team.now() // 1000 * 1000 + 30 * 86_400_000
    assert (team.certificate.pem, team.certificate.key_pem) != before
    again = Team.load(place, vault, now=team.now)
    assert (again.certificate.pem, again.certificate.key_pem) == (
        team.certificate.pem,
        team.certificate.key_pem,
    )


def test_invites_have_bounds(team: Team) -> None:
    for seconds in (0, -1, 31 * 86_400):
        with pytest.raises(TeamError, match="from one second to 30 days"):
            team.admissions.invite(seconds, "127.0.0.1:1")
    assert team.admissions.open_for() == 0
    team.admissions.invite(60, "127.0.0.1:1")
    assert team.admissions.open_for() == 60


def test_threads_that_grant_together_make_one_chain(team: Team, home: MakeHome) -> None:
    threads = [
        threading.Thread(target=grant, args=(team, "ana", Role.DEPLOYER, f"t{number}/*"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert team.chain.current.version == 9
    assert len(reload(home("acme-ana")).chain.current.grants) == 8


def test_names_are_checked_when_founding(found: Found) -> None:
    for name, person in (("", "ana"), ("acme", "a\nb"), ("<b>", "ana")):
        with pytest.raises(PolicyError, match="is not a name"):
            found(name, person)
