"""A person's devices: another one, one in place of another, and the names that stay apart."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from doors import Door
from people import MakeHome, People, countersign, give, revoke, tell

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.node.team_advice import advice
from devstream_desktop.stream.entry import FEED_BYTES, HASH_BYTES, KEY_BYTES
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.joining.client import join
from devstream_desktop.team.joining.errors import JoinError, JoinWaitsError, Problem
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.policy import End, Policy
from devstream_desktop.team.team import Team

SECOND = DeviceKey.from_seed(b"2" * 32)


async def joined(door: Door, key: DeviceKey, person: str = "", **invite: object) -> str:
    """Join by a pre-approved invite; the person that the policy names."""
    text = await door.invite(3600, approved=True, **invite)  # type: ignore[arg-type]
    return (await join(text, person, key)).person


async def test_another_device_has_the_persons_roles_and_none_of_its_devices(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    give(team, "bo", Role.COLLECTOR)
    give(team, "bo", Role.DEPLOYER, "shop/*")
    assert await joined(door, SECOND, owner="bo") == "bo"
    policy = team.chain.current
    assert policy.devices_of("bo") == (bo.device.id, SECOND.id)
    assert policy.people() == ("ana", "bo"), "nobody new"
    assert policy.has_role(SECOND.id, Role.DEPLOYER)
    for role in (Role.ADMIN, Role.ISSUER, Role.COLLECTOR, Role.EXECUTOR):
        assert not policy.has_role(SECOND.id, role)
    assert policy.machines[SECOND.id], "its machine is named"


@pytest.mark.parametrize(
    ("owner", "person", "problem"),
    [
        ("", "bo", Problem.NAME_TAKEN),
        ("", "B0", Problem.NAME_TAKEN),
        ("", "", Problem.UNNAMED),
        ("bo", "cy", Problem.OTHER_PERSON),
        ("bo", "ana", Problem.OTHER_PERSON),
        ("bo", "Bo", Problem.OTHER_PERSON),
    ],
)
async def test_a_name_that_exists_is_given_by_the_invite_alone(
    team: Team, door: Door, people: People, owner: str, person: str, problem: Problem
) -> None:
    await people.join("bo")
    before = team.chain.current
    with pytest.raises(JoinError) as refused:
        await joined(door, SECOND, person, owner=owner)
    assert refused.value.problem is problem
    assert team.chain.current == before


async def test_the_sentence_for_a_taken_name_names_the_command(door: Door, people: People) -> None:
    await people.join("bo")
    with pytest.raises(JoinError, match="devstream team invite --for NAME"):
        await joined(door, SECOND, "bo")


async def test_whoever_waits_with_another_device_is_told_apart_from_somebody_new(
    team: Team, people: People
) -> None:
    await people.join("bo")
    asked: list[changes.Newcomer] = []
    door = Door(team, on_asked=lambda newcomer, _: asked.append(newcomer))
    try:
        with pytest.raises(JoinWaitsError):
            await join(await door.invite(3600, owner="bo"), "", SECOND)
        with pytest.raises(JoinWaitsError):
            await join(await door.invite(3600), "cy", DeviceKey.from_seed(b"3" * 32))
    finally:
        await door.stop()
    assert [(one.person, one.another) for one in asked] == [("bo", True), ("cy", False)]
    # Whoever waits under a name that is taken meanwhile does not become that person.
    team.change(changes.admit(DeviceKey.from_seed(b"4" * 32).id, "cy"))
    with pytest.raises(PolicyError, match="devstream team invite --for cy"):
        team.change(changes.take_in(asked[1], team.now(), ()))
    team.change(changes.take_in(asked[0], team.now(), ()))
    assert len(team.chain.current.devices_of("bo")) == 2


async def test_a_replaced_device_is_out_in_the_same_version_and_its_past_stays(
    team: Team, people: People
) -> None:
    bo = await people.join("bo")
    feed = bo.device.public + bytes(FEED_BYTES - KEY_BYTES)
    end = End(feed, 7, bytes(HASH_BYTES))
    door = Door(team, ends=lambda device: [end] if device == bo.device.id else [])
    try:
        version = team.chain.current.version
        assert await joined(door, SECOND, replaces=bo.device.id[:8]) == "bo"
    finally:
        await door.stop()
    policy = team.chain.current
    assert policy.version == version + 1
    assert policy.devices_of("bo") == (SECOND.id,)
    assert policy.revoked[bo.device.id].ends == (end,)
    assert changes.replaced_by(policy, SECOND.id) == bo.device.id
    assert changes.replaced_by(policy, team.device.id) == ""


async def test_somebody_revoked_comes_back_as_the_same_person_when_an_invite_says_so(
    team: Team, door: Door, people: People
) -> None:
    await people.join("bo")
    give(team, "bo", Role.DEPLOYER, "shop/*")
    revoke(team, "bo", "laptop stolen")
    with pytest.raises(JoinError) as refused:
        await joined(door, SECOND, "bo")
    assert refused.value.problem is Problem.NAME_TAKEN
    assert await joined(door, SECOND, owner="bo") == "bo"
    assert team.chain.current.may("bo", Role.DEPLOYER, "shop", "production")


async def test_who_may_invite_for_a_person_and_which_device_may_be_replaced(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join("bo")
    tell(team, bo)
    with pytest.raises(PolicyError, match="this device cannot invite; ana can"):
        bo.admissions.invite(60, "127.0.0.1:1", owner="bo")
    for arguments, sentence in (
        ({"owner": "eve"}, "nobody in the team is called eve; there are: ana, bo"),
        ({"replaces": "nonsense"}, "is not the first 8 characters of a device"),
        ({"replaces": team.device.id}, "only admin's device.*leave --replace out"),
        ({"owner": "ana", "replaces": bo.device.id}, "is no device of ana"),
    ):
        with pytest.raises(PolicyError, match=sentence):
            await door.invite(60, **arguments)  # type: ignore[arg-type]
    give(team, "bo", Role.ADMIN)
    with pytest.raises(PolicyError, match="that is this device"):
        await door.invite(60, replaces=team.device.id)
    await door.invite(60, replaces=bo.device.id[:8])


async def test_an_issuer_that_is_no_admin_adds_no_device_alone(
    team: Team, people: People, home: MakeHome
) -> None:
    bo = await people.join("bo")
    give(team, "bo", Role.ISSUER)
    team.change(changes.settings(approve_joins=False))
    tell(team, bo)
    async with people.door(bo) as second:
        with pytest.raises(JoinWaitsError):
            await join(await second.invite(3600, owner="ana"), "", SECOND)
    assert bo.chain.current.devices_of("ana") == (team.device.id,)


async def test_two_admins_add_devices_of_one_person_at_once(team: Team, people: People) -> None:
    bo = await people.join_as_admin("bo")
    third = DeviceKey.from_seed(b"3" * 32)
    team.change(changes.admit(SECOND.id, "bo", another=True, machine="desk"))
    bo.change(changes.admit(third.id, "bo", another=True, machine="lap"))
    for _ in range(3):
        for one, other in ((team, bo), (bo, team)):
            with contextlib.suppress(PolicyForkError):
                tell(one, other)
            other.restore()
    for one in (team, bo):
        assert set(one.chain.current.devices_of("bo")) == {bo.device.id, SECOND.id, third.id}
        assert one.chain.current.machines[third.id] == "lap"


async def test_the_last_admin_cannot_leave_and_hears_what_to_do_first(
    team: Team, people: People
) -> None:
    changes.check_leave(team.chain.current, team.device.id)  # alone
    bo = await people.join("bo")
    with pytest.raises(PolicyError, match="devstream team grant bo admin"):
        changes.check_leave(team.chain.current, team.device.id)
    changes.check_leave(team.chain.current, bo.device.id)
    give(team, "bo", Role.ADMIN)
    changes.check_leave(team.chain.current, team.device.id)


async def test_an_admin_without_whom_too_few_could_sign_hears_what_to_do_first(
    team: Team, people: People
) -> None:
    bo = await people.join("bo")
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    # Bo alone could not even take the device out of the policy.
    assert not bo.change(changes.revoke([team.device.id], "", bo.now(), ()))
    for device in (team.device.id, bo.device.id):
        with pytest.raises(PolicyError, match="devstream team set --threshold 1"):
            changes.check_leave(team.chain.current, device)
    # With a key on paper there is a second signature.
    policy = msgspec.structs.replace(team.chain.current, recovery=DeviceKey.generate().id)
    changes.check_leave(policy, team.device.id)
    policy = msgspec.structs.replace(team.chain.current, threshold=1)
    changes.check_leave(policy, team.device.id)


async def test_a_home_that_left_joins_again_with_another_key(
    team: Team, door: Door, people: People, home: MakeHome
) -> None:
    bo = await people.join("bo")
    with pytest.raises(JoinError, match="devstream team leave"):
        await people.join("bo")
    bo.leave()
    place = home("bo")
    text = await door.invite(3600, approved=True, owner="bo")
    again = await Team.join(place, Vault.open(place), text, "", now=team.now)
    assert again.person == "bo"
    assert again.device.id != bo.device.id


@pytest.mark.parametrize("name", ["a" * 41, "two\nlines", "\u202eevil", "a  b"])
def test_a_machine_whose_name_would_be_shown_otherwise_is_refused(team: Team, name: str) -> None:
    def change(policy: Policy) -> Policy:
        return msgspec.structs.replace(policy, machines={team.device.id: name})

    with pytest.raises(PolicyError, match="name of a machine"):
        team.change(change)


def test_one_lost_device_is_what_a_team_is_warned_of(team: Team) -> None:
    def warned() -> bool:
        said = advice(team.chain.current, team.now(), is_admin=True)
        return any("is lost" in one for one in said)

    assert not warned(), "alone"
    team.change(changes.admit(SECOND.id, "ana", another=True))
    assert warned(), "the second device could not change the team"
    give(team, "ana", Role.ADMIN)
    assert not warned(), "each can be lost"
